"""Somebody was erased: the person's workouts go."""

from chassis.db import Database
from services.workout.store import erasure


class WorkoutEraser:
    """Deletes what the workout service holds of a person."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def erase(self, user_id: str) -> None:
        """Deletes the workouts with their sets, some at a time: somebody may have logged for decades."""
        while await self._erase_some(user_id) == erasure.BATCH:
            pass

    async def _erase_some(self, user_id: str) -> int:
        async with self._db.write() as tx:
            return await erasure.erase_workouts(tx, user_id)
