"""Reading one's own writes from a projection: the write says which event it made, the read waits for that event.

The token is the event's id. It is no secret and gives no right; whoever sends another one waits for nothing.
"""

import asyncio
import time

from chassis.call import CONSISTENCY_HEADER, Call
from chassis.clock import is_uuid
from chassis.db import Database
from chassis.events.statements import handled

STALE = "x-stale"
"""Response header of a read that was answered before the projection had the event: `true`."""
PATIENCE = 0.5
"""Seconds a read waits."""
POLL = 0.02


async def wait_for_own_write(call: Call, db: Database, group: str) -> None:
    """Returns when the group's projection has the event that the caller names, or marks the answer as stale."""
    token = call.metadata.get(CONSISTENCY_HEADER)
    if not isinstance(token, str) or not is_uuid(token):
        return
    left = call.time_remaining()
    give_up = time.monotonic() + (PATIENCE if left is None else min(PATIENCE, left / 2))
    statement = handled(db.service)
    while not await db.value(statement, group=group, event_id=token):
        if time.monotonic() >= give_up:
            call.response_metadata[STALE] = "true"
            return
        await asyncio.sleep(POLL)
