"""Events have nowhere to go: memory stays bounded, the signals say so, writes go on, and nothing is lost after it."""

import asyncio
import resource
import shutil
import subprocess
import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from google.protobuf.wrappers_pb2 import Int64Value, StringValue
from prometheus_client import REGISTRY
from redis.asyncio import Redis

from chassis import redis_client
from chassis.db import Database, WriteSession
from chassis.errors import Unavailable
from chassis.events.consumer import Consumer, Received, Subscription
from chassis.events.redis_bus import RedisBus
from chassis.events.relay import Relay
from embedded.valkey import Valkey
from tests.integration.chassis.conftest import SERVICES
from tests.integration.chassis.depot import ADD, COUNT, DELETE_ALL, new_id
from tests.integration.chassis.events import CLEAR, CLEAR_INBOX, CLEAR_STATE, INBOX, UNPUBLISHED, emit, subscription
from tests.stack.databases import TestDatabase
from tests.stack.private import PrivatePostgres, private_postgres

SOON = 30.0
BOUND = 500
EVENTS = 6_000
SIZE = 5_000
"""Bytes an event: all of them are 30 MB."""


async def empty(db: Database) -> None:
    async with db.write() as tx:
        for statement in (*DELETE_ALL, CLEAR, CLEAR_INBOX, CLEAR_STATE):
            await tx.execute(statement)


@pytest.fixture
async def depot(depot: Database) -> Database:
    await empty(depot)
    return depot


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """The relay looks around more often than it does in life."""
    monkeypatch.setattr("chassis.events.relay.CHECK", 0.05)
    monkeypatch.setattr("chassis.events.relay.TIDY", 0.1)


@asynccontextmanager
async def running(*workers: Relay | Consumer) -> AsyncIterator[None]:
    tasks = [asyncio.create_task(worker.run()) for worker in workers]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def counts(db: Database, statement: object, wanted: int) -> None:
    """Waits until a statement that counts says so."""
    async with asyncio.timeout(SOON):
        while await db.value(statement) != wanted:  # type: ignore[arg-type]
            await asyncio.sleep(0.02)


def metric(name: str) -> float:
    found = REGISTRY.get_sample_value(name, {"service": "depot"})
    assert found is not None
    return found


def memory() -> int:
    """Bytes of this process that are in memory."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()


async def ignore(_tx: WriteSession, _events: Sequence[Received]) -> None:
    """Being in the inbox is effect enough."""


async def test_a_stopped_consumer(
    depot: Database, redis: Redis, redis_url: str, quick: None, caplog: pytest.LogCaptureFixture
) -> None:
    client = redis_client.connect(redis_url, timeout=5)
    bus = RedisBus(client)
    wanted = Subscription("stocks", ("depot",), {"google.protobuf.StringValue": ignore})
    relay, consumer = Relay(depot, bus, depot.connect, bound=BOUND), Consumer(depot, bus, wanted, "one")
    await bus.join(wanted.group, wanted.sources)
    data = StringValue(value="x" * SIZE)
    longest = 0
    async with running(relay):
        before = 0
        for number in range(0, EVENTS, 500):
            if number == EVENTS / 3:  # what a batch takes is taken by now
                async with asyncio.timeout(SOON):
                    while not metric("relay_paused"):
                        await asyncio.sleep(0.02)
                before = memory()
            async with depot.write() as tx:
                for _ in range(500):
                    tx.emit("item", new_id(), 1, data)
            longest = max(longest, await bus.length("depot"))
        async with asyncio.timeout(SOON):
            while not (metric("relay_paused") and metric("outbox_unpublished") + await bus.length("depot") == EVENTS):
                await asyncio.sleep(0.02)
        grown = memory() - before
        longest = max(longest, await bus.length("depot"))
        first = metric("outbox_oldest_seconds")
        async with asyncio.timeout(SOON):
            while metric("outbox_oldest_seconds") <= first + 0.1:
                await asyncio.sleep(0.02)

        assert BOUND <= longest <= EVENTS / 2, "what is published between two looks comes on top of the bound"
        assert grown < EVENTS * SIZE / 3, "what waits does so in the database"
        assert "the log of depot is full; its relay pauses until a consumer catches up" in caplog.text
        assert caplog.text.count("is full") == 1, "said once, not with every look"

        async with running(consumer):
            await counts(depot, INBOX, EVENTS)
            await counts(depot, UNPUBLISHED, 0)
            async with asyncio.timeout(SOON):
                while metric("relay_paused") or metric("outbox_unpublished"):
                    await asyncio.sleep(0.02)
    await client.aclose()


class Server:
    """A Valkey whose disk and memory can be full."""

    def __init__(self, folder: Path) -> None:
        self.valkey = Valkey(folder / "data", folder / "sockets")
        self.valkey.prepare()
        command = self.valkey.command()
        # Python ignores the signal for a file that is too large, and its children do if it isn't restored.
        self.process = subprocess.Popen(command.argv, cwd=command.cwd, env=command.env, restore_signals=False)
        self.redis = redis_client.connect(self.valkey.url, timeout=5)

    async def fill(self, what: str) -> None:
        if what == "disk":  # the kernel refuses every write beyond what the file has
            size = max(file.stat().st_size for file in self.valkey.data.rglob("*.aof"))
            self._limit(size)
        else:
            await self.redis.config_set("maxmemory", 1)

    async def free(self, what: str) -> None:
        if what == "disk":
            self._limit(resource.RLIM_INFINITY)
        else:
            await self.redis.config_set("maxmemory", 0)

    def _limit(self, size: int) -> None:
        resource.prlimit(self.process.pid, resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    folder = Path(tempfile.mkdtemp(prefix="fh-"))
    made = Server(folder)
    await made.valkey.wait_ready()
    yield made
    await made.redis.aclose()
    made.process.kill()
    made.process.wait()
    shutil.rmtree(folder)


@pytest.mark.parametrize(("what", "said"), [("disk", "MISCONF"), ("memory", "OutOfMemoryError")])
async def test_a_bus_without_room(
    depot: Database, server: Server, quick: None, caplog: pytest.LogCaptureFixture, what: str, said: str
) -> None:
    bus = RedisBus(server.redis)
    relay, consumer = Relay(depot, bus, depot.connect), Consumer(depot, bus, subscription(), "one")
    async with running(relay, consumer):
        await emit(depot, new_id(), 1, 1)
        await counts(depot, INBOX, 1)
        await server.fill(what)
        emitted = 1
        async with asyncio.timeout(SOON):
            while "the relay of depot can't publish" not in caplog.text or metric("outbox_unpublished") < 20:
                await emit(depot, new_id(), 1, 1)  # writes go on all the while
                emitted += 1
        assert said in caplog.text
        assert metric("outbox_oldest_seconds") > 0
        assert caplog.text.count("can't publish") == 1
        await server.free(what)
        await counts(depot, INBOX, emitted)
        await counts(depot, UNPUBLISHED, 0)


@pytest.fixture
async def private(tmp_path: Path) -> AsyncIterator[PrivatePostgres]:
    with private_postgres(tmp_path) as server:
        await server.start()
        await TestDatabase(server.postgres, "fitnesshub").migrate(["depot"], root=SERVICES)
        yield server


async def test_a_database_whose_disk_is_full(private: PrivatePostgres) -> None:
    database = TestDatabase(private.postgres, "fitnesshub")
    db = database.connect("depot")
    async with db.write() as tx:
        await tx.execute(ADD, id=new_id(), name="kept")
    await full(private, database)
    for number in range(30):
        with pytest.raises(Unavailable) as refused:
            async with db.write() as tx:
                await tx.execute(ADD, id=new_id(), name=f"lost {number}")
                tx.emit("item", new_id(), 1, Int64Value())
        assert refused.value.reason == "DEPENDENCY_UNAVAILABLE"
        assert "/" not in refused.value.message, "no path in a message"
    assert await db.value(COUNT) == 1, "reads go on, and no half of a write was kept"
    assert (db.pool.waiting, db.pool.opened - db.pool.idle) == (0, 0)

    await database.owner_value("TRUNCATE depot.outbox")  # in a new file
    async with db.write() as tx:
        await tx.execute(ADD, id=new_id(), name="again")
        tx.emit("item", new_id(), 1, Int64Value())
    assert await db.value(COUNT) == 2
    assert await db.value(UNPUBLISHED) == 1
    await db.close()


async def full(server: PrivatePostgres, database: TestDatabase) -> None:
    """Puts the outbox on a device on which there is never room: the kernel's answer is that of a full disk."""
    await database.owner_value("TRUNCATE depot.outbox")  # in a new file that nobody has open
    file = server.postgres.data / await database.owner_value("SELECT pg_relation_filepath('depot.outbox')")
    assert file.stat().st_size == 0
    file.unlink()
    file.symlink_to("/dev/full")
