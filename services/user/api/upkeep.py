"""Background work of the user service: Redis knows who has signed out, and tables don't grow for ever."""

import asyncio
import logging
from datetime import timedelta

from redis.exceptions import RedisError

from chassis.clock import Clock
from chassis.db import Database
from chassis.errors import Unavailable
from services.user.clients.ended_sessions import EndedSessionsFeed
from services.user.domain.lockout import FORGOTTEN_AFTER
from services.user.store import sessions, sign_ins

log = logging.getLogger(__name__)

REPUBLISH_SECONDS = 3.0
"""Services read the list every second; the promise is that an ended session is refused within 5 s."""
TIDY_SECONDS = 3600.0
KEPT_FOR = timedelta(days=30)
"""A used refresh token that comes back later is refused as unknown, which no longer ends its session."""


class Upkeep:
    """The workers of the user service; each runs until it is cancelled."""

    def __init__(self, db: Database, feed: EndedSessionsFeed, clock: Clock) -> None:
        self._db = db
        self._feed = feed
        self._clock = clock

    async def republish_forever(self) -> None:
        """Writes the list of ended sessions to Redis again and again, so that what Redis loses comes back."""
        is_down = False
        while True:
            try:
                await self.republish()
                is_down = False
            except (RedisError, Unavailable) as error:
                if not is_down:
                    log.warning("ended sessions can't be republished yet: %s", error)
                is_down = True
            await asyncio.sleep(REPUBLISH_SECONDS)

    async def republish(self) -> None:
        """Once. Raises RedisError."""
        now = self._clock.now()
        await self._feed.publish(await sessions.list_ended(self._db, now), now)

    async def tidy_forever(self) -> None:
        """Removes rows that have had their time."""
        while True:
            await self.tidy()
            await asyncio.sleep(TIDY_SECONDS)

    async def tidy(self) -> None:
        """Once. Safe beside another process that does the same."""
        now = self._clock.now()
        async with self._db.write() as tx:
            await tx.execute(sessions.DELETE_OLD_SESSIONS, before=now - KEPT_FOR)
        async with self._db.write() as tx:
            await tx.execute(sessions.DELETE_OLD_REFRESH_TOKENS, before=now - KEPT_FOR)
        async with self._db.write() as tx:
            await tx.execute(sign_ins.DELETE_OLD_FAILURES, before=now - FORGOTTEN_AFTER)
