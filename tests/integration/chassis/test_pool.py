"""The connection pool under load, under cancellation and when idle."""

import asyncio
import time

import pytest

from chassis.db import Database, PoolBudgetError, pool_budget
from chassis.errors import Unavailable
from tests.integration.chassis.depot import BACKEND, COUNT, SLEEP
from tests.stack.databases import TestDatabase
from tests.stack.waiting import until


async def test_connections_are_reused(depot_database: TestDatabase) -> None:
    db = depot_database.connect("depot")
    assert {await db.value(BACKEND) for _ in range(10)} == {await db.value(BACKEND)}
    assert (db.pool.opened, db.pool.idle) == (1, 1)
    await db.close()
    assert (db.pool.opened, db.pool.idle) == (0, 0)


async def test_no_more_than_its_size(depot_database: TestDatabase) -> None:
    db = depot_database.connect("depot", pool_size=3)
    pids = await asyncio.gather(*(_pid_after_a_while(db) for _ in range(20)))
    assert len(set(pids)) == db.pool.opened == 3
    assert db.pool.waiting == 0
    await db.close()


async def _pid_after_a_while(db: Database) -> int:
    async with db.read() as session:
        await session.value(SLEEP, seconds=0.01)
        pid: int = await session.value(BACKEND)
        return pid


async def test_who_finds_all_in_use_is_told_within_the_time(depot_database: TestDatabase) -> None:
    db = depot_database.connect("depot", pool_size=1, connect_timeout=0.2)
    async with db.read() as session:
        await session.value(COUNT)
        started = time.monotonic()
        with pytest.raises(Unavailable) as refused:
            await db.value(COUNT)
        assert 0.15 < time.monotonic() - started < 1
    assert refused.value.reason == "DEPENDENCY_UNAVAILABLE"
    assert db.pool.waiting == 0
    assert await db.value(BACKEND) > 0
    await db.close()


async def test_waiting_callers_get_connections_in_order(depot_database: TestDatabase) -> None:
    db = depot_database.connect("depot", pool_size=1)
    order: list[int] = []

    async def ask(number: int) -> None:
        await db.value(COUNT)
        order.append(number)

    async with db.read() as session:
        await session.value(COUNT)
        tasks = [asyncio.create_task(ask(number)) for number in range(5)]
        await until(lambda: db.pool.waiting == 5)
        tasks[1].cancel()
        await asyncio.sleep(0)
    await asyncio.gather(*tasks, return_exceptions=True)
    assert order == [0, 2, 3, 4]
    assert (db.pool.opened, db.pool.idle, db.pool.waiting) == (1, 1, 0)
    await db.close()


async def test_no_connection_is_lost_whenever_callers_are_cancelled(depot_database: TestDatabase) -> None:
    db = depot_database.connect("depot", pool_size=2)
    for turn in range(100):
        tasks = [asyncio.create_task(db.value(COUNT)) for _ in range(6)]
        for _ in range(turn % 25):
            await asyncio.sleep(0)
        for task in tasks[turn % 6 :]:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    await until(lambda: db.pool.idle == db.pool.opened)
    assert db.pool.opened <= 2
    assert db.pool.waiting == 0
    assert len(set(await asyncio.gather(*(db.value(BACKEND) for _ in range(6))))) <= 2
    await db.close()


async def test_idle_connections_are_closed(depot_database: TestDatabase) -> None:
    db = depot_database.connect("depot", idle=0.1)
    await asyncio.gather(*(_pid_after_a_while(db) for _ in range(3)))
    await until(lambda: db.pool.opened == 0)
    assert await db.value(BACKEND) > 0
    await db.close()


async def test_a_closed_pool_takes_nobody(depot_database: TestDatabase) -> None:
    db = depot_database.connect("depot")
    async with db.read() as session:
        await session.value(COUNT)
        await db.close()
        with pytest.raises(Unavailable):
            await db.value(COUNT)
    await until(lambda: db.pool.opened == 0)


@pytest.mark.parametrize(
    ("max_connections", "sharers", "size"), [(100, 1, 20), (100, 4, 20), (100, 5, 17), (100, 24, 3), (100, 85, 1)]
)
def test_the_budget(max_connections: int, sharers: int, size: int) -> None:
    assert pool_budget(max_connections, sharers) == size
    assert size * sharers <= max_connections - 15


async def test_a_pool_takes_its_share_of_the_server(depot_database: TestDatabase) -> None:
    db = depot_database.connect("depot")
    await db.open(sharers=10)
    assert db.pool.size == 8, "(100 - 15) / 10"
    with pytest.raises(PoolBudgetError, match="max_connections = 100"):
        await db.open(sharers=86)
    await db.close()
