"""Log files of children: one each, rotated by size when its child starts, read back when it fails."""

from pathlib import Path

MAX_BYTES = 10 << 20
"""A file above this is put aside at start; with the generations kept, a child's logs stay near 40 MiB."""
GENERATIONS = 3
REACH = 64 << 10


def rotate(path: Path) -> None:
    """Puts a large log aside as `.1`, the one before as `.2`, and so on; the oldest goes."""
    if not path.exists() or path.stat().st_size <= MAX_BYTES:
        return
    for number in range(GENERATIONS - 1, 0, -1):
        older = path.with_name(f"{path.name}.{number}")
        if older.exists():
            older.replace(path.with_name(f"{path.name}.{number + 1}"))
    path.replace(path.with_name(f"{path.name}.1"))


def size(path: Path) -> int:
    """Bytes in the log now; 0 when there is none."""
    return path.stat().st_size if path.exists() else 0


def tail(path: Path, lines: int, start: int = 0, reach: int = REACH) -> list[str]:
    """The last lines that aren't empty, of what was written from byte `start` on; looks `reach` bytes back."""
    if not path.exists():
        return []
    with path.open("rb") as file:
        file.seek(max(start, size(path) - reach))
        text = file.read().decode(errors="replace")
    return [line for line in text.splitlines() if line.strip()][-lines:]
