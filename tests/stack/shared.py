"""Servers shared by the workers of a test run: the first that needs one starts it, the last stops it."""

import fcntl
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.stack.keeper import server

START_TIMEOUT = 60.0
"""Seconds."""
STOP_TIMEOUT = 30.0

_keepers: list[subprocess.Popen[bytes]] = []
"""Those that this process started: they end after it has let go, not before."""


@contextmanager
def locked(file: Path, kind: int = fcntl.LOCK_EX) -> Iterator[None]:
    """Holds a lock on a file, which is made when it is missing."""
    with file.open("a") as opened:
        fcntl.flock(opened, kind)
        yield


@contextmanager
def shared(kind: str, run: Path) -> Iterator[object]:
    """The run's server of this kind (`postgres` or `valkey`), kept at least until the block ends."""
    folder = run / kind
    folder.mkdir(exist_ok=True)
    (folder / "users").touch()
    with (folder / "users").open() as users:
        with locked(folder / "start"):
            # Waits while a keeper that had no users left is stopping its server.
            fcntl.flock(users, fcntl.LOCK_SH)
            if not (folder / "ready").exists():
                _start_keeper(kind, folder)
        yield server(kind, folder, Path((folder / "ready").read_text()))


def wait_until_stopped(run: Path) -> None:
    """Returns when no server of the run is left. To be called when nobody uses them any more."""
    until = time.monotonic() + STOP_TIMEOUT
    for keeper in _keepers:
        keeper.wait(STOP_TIMEOUT)
    while left := list(run.glob("*/running")):
        if time.monotonic() > until:
            raise TimeoutError(f"test servers are still running: {left}")
        time.sleep(0.02)


def _start_keeper(kind: str, folder: Path) -> None:
    (folder / "running").touch()
    with (folder / "log").open("ab") as log:
        keeper = subprocess.Popen(
            [sys.executable, "-m", "tests.stack.keeper", kind, str(folder)],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    _keepers.append(keeper)
    until = time.monotonic() + START_TIMEOUT
    while not (folder / "ready").exists():
        if keeper.poll() is not None or time.monotonic() > until:
            raise RuntimeError(f"{kind} doesn't start:\n{(folder / 'log').read_text()[-2000:]}")
        time.sleep(0.02)
