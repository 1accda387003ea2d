"""The database goes away and comes back."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from chassis.db import Database
from chassis.errors import Unavailable
from tests.integration.chassis.conftest import SERVICES
from tests.integration.chassis.depot import ADD, COUNT, DELETE_ALL, SLEEP, new_id
from tests.stack.databases import TestDatabase
from tests.stack.private import PrivatePostgres, private_postgres
from tests.stack.waiting import until


@pytest.fixture(scope="module")
async def server(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[PrivatePostgres]:
    with private_postgres(tmp_path_factory.mktemp("outage"), durable=True) as server:
        await server.start()
        await TestDatabase(server.postgres, "fitnesshub").migrate(["depot"], root=SERVICES)
        yield server


@pytest.fixture
async def depot(server: PrivatePostgres) -> AsyncIterator[Database]:
    db = TestDatabase(server.postgres, "fitnesshub").connect("depot")
    async with db.write() as tx:
        for statement in DELETE_ALL:
            await tx.execute(statement)
    yield db
    await db.close()


async def test_calls_fail_while_it_is_down_and_work_when_it_is_back(server: PrivatePostgres, depot: Database) -> None:
    reads = [asyncio.create_task(depot.value(SLEEP, seconds=30.0)) for _ in range(3)]
    async with depot.write() as tx:
        await tx.execute(ADD, id=new_id(), name="kept")
    with pytest.raises(Unavailable) as refused:
        async with depot.write() as tx:
            await tx.execute(ADD, id=new_id(), name="lost")
            server.stop(signal.SIGQUIT)
    assert refused.value.reason == "DEPENDENCY_UNAVAILABLE"
    assert "/" not in refused.value.message, "no address in a message"
    for result in await asyncio.gather(*reads, return_exceptions=True):
        assert isinstance(result, Unavailable)
    with pytest.raises(Unavailable):
        await depot.ping()
    with pytest.raises(Unavailable):
        async with depot.write() as tx:
            await tx.execute(ADD, id=new_id(), name="lost too")
    assert depot.pool.opened == 0

    await server.start()
    assert await asyncio.gather(*(depot.value(COUNT) for _ in range(5))) == [1] * 5
    async with depot.write() as tx:
        await tx.execute(ADD, id=new_id(), name="again")
    assert await depot.value(COUNT) == 2


async def test_a_server_that_hangs_is_given_up_in_time(server: PrivatePostgres, depot: Database) -> None:
    await depot.ping()
    assert server.process is not None
    pids = [server.process.pid, *_children(server.process.pid)]
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    try:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.2):
                await depot.ping()
        await until(lambda: depot.pool.opened == 0)
        with pytest.raises(Unavailable):
            await depot.ping()
    finally:
        for pid in pids:
            os.kill(pid, signal.SIGCONT)
    async with asyncio.timeout(10):
        await depot.ping()


async def test_a_start_without_a_server_is_no_error(server: PrivatePostgres, depot: Database) -> None:
    server.stop()
    await depot.open()
    with pytest.raises(Unavailable):
        await depot.value(COUNT)
    await server.start()
    await depot.open(sharers=10)
    assert depot.pool.size == 8
    assert await depot.value(COUNT) == 0


def _children(pid: int) -> list[int]:
    return [int(each) for each in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
