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

Load = Callable[[], Awaitable[bytes]]


class Cache:
    """Values by key. A key holds everything that its value depends on, down to a version of what it is made of.

    So a change makes other keys, and nothing ever needs to be forgotten.
    """

    def __init__(self, redis: Redis, name: str, *, ttl: float = TTL, timeout: float = TIMEOUT) -> None:
        """name: of the cache, and part of all its keys. ttl, timeout: seconds."""
        # redis-py's annotations allow for text and for both of its protocols everywhere.
        self._redis: Any = redis
        self._prefix = f"{PREFIX}{name}:"
        self._ttl = ttl
        self._timeout = timeout
        self._loading: dict[str, asyncio.Task[bytes]] = {}
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

    async def _get(self, key: str, load: Load) -> bytes:
        asked, found = await self._ask(lambda: self._redis.get(self._prefix + key))
        if found is not None:
            self.hits += 1
            return bytes(found)
        value = await load()
        if asked:
            self.misses += 1
            await self._ask(lambda: self._redis.set(self._prefix + key, value, px=round(self._ttl * 1000)))
        return value

    def _loaded(self, key: str, task: "asyncio.Task[bytes]") -> None:
        del self._loading[key]
        if not task.cancelled():
            task.exception()  # nobody may be left who wants to know

    async def _ask(self, question: Callable[[], Awaitable[Any]]) -> tuple[bool, Any]:
        """Whether Redis answered, and what. It isn't asked while it rests; then one caller tries."""
        if self._probing or time.monotonic() < self._resting_until:
            self.skipped += 1
            return False, None
        self._probing = self._resting_until > 0
        try:
            async with asyncio.timeout(self._timeout):
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
