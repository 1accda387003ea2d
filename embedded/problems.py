"""What the operator is told when something can't be done: one sentence, never a traceback."""

import errno
import traceback
from contextlib import suppress
from pathlib import Path

DISK_FULL = ("No space left on device", "Check free disk space", "Disk quota exceeded")
"""What the C library and PostgreSQL say; a short write has no error number of its own."""


class EmbeddedError(Exception):
    """Something that the operator can understand and put right: one clear sentence; lines of a log may follow."""

    exit_code = 1


class NotRunningError(EmbeddedError):
    """The command needs a stack that runs."""

    exit_code = 3

    def __init__(self, home: Path) -> None:
        super().__init__(f"nothing is running in {home}; start it with `fitnesshub up`")


def explain(error: Exception, doing: str, folder: Path, log: Path) -> EmbeddedError:
    """What to tell about any error while `doing` something, as `starting valkey`, with files in a folder.

    The traceback of a fault of ours goes to the log.
    """
    if isinstance(error, EmbeddedError):
        return from_text(str(error), folder) if type(error) is EmbeddedError else error
    if isinstance(error, OSError):
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            return disk_full(folder)
        where = f" {error.filename}" if error.filename else ""
        return EmbeddedError(f"{doing} failed:{where} {error.strerror or error}")
    with suppress(OSError), log.open("a") as file:
        traceback.print_exception(error, file=file)
    return EmbeddedError(f"{doing} failed unexpectedly: {type(error).__name__}: {error}; the traceback is in {log}")


def from_text(text: str, folder: Path) -> EmbeddedError:
    """The text of a server's trouble as it is, unless what it says is that the disk that holds the folder is full."""
    return disk_full(folder) if any(words in text for words in DISK_FULL) else EmbeddedError(text)


def disk_full(folder: Path) -> EmbeddedError:
    """The sentence for a full disk."""
    return EmbeddedError(
        f"the disk that holds {folder} is full: "
        "free some space (or set FITNESSHUB_HOME to another disk) and start again"
    )
