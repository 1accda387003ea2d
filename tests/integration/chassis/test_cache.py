"""The cache: it saves loads, and is no trouble when Redis is."""

import asyncio
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from redis.asyncio import Redis

from chassis import cache as module
from chassis import redis_client
from chassis.cache import PREFIX, Cache
from embedded.valkey import Valkey
from tests.stack.keeper import start
from tests.stack.waiting import until


class Source:
    """Where values come from, slowly; counts how often it is asked."""

    def __init__(self) -> None:
        self.value = b"one"
        self.loads = 0
        self.gate: asyncio.Event | None = None
        self.failure: Exception | None = None

    async def load(self) -> bytes:
        self.loads += 1
        value = self.value
        await asyncio.sleep(0)
        if self.gate:
            await self.gate.wait()
        if self.failure:
            raise self.failure
        return value


@pytest.fixture
def source() -> Source:
    return Source()


@pytest.fixture
def cache(redis: Redis) -> Cache:
    return Cache(redis, "things", timeout=5)


class Server:
    """A Valkey of the test's own, which it may stop, kill and start."""

    def __init__(self, folder: Path, sockets: Path) -> None:
        self.valkey = Valkey(folder, sockets)
        self.process: subprocess.Popen[bytes] | None = None

    async def start(self) -> None:
        self.valkey.prepare()
        self.process = start(self.valkey.command())
        await self.valkey.wait_ready()

    def send(self, number: int) -> None:
        assert self.process
        os.kill(self.process.pid, number)

    def kill(self) -> None:
        if self.process:
            self.process.kill()
            self.process.wait()
            self.process = None


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[Server]:
    sockets = Path(tempfile.mkdtemp(prefix="fh-"))
    made = Server(tmp_path / "valkey", sockets)
    await made.start()
    yield made
    made.kill()
    shutil.rmtree(sockets)


async def test_a_value_is_loaded_once(cache: Cache, redis: Redis, source: Source) -> None:
    assert [await cache.get("a", source.load) for _ in range(3)] == [b"one"] * 3
    assert (source.loads, cache.hits, cache.misses) == (1, 2, 1)
    assert await Cache(redis, "things", timeout=5).get("a", source.load) == b"one", "processes share"
    assert source.loads == 1
    assert await Cache(redis, "others", timeout=5).get("a", source.load) == b"one"
    assert source.loads == 2
    assert 0 < await redis.ttl(f"{PREFIX}things:a") <= module.TTL


async def test_an_empty_value_is_a_value(cache: Cache, source: Source) -> None:
    source.value = b""
    assert [await cache.get("a", source.load) for _ in range(2)] == [b"", b""]
    assert source.loads == 1


async def test_a_value_has_its_time(redis: Redis, source: Source) -> None:
    brief = Cache(redis, "brief", ttl=0.05, timeout=5)
    await brief.get("a", source.load)
    async with asyncio.timeout(10):
        while source.loads == 1:
            await brief.get("a", source.load)


async def test_many_at_once_share_one_load(cache: Cache, source: Source) -> None:
    source.gate = asyncio.Event()
    callers = [asyncio.create_task(cache.get("a", source.load)) for _ in range(100)]
    await until(lambda: source.loads == 1)
    callers[0].cancel()  # who asked first goes away, and takes nothing from the others
    source.gate.set()
    assert await asyncio.gather(*callers[1:]) == [b"one"] * 99
    assert (source.loads, cache.shared, cache.misses) == (1, 99, 1)


async def test_a_failure_is_everybodys_and_is_not_kept(cache: Cache, source: Source) -> None:
    source.failure = ValueError("odd")
    answers = await asyncio.gather(*(cache.get("a", source.load) for _ in range(5)), return_exceptions=True)
    assert [str(answer) for answer in answers] == ["odd"] * 5
    source.failure = None
    assert await cache.get("a", source.load) == b"one"
    assert source.loads == 2


async def test_redis_dies_in_mid_traffic_and_comes_back(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "REST", (0.1, 0.4))
    client = redis_client.connect(server.valkey.url)
    cache = Cache(client, "things")
    slowest = 0.0
    calls = 0
    done = False

    async def value(number: int) -> bytes:
        await asyncio.sleep(0.001)
        return b"%d" % number

    async def traffic(number: int) -> None:
        nonlocal slowest, calls
        while not done:
            before = time.monotonic()
            assert await cache.get(str(number), lambda: value(number)) == b"%d" % number
            slowest = max(slowest, time.monotonic() - before)
            calls += 1
            await asyncio.sleep(0)

    users = [asyncio.create_task(traffic(number)) for number in range(20)]

    async def more(kind: str, count: int = 200) -> None:
        before = getattr(cache, kind)
        await until(lambda: getattr(cache, kind) >= before + count or any(user.done() for user in users))

    try:
        await more("hits")
        server.kill()
        await more("skipped")
        await server.start()
        await more("hits")
        # A server that hangs is worse than one that is gone.
        server.send(signal.SIGSTOP)
        await more("skipped")
        server.send(signal.SIGCONT)
        await more("hits")
    finally:
        done = True
        await asyncio.gather(*users)
        await client.aclose()
    assert calls > 1000
    assert slowest < 1


async def test_a_dead_redis_costs_nothing(monkeypatch: pytest.MonkeyPatch, source: Source) -> None:
    cache = Cache(redis_client.connect("unix:///nowhere/valkey.sock"), "things")
    await cache.get("a", source.load)
    before = time.monotonic()
    for number in range(200):
        assert await cache.get(str(number), source.load) == b"one"
    assert time.monotonic() - before < 0.5
    assert (source.loads, cache.skipped, cache.hits) == (201, 201, 0)
