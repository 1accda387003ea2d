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


def from_os_error(error: OSError, doing: str, folder: Path) -> EmbeddedError:
    """The sentence for a failed system call while `doing` something, as `writing the state`, in a folder."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return disk_full(folder)
    where = f" {error.filename}" if error.filename else ""
    return EmbeddedError(f"{doing} failed:{where} {error.strerror or error}")


def unexpected(error: BaseException, log: Path) -> EmbeddedError:
    """The sentence for a fault of ours; the traceback goes to the log."""
    with suppress(OSError), log.open("a") as file:
        traceback.print_exception(error, file=file)
    return EmbeddedError(f"unexpected {type(error).__name__}: {error}; the traceback is in {log}")


def from_text(text: str, folder: Path) -> EmbeddedError:
    """The text of a server's trouble as it is, unless what it says is that the disk that holds the folder is full."""
    return disk_full(folder) if any(words in text for words in DISK_FULL) else EmbeddedError(text)


def disk_full(folder: Path) -> EmbeddedError:
    """The sentence for a full disk."""
    return EmbeddedError(
        f"the disk that holds {folder} is full: "
        "free some space (or set FITNESSHUB_HOME to another disk) and start again"
    )
