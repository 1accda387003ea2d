"""Background work on exercises: columns that an earlier version derived, or didn't know, are written anew."""

import asyncio

from chassis.db import Database
from services.workout.domain.exercise_index import FORM
from services.workout.store import exercise_writes as store

LOOK_SECONDS = 60.0
"""Between two looks: during an upgrade the previous version still writes rows without these columns."""
BATCH = 100
"""Exercises of one transaction, whose rows are locked for some 20 ms."""


class ExerciseUpkeep:
    """The worker of the exercise library."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def index_forever(self) -> None:
        """Keeps the columns current until it is cancelled."""
        while True:
            while await self.index() == BATCH:
                pass
            await asyncio.sleep(LOOK_SECONDS)

    async def index(self) -> int:
        """Writes one batch; returns how many there were. Safe beside another process that does the same."""
        async with self._db.write() as tx:
            found = await store.read_unindexed(tx, FORM, BATCH)
            await store.index_exercises(tx, found)
            return len(found)
