"""Puts the tables of benchmarks into docs/performance.md, each between its own pair of markers."""

import os
import platform
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

PAGE = Path(__file__).parents[1] / "docs/performance.md"


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def machine() -> str:
    """What kind of machine this is, and how busy others keep it, in words."""
    cores = len(os.sched_getaffinity(0))
    return (
        f"{cores} {platform.machine()} cores, Python {platform.python_version()},"
        f" load average at the start {os.getloadavg()[0]:.1f}, {datetime.now(UTC):%Y-%m-%d}"
    )


def publish(section: str, text: str) -> None:
    """Replaces what stands between the markers of a section. Raises ValueError when the page lacks them."""
    begin, end = f"<!-- {section}: begin -->", f"<!-- {section}: end -->"
    before, found, rest = PAGE.read_text().partition(begin)
    _, ended, after = rest.partition(end)
    if not found or not ended:
        raise ValueError(f"{PAGE.name} lacks the markers of {section}")
    PAGE.write_text(f"{before}{begin}\n{text}\n{end}{after}")
