"""The workers: what Redis loses comes back, and tables don't grow for ever."""

import asyncio
from datetime import timedelta

import pytest
from fitnesshub.user.v1.auth_service_pb2 import SIGN_OUT_SCOPE_LOCAL

from services.user.api import upkeep
from services.user.api.upkeep import KEPT_FOR
from services.user.store.consistency import differences
from tests.integration.user.world import World


async def stop(worker: asyncio.Future[None]) -> None:
    """Cancels until it has effect: redis-py sends through wait_for, which in Python 3.11 can swallow one."""
    while not worker.done():
        worker.cancel()
        await asyncio.wait([worker], timeout=0.1)
    assert worker.cancelled()


async def test_what_redis_loses_is_written_again(world: World) -> None:
    session = await world.sign_up()
    await world.sign_out(session)
    await world.redis.flushdb()
    assert not await world.is_announced(session.id)
    await world.upkeep.republish()
    assert await world.is_announced(session.id)


async def test_the_worker_outlives_redis_and_goes_on(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(upkeep, "REPUBLISH_SECONDS", 0.01)
    session = await world.sign_up()
    await world.without_redis().sign_out(session)
    failing = asyncio.ensure_future(world.without_redis().workers["republish ended sessions"]())
    working = asyncio.ensure_future(world.workers["republish ended sessions"]())
    async with asyncio.timeout(10):
        while not await world.is_announced(session.id):
            await asyncio.sleep(0.01)
    await world.redis.flushdb()
    async with asyncio.timeout(10):
        while not await world.is_announced(session.id):
            await asyncio.sleep(0.01)
    assert not failing.done()
    await stop(failing)
    await stop(working)


async def test_the_list_forgets_sessions_whose_tokens_have_all_expired(world: World) -> None:
    session = await world.sign_up()
    await world.sign_out(session)
    world.advance(3604)
    await world.upkeep.republish()
    assert await world.is_announced(session.id), "its token is still accepted: clocks differ by up to 5 s"
    world.advance(2)
    await world.upkeep.republish()
    assert not await world.is_announced(session.id)


async def test_a_session_matters_until_its_last_access_token_expires(world: World) -> None:
    session = await world.sign_up()
    world.advance(3000)
    session = await world.refresh(session.refresh_token)
    await world.sign_out(session)
    world.advance(3599)
    await world.upkeep.republish()
    assert await world.is_announced(session.id)


async def test_a_shortened_life_of_tokens_forgets_no_older_token(world: World) -> None:
    session = await world.sign_up()
    brief = world.with_settings(access_token_seconds="60")
    refreshed = await brief.refresh(session.refresh_token)
    assert refreshed.expires_in == 60
    await world.sign_out(refreshed)
    world.advance(3599)
    await world.upkeep.republish()
    assert await world.is_announced(session.id)


async def test_tidying_removes_what_has_had_its_time_and_nothing_else(world: World) -> None:
    first = await world.sign_up()
    user_id = first.user.id
    ended = await world.sign_in(first.user.email)
    await world.sign_out(ended, SIGN_OUT_SCOPE_LOCAL)
    current = await world.refresh(first.refresh_token)
    assert await world.count_rows(user_id) == (2, 2)
    world.advance((KEPT_FOR - timedelta(minutes=1)).total_seconds())
    await world.upkeep.tidy()
    assert await world.count_rows(user_id) == (2, 2)
    world.advance(7200)
    await world.upkeep.tidy()
    assert await world.count_rows(user_id) == (1, 1)
    assert await world.reason(world.refresh(current.refresh_token)) == ""


async def test_forgotten_failures_are_removed(world: World) -> None:
    assert await world.reason(world.sign_in(world.address())) == "INVALID_CREDENTIALS"
    world.advance(24 * 3600)
    await world.upkeep.tidy()
    counted = await world.count_failures()
    assert counted > 0
    world.advance(1)
    await world.upkeep.tidy()
    assert await world.count_failures() < counted


async def test_the_tidy_worker_tidies(world: World) -> None:
    assert await world.reason(world.sign_in(world.address())) == "INVALID_CREDENTIALS"
    world.advance(24 * 3600 + 1)
    tidying = asyncio.ensure_future(world.workers["tidy"]())
    async with asyncio.timeout(10):
        while await world.count_failures():
            await asyncio.sleep(0.01)
    await stop(tidying)


async def test_columns_and_wire_agree(world: World) -> None:
    session = await world.sign_up()
    await world.sign_in(session.user.email)
    assert await differences(world.db) == []
