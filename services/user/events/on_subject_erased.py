"""Somebody was erased: the person's account goes.

In two steps, because their access tokens live for a while: as long as one of them does, its session must be known
to have ended, and sessions belong to a user. Until then the user is there without anything of the person.
"""

from chassis.clock import Clock
from chassis.db import Database
from services.user.clients.ended_sessions import EndedSessionsFeed
from services.user.domain.addresses import fingerprint
from services.user.domain.users import erased
from services.user.store import erasure, sign_ins, users


class UserEraser:
    """Deletes what the user service holds of a person."""

    def __init__(self, db: Database, feed: EndedSessionsFeed, clock: Clock) -> None:
        self._db = db
        self._feed = feed
        self._clock = clock

    async def erase(self, user_id: str) -> None:
        """Ends the sessions and empties the account; removes it when none of its tokens is alive any more."""
        now = self._clock.now()
        async with self._db.write() as tx:
            user = await users.lock(tx, user_id, now)
            if user is None:
                return
            ended = await erasure.end_sessions(tx, user_id, now)
            await tx.execute(sign_ins.DELETE_FAILURES, address_hash=fingerprint(user.email))
            await erasure.empty(tx, erased(user, now))
            await erasure.remove(tx, user_id, now)
        await self._feed.announce(ended, now)
