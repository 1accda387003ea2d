"""`fitnesshub logs`: the files of one part or of all, and what is added to them."""

import os
import sys
import time
from argparse import Namespace
from pathlib import Path

from embedded.home import Home, find_home
from embedded.logfiles import size, tail
from embedded.problems import EmbeddedError
from embedded.state import load

POLL = 0.2
"""Seconds between two looks at the files when following."""
LONG_LINE = 4096
"""Bytes; how far back a line is looked for."""


def logs(arguments: Namespace) -> int:
    """Shows the last lines, and with -f what comes."""
    home = find_home(os.environ)
    files = _files(home, arguments.part)
    label = len(files) > 1
    ends = {file: size(file) for file in files}
    for file in files:
        for line in tail(file, arguments.lines, reach=arguments.lines * LONG_LINE):
            _print(file, line, label=label)
    while arguments.follow:
        time.sleep(POLL)
        for file, end in ends.items():
            now = size(file)
            # A file that got shorter was put aside and begun again.
            for line in tail(file, sys.maxsize, end if now >= end else 0) if now != end else ():
                _print(file, line, label=label)
            ends[file] = now
    return 0


def _files(home: Home, part: str | None) -> list[Path]:
    found = sorted(home.logs.glob("*.log"))
    if not found:
        raise EmbeddedError(f"there are no logs in {home.logs}")
    if part is None:
        return found
    state = load(home)
    hosts = {each.process for each in state.services if each.name == part} if state else set()
    chosen = [file for file in found if file.stem == part or file.stem in hosts or file.stem.startswith(f"{part}-")]
    if not chosen:
        names = ", ".join(file.stem for file in found)
        raise EmbeddedError(f"there is no log of {part!r}; there are: {names}")
    return chosen


def _print(file: Path, line: str, *, label: bool) -> None:
    print(f"{file.stem}: {line}" if label else line, flush=True)
