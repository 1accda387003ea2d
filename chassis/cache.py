"""Cache-aside over Redis for answers that cost more than asking Redis does. Redis down means slower, not broken.

What PostgreSQL gives by key costs less than a question to Redis: caches are for what takes milliseconds.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from contextvars import Context
from typing import Any

from redis.asyncio import Redis
from redis.exceptions import RedisError

from chassis.telemetry import metrics

log = logging.getLogger(__name__)

PREFIX = "fitnesshub:cache:"
TTL = 3600.0
"""Seconds that a value is kept, if nothing else is said (the seed's figure)."""
TIMEOUT = 0.1
"""Seconds Redis has to answer: several times what it needs when it is busy, a fraction of what a caller has."""
REST = (1.0, 30.0)
"""Seconds in which Redis isn't asked after it failed: at first, and at most; doubled each time. So a Redis that is
away costs one call in a while its tenth of a second, and all others nothing."""
LOAD = 5.0
"""Seconds from the start of a load until its value is too old to be stored: an interactive call's time."""
MOST_FORGOTTEN = 10_000
"""Keys to be forgotten that are remembered while Redis is away."""
_FORGOTTEN = b"\x00"
"""Stands for a value that was forgotten a moment ago."""
_VALUE = b"\x01"

Load = Callable[[], Awaitable[bytes]]


class Cache:
    """Values by key. A key holds everything that the value depends on, best of all a version of it.

    Without a version in its key a value that was forgotten while Redis was away is given out by other processes until
    this one notices that Redis is back; if it dies before, for as long as the value is kept.
    """

    def __init__(self, redis: Redis, name: str, *, ttl: float = TTL, timeout: float = TIMEOUT) -> None:
        """name: of the cache, and part of all its keys. ttl, timeout: seconds."""
        # redis-py's annotations allow for text and for both of its protocols everywhere.
        self._redis: Any = redis
        self._prefix = f"{PREFIX}{name}:"
        self._ttl = ttl
        self._timeout = timeout
        self._loading: dict[str, asyncio.Task[bytes]] = {}
        self._to_forget: set[str] = set()
        self._rest = REST[0]
        self._resting_until = 0.0
        self._probing = False
        self.hits = 0
        self.misses = 0
        self.shared = 0
        """Callers who got what another one was loading already: loads that a stampede would have cost."""
        self.skipped = 0
        """Times Redis wasn't asked, or failed."""
        for kind, read in (
            ("hit", lambda: self.hits),
            ("miss", lambda: self.misses),
            ("shared", lambda: self.shared),
            ("skipped", lambda: self.skipped),
        ):
            metrics.watch("cache_lookups", "Values asked for, by where they came from", read, cache=name, kind=kind)

    async def get(self, key: str, load: Load) -> bytes:
        """The value, from Redis or else by `load`, whose failures are raised.

        Callers who want the same at the same time share one load; it runs in a context of its own, because the
        deadline of whoever asks first isn't everybody's.
        """
        running = self._loading.get(key)
        if running is None:
            running = asyncio.get_running_loop().create_task(self._get(key, load), context=Context())
            self._loading[key] = running
            running.add_done_callback(lambda task: self._loaded(key, task))
        else:
            self.shared += 1
        return await asyncio.shield(running)

    async def forget(self, *keys: str) -> None:
        """Makes the next callers load anew; to be called after the commit of what changed. Never raises.

        A load that began before and ends after it doesn't bring the old value back.
        """
        for key in keys:
            self._loading.pop(key, None)
        self._to_forget.update(keys)
        while len(self._to_forget) > MOST_FORGOTTEN:
            self._to_forget.pop()
        await self._ask(self._send_forgotten)

    async def _get(self, key: str, load: Load) -> bytes:
        started = time.monotonic()
        asked, found = await self._ask(lambda: self._redis.get(self._prefix + key))
        if found is not None and found[:1] == _VALUE and key not in self._to_forget:
            self.hits += 1
            return bytes(found[1:])
        value = await load()
        if asked:
            self.misses += 1
            # NX: a value that was forgotten meanwhile stays forgotten.
            if time.monotonic() - started < LOAD and self._is_current(key):
                await self._ask(
                    lambda: self._redis.set(self._prefix + key, _VALUE + value, px=round(self._ttl * 1000), nx=True)
                )
        return value

    def _loaded(self, key: str, task: "asyncio.Task[bytes]") -> None:
        if self._loading.get(key) is task:
            del self._loading[key]
        if not task.cancelled():
            task.exception()  # nobody may be left who wants to know

    def _is_current(self, key: str) -> bool:
        """Whether the load that runs here began after the key was last forgotten."""
        return self._loading.get(key) is asyncio.current_task() and key not in self._to_forget

    async def _send_forgotten(self) -> None:
        keys = list(self._to_forget)
        async with self._redis.pipeline(transaction=False) as pipeline:
            for key in keys:
                pipeline.set(self._prefix + key, _FORGOTTEN, px=round(LOAD * 1000))
            await pipeline.execute()
        self._to_forget.difference_update(keys)

    async def _ask(self, question: Callable[[], Awaitable[Any]]) -> tuple[bool, Any]:
        """Whether Redis answered, and what. It isn't asked while it rests; then one caller tries."""
        if self._probing or time.monotonic() < self._resting_until:
            self.skipped += 1
            return False, None
        self._probing = self._resting_until > 0
        try:
            async with asyncio.timeout(self._timeout):
                if self._to_forget and self._probing:
                    await self._send_forgotten()
                answer = await question()
        except (RedisError, OSError, TimeoutError) as error:
            if not self._resting_until:
                log.warning("the cache rests: %s: %s", type(error).__name__, error)
            self._resting_until = time.monotonic() + self._rest
            self._rest = min(self._rest * 2, REST[1])
            self.skipped += 1
            return False, None
        finally:
            self._probing = False
        if self._resting_until:
            log.info("the cache works again")
            self._resting_until, self._rest = 0.0, REST[0]
        return True, answer
