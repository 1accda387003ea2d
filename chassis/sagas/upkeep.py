"""Sagas that ended long ago are removed: one is stored for every change of a workout."""

import asyncio
from datetime import datetime, timedelta

from chassis import uuid7
from chassis.db import Database
from chassis.sagas.statements import saga_statements

KEPT = timedelta(days=30)
"""How long a saga that is done is kept, from its start."""
KEPT_UNDONE = timedelta(days=365)
"""The same for one that was undone: it may be all that tells of something to be repaired."""
BATCH = 5_000
"""Rows deleted by one statement, so that none runs for long."""
INTERVAL = 600.0
"""Seconds between two purges."""


async def keep_purging(db: Database) -> None:
    """Removes sagas that have had their time, for ever; a worker of the service."""
    while True:
        while await purge(db) == BATCH:
            pass
        await asyncio.sleep(INTERVAL)


async def purge(db: Database) -> int:
    """Removes one batch; returns how many. A saga's id tells when it began."""
    now = db.clock.now()
    async with db.write() as tx:
        return await tx.execute(
            saga_statements(db.service).purge,
            done_before=_lowest(now - KEPT),
            undone_before=_lowest(now - KEPT_UNDONE),
            most=BATCH,
        )


def _lowest(time: datetime) -> str:
    return str(uuid7.lowest(int(time.timestamp() * 1000)))
