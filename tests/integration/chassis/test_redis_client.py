"""Redis down means slower, not broken: the client fails fast and finds the server again."""

import time
from pathlib import Path

import pytest
from redis.asyncio import Redis
from redis.exceptions import RedisError

from chassis.redis_client import TIMEOUT, connect


async def test_it_talks_to_the_server(redis: Redis) -> None:
    await redis.set("key", "value")

    assert await redis.get("key") == b"value"


async def test_no_server_is_an_error_within_its_time(tmp_path: Path) -> None:
    client = connect(f"unix://{tmp_path}/nobody.sock")
    started = time.monotonic()

    with pytest.raises(RedisError):
        await client.get("key")

    assert time.monotonic() - started < 2 * TIMEOUT
    await client.aclose()
