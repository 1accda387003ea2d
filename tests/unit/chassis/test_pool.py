"""The pool's rare moments, with connections that do as they are told."""

import asyncio

import pytest

from chassis.errors import Unavailable
from chassis.pool import Connection, Pool


class Scripted:
    """A connection; `closed` is what happens to it."""

    def __init__(self) -> None:
        self.closed = False

    async def execute(self, query: str, *arguments: object) -> str:
        return query

    async def fetchval(self, query: str, *arguments: object) -> object:
        return None

    async def add_listener(self, channel: str, callback: object) -> None:
        """Nothing to hear."""

    async def close(self, *, timeout: float) -> None:
        self.closed = True

    def terminate(self) -> None:
        self.closed = True

    def is_closed(self) -> bool:
        return self.closed

    def is_in_transaction(self) -> bool:
        return False


async def connect() -> Connection:
    return Scripted()


async def waiting(pool: Pool, number: int) -> list["asyncio.Task[Connection]"]:
    tasks = [asyncio.create_task(pool.acquire()) for _ in range(number)]
    while pool.waiting < number:
        await asyncio.sleep(0)
    return tasks


def close(connection: Connection) -> None:
    assert isinstance(connection, Scripted)
    connection.closed = True


async def test_room_that_is_offered_to_one_who_leaves_goes_to_the_next() -> None:
    pool = Pool(connect, size=1, idle=60, wait=60)
    held = await pool.acquire()
    first, second = await waiting(pool, 2)
    close(held)
    pool.release(held)
    first.cancel()
    async with asyncio.timeout(5):
        assert await second is not held
    assert pool.opened == 1


async def test_a_connection_that_is_offered_to_one_who_leaves_goes_to_the_next() -> None:
    pool = Pool(connect, size=1, idle=60, wait=60)
    held = await pool.acquire()
    first, second = await waiting(pool, 2)
    pool.release(held)
    first.cancel()
    async with asyncio.timeout(5):
        assert await second is held
    assert pool.opened == 1


async def test_who_waits_is_not_left_behind_when_connecting_fails() -> None:
    asked = 0

    async def refuse() -> Connection:
        nonlocal asked
        asked += 1
        await asyncio.sleep(0)
        raise Unavailable("DEPENDENCY_UNAVAILABLE", "no")

    pool = Pool(refuse, size=1, idle=60, wait=60)
    tasks = [asyncio.create_task(pool.acquire()) for _ in range(5)]
    async with asyncio.timeout(5):
        results = await asyncio.gather(*tasks, return_exceptions=True)
    assert [type(result) for result in results] == [Unavailable] * 5
    assert (pool.opened, pool.waiting, asked) == (0, 0, 5)


async def test_who_waits_too_long_is_told() -> None:
    pool = Pool(connect, size=1, idle=60, wait=0.05)
    held = await pool.acquire()
    with pytest.raises(Unavailable):
        await pool.acquire()
    assert pool.waiting == 0
    pool.release(held)
    assert await pool.acquire() is held


async def test_a_connection_that_broke_while_idle_is_replaced() -> None:
    pool = Pool(connect, size=2, idle=60, wait=60)
    one, other = await pool.acquire(), await pool.acquire()
    pool.release(one)
    pool.release(other)
    close(other)
    assert await pool.acquire() is one
    assert pool.opened == 1


async def test_the_last_used_is_used_next() -> None:
    """So that the others get idle and are closed."""
    pool = Pool(connect, size=2, idle=60, wait=60)
    one, other = await pool.acquire(), await pool.acquire()
    pool.release(one)
    pool.release(other)
    assert await pool.acquire() is other
