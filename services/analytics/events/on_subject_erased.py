"""Somebody was erased: what their training added up to goes, and the names of their own exercises."""

from chassis.db import Database
from services.analytics.store import erasure


class AnalyticsEraser:
    """Deletes what the analytics service holds of a person."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def erase(self, user_id: str) -> None:
        """Deletes everything in one transaction: 100,000 rows, a workout a day for fifty years, take seconds."""
        async with self._db.write() as tx:
            await erasure.erase(tx, user_id)
