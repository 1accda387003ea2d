"""A PostgreSQL of one test's own, which it may kill."""

import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from embedded.postgres import Postgres
from tests.stack.keeper import start


class PrivatePostgres:
    """A server that can be killed and started again on the same data."""

    def __init__(self, postgres: Postgres) -> None:
        self.postgres = postgres
        self.process: subprocess.Popen[bytes] | None = None

    async def start(self) -> None:
        """Starts it and waits until it takes connections."""
        self.postgres.prepare()
        self.process = start(self.postgres.command())
        await self.postgres.wait_ready()

    def stop(self, number: int = signal.SIGINT) -> None:
        """Ends it by a signal. SIGQUIT is a crash of all of it at once; after SIGKILL backends live on for a moment."""
        if self.process is not None:
            self.process.send_signal(number)
            self.process.wait(20)
            self.process = None


@contextmanager
def private_postgres(folder: Path, *, durable: bool = False) -> Iterator[PrivatePostgres]:
    """An unstarted server with its data in the folder."""
    sockets = Path(tempfile.mkdtemp(prefix="fh-"))
    server = PrivatePostgres(Postgres(folder / "data", sockets, folder / "secrets", durable=durable))
    try:
        yield server
    finally:
        server.stop(signal.SIGQUIT)
        shutil.rmtree(sockets)
