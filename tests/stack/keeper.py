"""Runs one server for as long as anybody holds the users' lock, and removes it with all it wrote.

A process of its own, because no worker is sure to be the last one, or to end in good order:
`python -m tests.stack.keeper postgres|valkey FOLDER`.
"""

import asyncio
import fcntl
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

from embedded.command import Command
from embedded.postgres import Postgres
from embedded.valkey import Valkey

STOP_SIGNALS = {"postgres": signal.SIGINT, "valkey": signal.SIGTERM}
STOP_TIMEOUT = 20
"""Seconds."""


def server(kind: str, folder: Path, sockets: Path) -> Postgres | Valkey:
    """The server that is kept in this folder."""
    if kind == "postgres":
        return Postgres(folder / "data", sockets, folder / "secrets", durable=False)
    return Valkey(folder / "data", sockets)


def start(command: Command) -> subprocess.Popen[bytes]:
    """Starts a server in the foreground."""
    groups: list[int] | None = None if command.uid is None else []
    return subprocess.Popen(
        command.argv, cwd=command.cwd, env=command.env, user=command.uid, group=command.gid, extra_groups=groups
    )


def keep(kind: str, folder: Path) -> None:
    """Starts the server, says so in the file `ready`, waits until nobody uses it, stops it."""
    sockets = Path(tempfile.mkdtemp(prefix="fh-"))
    kept = server(kind, folder, sockets)
    try:
        kept.prepare()
        process = start(kept.command())
        try:
            asyncio.run(kept.wait_ready())
            (folder / "ready").write_text(str(sockets))
            with (folder / "users").open() as users:
                fcntl.flock(users, fcntl.LOCK_EX)
                (folder / "ready").unlink()
                process.send_signal(STOP_SIGNALS[kind])
                process.wait(STOP_TIMEOUT)
        finally:
            process.kill()
            process.wait()
    finally:
        shutil.rmtree(sockets, ignore_errors=True)
        shutil.rmtree(folder / "data", ignore_errors=True)
        (folder / "running").unlink()


if __name__ == "__main__":
    keep(sys.argv[1], Path(sys.argv[2]))
