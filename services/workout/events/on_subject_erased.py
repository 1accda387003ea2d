"""Somebody was erased: the person's workouts go, and what the person's own exercises said."""

from collections.abc import Awaitable, Callable

from chassis.clock import Clock
from chassis.db import Database, WriteSession
from services.workout.store import erasure


class WorkoutEraser:
    """Deletes what the workout service holds of a person."""

    def __init__(self, db: Database, clock: Clock) -> None:
        self._db = db
        self._clock = clock

    async def erase(self, user_id: str) -> None:
        """Workouts with their sets before the exercises, some at a time: somebody may have logged for decades."""
        await self._in_batches(lambda tx: erasure.erase_workouts(tx, user_id))
        await self._in_batches(lambda tx: erasure.erase_exercises(tx, user_id, self._clock.now()))

    async def _in_batches(self, erase_some: Callable[[WriteSession], Awaitable[int]]) -> None:
        done = erasure.BATCH
        while done == erasure.BATCH:
            async with self._db.write() as tx:
                done = await erase_some(tx)
