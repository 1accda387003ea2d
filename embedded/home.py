"""The state folder of one stack, the locks that guard it and the short folder for its sockets.

Two locks: the supervisor's says that a stack runs here; the one that every child inherits says that something
of a stack still lives here. So after a `kill -9` the next start knows when the old servers are really gone.
"""

import fcntl
import hashlib
import os
import shutil
import stat
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from embedded.problems import EmbeddedError

DEFAULT = ".fitnesshub"
FOLDERS = ("data", "secrets", "logs", "run")
LONGEST_SOCKET_FOLDER = 80
"""Sockets' paths end at 107 bytes; PostgreSQL's name for one takes 15, and its lock file 5 more."""
LOCK_RETRY = 0.3
"""Seconds to try for the supervisor's lock: `status` holds it for an instant to see whether it is free."""
ORPHANS_WAIT = 15.0
"""Seconds to wait for the children of a killed supervisor; they need less than 10."""


@dataclass(frozen=True)
class Home:
    """Paths of one stack's state."""

    root: Path
    """Absolute."""

    @property
    def data(self) -> Path:
        return self.root / "data"

    @property
    def secrets(self) -> Path:
        return self.root / "secrets"

    @property
    def logs(self) -> Path:
        return self.root / "logs"

    @property
    def run(self) -> Path:
        return self.root / "run"

    @property
    def state_file(self) -> Path:
        return self.run / "state.json"

    @property
    def supervisor_log(self) -> Path:
        return self.logs / "supervisor.log"

    @property
    def lock_file(self) -> Path:
        return self.run / "supervisor.lock"

    @property
    def children_lock_file(self) -> Path:
        return self.run / "children.lock"

    @property
    def sockets(self) -> Path:
        """Folder for sockets: short whatever the length of the state folder's path, and the same at each start."""
        name = "fh-" + hashlib.sha256(str(self.root).encode()).hexdigest()[:12]
        folder = Path(tempfile.gettempdir()) / name
        return folder if len(os.fsencode(folder)) <= LONGEST_SOCKET_FOLDER else Path("/tmp") / name  # noqa: S108


def find_home(environment: Mapping[str, str]) -> Home:
    """The state folder that FITNESSHUB_HOME names, `.fitnesshub` in the current folder by default."""
    return Home(Path(environment.get("FITNESSHUB_HOME") or DEFAULT).resolve())


def create(home: Home) -> None:
    """Makes what is missing of the state folder. Raises EmbeddedError for a folder that is something else."""
    if home.root.exists():
        if not home.root.is_dir():
            raise EmbeddedError(f"FITNESSHUB_HOME {home.root} is not a folder")
        if not home.run.is_dir() and any(home.root.iterdir()):
            raise EmbeddedError(
                f"FITNESSHUB_HOME {home.root} holds files that aren't FitnessHub's; name an empty or a new folder"
            )
    for folder in (home.root, *(home.root / name for name in FOLDERS)):
        folder.mkdir(mode=0o700, parents=folder == home.root, exist_ok=True)
        _make_private(folder)


def create_sockets(home: Home) -> None:
    """Makes the socket folder if it is missing. Raises EmbeddedError when somebody else made it."""
    home.sockets.mkdir(mode=0o700, exist_ok=True)
    _make_private(home.sockets)


def keep_sockets(home: Home) -> None:
    """Locks the socket folder for the life of this process: systemd-tmpfiles tidies old folders, but no locked ones."""
    fcntl.flock(os.open(home.sockets, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC), fcntl.LOCK_SH)


def remove_sockets(home: Home) -> None:
    """Removes the socket folder of a stack that has ended; one that somebody else made stays."""
    with suppress(FileNotFoundError):
        found = home.sockets.lstat()
        if stat.S_ISDIR(found.st_mode) and found.st_uid == os.geteuid():
            shutil.rmtree(home.sockets)


def _make_private(folder: Path) -> None:
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode):
        raise EmbeddedError(f"{folder} must be a folder and is something else (a link?); remove it and start again")
    if found.st_uid != os.geteuid():
        raise EmbeddedError(
            f"{folder} belongs to another user (uid {found.st_uid}); remove it or use another FITNESSHUB_HOME"
        )
    if stat.S_IMODE(found.st_mode) != 0o700:
        folder.chmod(0o700)


def lock(home: Home) -> IO[str]:
    """Takes the supervisor's lock; it lasts until the file is closed or the process ends.

    Raises EmbeddedError when a stack runs here.
    """
    file = home.lock_file.open("a+")
    deadline = time.monotonic() + LOCK_RETRY
    while not _try_lock(file, fcntl.LOCK_EX):
        if time.monotonic() > deadline:
            pid = running_pid(home)
            file.close()
            who = f" (pid {pid})" if pid else ""
            raise EmbeddedError(
                f"a stack is already running in {home.root}{who}; "
                "`fitnesshub status` shows it, `fitnesshub down` stops it"
            )
        time.sleep(0.05)
    file.truncate(0)
    file.write(str(os.getpid()))
    file.flush()
    return file


def lock_children(home: Home, timeout: float = ORPHANS_WAIT) -> IO[str]:
    """Takes the lock that children are to inherit, waiting until those of an earlier stack are gone.

    Raises EmbeddedError when they are still there after `timeout` seconds.
    """
    file = home.children_lock_file.open("a+")
    deadline = time.monotonic() + timeout
    while not _try_lock(file, fcntl.LOCK_EX):
        if time.monotonic() > deadline:
            file.close()
            holders = ", ".join(str(pid) for pid in _holders(home.children_lock_file)) or "unknown"
            raise EmbeddedError(
                f"processes of an earlier stack in {home.root} are still running (pids: {holders}); "
                "stop them and start again"
            )
        time.sleep(0.05)
    return file


def is_locked(path: Path) -> bool:
    """Whether somebody holds this lock."""
    try:
        with path.open("r") as file:
            return not _try_lock(file, fcntl.LOCK_SH)
    except FileNotFoundError:
        return False


def running_pid(home: Home) -> int | None:
    """Process id of the supervisor that runs here; None when none does."""
    if not is_locked(home.lock_file):
        return None
    text = home.lock_file.read_text()
    return int(text) if text.isdigit() else None


def remove(home: Home) -> None:
    """Removes the state, all of it. Raises EmbeddedError when a stack runs here, or when this isn't a state folder."""
    if not home.run.is_dir():
        raise EmbeddedError(f"there is no state in {home.root}")
    with lock(home), lock_children(home):
        for name in FOLDERS:
            shutil.rmtree(home.root / name)
        remove_sockets(home)
    if not any(home.root.iterdir()):
        home.root.rmdir()


@contextmanager
def written(path: Path, mode: int = 0o600) -> Iterator[IO[str]]:
    """A file that appears whole or not at all."""
    draft = path.with_name(f".{path.name}.new")
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode), "w") as file:
        yield file
    draft.replace(path)


def _try_lock(file: IO[str], kind: int) -> bool:
    try:
        fcntl.flock(file, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _holders(path: Path) -> Iterator[int]:
    """Processes that have the file open, where /proc tells."""
    for folder in Path("/proc").glob("[0-9]*/fd"):
        try:
            if any(entry.readlink() == path for entry in folder.iterdir()):
                yield int(folder.parent.name)
        except OSError:
            continue
