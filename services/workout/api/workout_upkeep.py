"""Background work on the training log: what deleted workouts were is forgotten when nothing brings them back."""

import asyncio
from datetime import timedelta

from chassis.clock import Clock
from chassis.db import Database
from services.workout.store import workouts as store

FORGET_SECONDS = 600.0
"""Between two looks. A window that is over is over at once for callers; this is how long the bytes may stay."""
FORGET_BATCH = 500
"""Workouts of one statement: some 20 ms, in which changes of these workouts wait."""


class WorkoutUpkeep:
    """The worker of the training log."""

    def __init__(self, db: Database, clock: Clock, undo_window: timedelta) -> None:
        self._db = db
        self._clock = clock
        self._undo_window = undo_window

    async def forget_forever(self) -> None:
        """Forgets deleted workouts until it is cancelled."""
        while True:
            while await self.forget() == FORGET_BATCH:
                pass
            await asyncio.sleep(FORGET_SECONDS)

    async def forget(self) -> int:
        """Forgets one batch; returns how many. Safe beside another process that does the same."""
        async with self._db.write() as tx:
            return await store.forget_deleted(tx, self._clock.now() - self._undo_window, FORGET_BATCH)
