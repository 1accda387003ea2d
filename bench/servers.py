"""Servers of a benchmark's own: PostgreSQL that waits for the disk and Valkey with its file, as `make up` runs them."""

import shutil
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from embedded.valkey import Valkey
from tests.stack.databases import TestDatabase
from tests.stack.keeper import start
from tests.stack.private import private_postgres


@dataclass(frozen=True)
class Servers:
    """Where they are."""

    database: TestDatabase
    redis_url: str


@asynccontextmanager
async def servers() -> AsyncIterator[Servers]:
    """Starts both in a new folder, and removes it at the end."""
    folder = Path(tempfile.mkdtemp(prefix="fh-"))
    valkey = Valkey(folder / "valkey", folder / "sockets")
    try:
        with private_postgres(folder / "postgres", durable=True) as postgres:
            await postgres.start()
            valkey.prepare()
            process = start(valkey.command())
            try:
                await valkey.wait_ready()
                database = TestDatabase(postgres.postgres, "bench")
                await database.create()
                yield Servers(database, valkey.url)
            finally:
                process.kill()
                process.wait()
    finally:
        shutil.rmtree(folder)
