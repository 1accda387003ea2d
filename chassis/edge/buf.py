"""Runs buf over the contract: `python -m chassis.edge.buf lint|breaking|image`.

buf needs google/api and its like in its workspace and can't fetch them: it works in a copy with them beside our files.
"""

import argparse
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from chassis.edge.generate import CHECKOUT
from chassis.edge.protoc import site_packages

WORKSPACE = ".buf-workspace"
IMAGE = "proto/released.binpb"
"""The contract as of the last release: what `breaking` compares with, and `image` writes."""
_IMPORT = re.compile(r'^import "(google/(?!protobuf/)[^"]+)";', re.MULTILINE)
"""Of Google's files, buf knows only those of google/protobuf."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one of buf's checks on the contract, or freezes it as released. Returns buf's exit status."""
    parser = argparse.ArgumentParser(prog="python -m chassis.edge.buf", description=main.__doc__)
    parser.add_argument("command", choices=("lint", "breaking", "image"))
    return run(parser.parse_args(arguments).command, CHECKOUT)


def run(command: str, checkout: Path) -> int:
    """Runs a command for the protos of a checkout; what buf says goes to the terminal."""
    workspace = prepare(checkout)
    image = checkout / IMAGE
    # Google's files are in the image as imports only, so that an update of theirs is no break of ours.
    match command:
        case "image":
            done = _buf(workspace, "build", "proto", "--exclude-source-info", "--output", str(image))
        case "breaking":
            done = _buf(workspace, "breaking", "proto", "--against", str(image), "--exclude-imports")
        case _:
            done = _buf(workspace, "lint")
    return done


def prepare(checkout: Path) -> Path:
    """Makes the workspace anew, out of the checkout's protos and Google's."""
    workspace = checkout / WORKSPACE
    shutil.rmtree(workspace, ignore_errors=True)
    shutil.copytree(checkout / "proto", workspace / "proto", ignore=shutil.ignore_patterns("*.binpb"))
    shutil.copy(checkout / "buf.yaml", workspace)
    waiting = list((workspace / "proto").rglob("*.proto"))
    while waiting:
        for name in _IMPORT.findall(waiting.pop().read_text()):
            target = workspace / "imports" / name
            if not target.exists():
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(site_packages() / name, target)
                waiting.append(target)
    return workspace


def _buf(workspace: Path, *arguments: str) -> int:
    program = Path(sys.executable).parent / "buf"
    return subprocess.run([program, *arguments], cwd=workspace, check=False).returncode


if __name__ == "__main__":
    raise SystemExit(main())
