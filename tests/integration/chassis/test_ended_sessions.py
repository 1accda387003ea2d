"""The list of ended sessions, on a real Valkey that also goes away."""

import asyncio
import logging
import shutil
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from prometheus_client import REGISTRY
from redis.asyncio import Redis

from chassis import identity
from chassis.clock import FixedClock
from chassis.identity import ENDED_SESSIONS_KEY, EndedSessions
from chassis.redis_client import connect
from embedded.valkey import Valkey
from tests.stack.keeper import start

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)
SECONDS = NOW.timestamp()


async def test_sessions_count_until_their_last_access_token_expires(redis: Redis) -> None:
    clock = FixedClock(NOW)
    ended = EndedSessions(redis, clock)
    await redis.zadd(ENDED_SESSIONS_KEY, {"old": SECONDS - 6, "soon": SECONDS + 10, "late": SECONDS + 3600})
    assert not ended.contains("soon")
    await ended.refresh()
    assert [ended.contains(name) for name in ("old", "soon", "late", "other")] == [False, True, True, False]
    clock.time = NOW + timedelta(seconds=14)
    await ended.refresh()
    assert ended.contains("soon"), "its token is still accepted: clocks differ by up to 5 s"
    clock.time = NOW + timedelta(seconds=16)
    await ended.refresh()
    assert [ended.contains(name) for name in ("soon", "late")] == [False, True]
    await redis.delete(ENDED_SESSIONS_KEY)
    await ended.refresh()
    assert not ended.contains("late")


async def test_a_long_list_is_read_whole(redis: Redis, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(identity, "_PAGE", 10)
    for number in (0, 1, 9, 10, 11, 20, 35):
        await redis.delete(ENDED_SESSIONS_KEY)
        if number:
            # Half of them end at the same time, so that pages cut through equal scores.
            await redis.zadd(ENDED_SESSIONS_KEY, {f"s{n}": SECONDS + (n if n % 2 else 100) for n in range(number)})
        ended = EndedSessions(redis, FixedClock(NOW - timedelta(seconds=1)))
        await ended.refresh()
        assert [n for n in range(50) if ended.contains(f"s{n}")] == list(range(number))


async def test_the_loop_notices_a_new_one(redis: Redis, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(identity, "REFRESH_INTERVAL", 0.02)
    ended = EndedSessions(redis, FixedClock(NOW))
    loop = asyncio.create_task(ended.run())
    await redis.zadd(ENDED_SESSIONS_KEY, {"s1": SECONDS + 10})
    async with asyncio.timeout(5):
        while not ended.contains("s1"):
            await asyncio.sleep(0.01)
    age = REGISTRY.get_sample_value("ended_sessions_age_seconds")
    assert age is not None
    assert 0 <= age < 5
    loop.cancel()
    with pytest.raises(asyncio.CancelledError):
        await loop


@pytest.fixture
def own_valkey(tmp_path: Path) -> Iterator[Valkey]:
    """A server that this test may kill; not started."""
    sockets = Path(tempfile.mkdtemp(prefix="fh-"))
    yield Valkey(tmp_path / "valkey", sockets)
    shutil.rmtree(sockets)


async def test_while_the_server_is_down_the_last_list_stays(
    own_valkey: Valkey, caplog: pytest.LogCaptureFixture
) -> None:
    own_valkey.prepare()
    process = start(own_valkey.command())
    client = connect(own_valkey.url)
    ended = EndedSessions(client, FixedClock(NOW))
    try:
        await own_valkey.wait_ready()
        await client.zadd(ENDED_SESSIONS_KEY, {"s1": SECONDS + 10})
        await ended.refresh()
        process.kill()
        process.wait(10)
        with caplog.at_level(logging.INFO, logger="chassis.identity"):
            for _ in range(3):
                await ended.refresh()
                assert ended.contains("s1")
            assert len([each for each in caplog.messages if "can't be read" in each]) == 1
            process = start(own_valkey.command())
            await own_valkey.wait_ready()
            await client.zadd(ENDED_SESSIONS_KEY, {"s2": SECONDS + 10})
            await ended.refresh()
        assert ended.contains("s2")
        assert caplog.messages[-1] == "ended sessions are read again"
    finally:
        await client.aclose()
        process.kill()
        process.wait(10)


async def test_starting_without_a_server_refuses_nobody(tmp_path: Path) -> None:
    client = connect(f"unix://{tmp_path}/nobody.sock")
    ended = EndedSessions(client, FixedClock(NOW))
    await ended.refresh()
    assert not ended.contains("s1")
    await client.aclose()
