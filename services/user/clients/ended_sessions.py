"""Tells every service which sessions have ended, through a sorted set in Redis that they all read.

The database stays the truth: what Redis lost is written again by the worker in `api/upkeep.py`.
"""

import logging
from collections.abc import Iterable
from datetime import datetime

from redis.asyncio import Redis
from redis.exceptions import RedisError

from chassis.identity import ENDED_SESSIONS_KEY, LEEWAY
from services.user.domain.ended import EndedSession

log = logging.getLogger(__name__)


class EndedSessionsFeed:
    """Writes the set: session ids, each with the time until which an access token of it could be alive."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    async def publish(self, ended: Iterable[EndedSession], now: datetime) -> None:
        """Adds sessions and drops those that don't matter any more. Raises RedisError."""
        scores = {session.id: session.until.timestamp() for session in ended}
        if scores:
            await self._redis.zadd(ENDED_SESSIONS_KEY, scores)
        await self._redis.zremrangebyscore(ENDED_SESSIONS_KEY, "-inf", now.timestamp() - LEEWAY)

    async def announce(self, ended: Iterable[EndedSession], now: datetime) -> None:
        """As publish, right after a commit: when Redis is down the worker makes up for it within seconds."""
        try:
            await self.publish(ended, now)
        except RedisError as error:
            log.warning("ended sessions not announced yet: %s", error)
