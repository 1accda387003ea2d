"""Background work of the analytics service: counts what happens on the platform, soon after it happened.

Not in the handlers: a day's count concerns everybody, and all consumers would wait for each other at one row.
"""

import asyncio
import logging
import time
from datetime import date

from fitnesshub.analytics.v1 import analytics_pb2 as pb

from chassis.db import Database, WriteSession
from chassis.errors import Unavailable
from services.analytics.domain.periods import MONDAY, counted_day, period
from services.analytics.store import platform

log = logging.getLogger(__name__)

PAUSE = 1.0
"""Seconds between two looks for something to count."""
SHARE = 10
"""Pauses are so many times as long as counting took: it takes a tenth of a connection at most."""
KINDS = (pb.GRANULARITY_DAY, pb.GRANULARITY_WEEK, pb.GRANULARITY_MONTH)
AT_ONCE = 50
"""Periods a statement, which may take 90 s: a month of a million people takes about one."""


class PlatformUpkeep:
    """The worker; several in different processes take turns."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._counted_table = 0

    async def count_forever(self) -> None:
        """Counts what changed until it is cancelled."""
        is_down = False
        while True:
            started = time.monotonic()
            try:
                await self.count()
                is_down = False
            except Unavailable as error:
                if not is_down:
                    log.warning("the platform can't be counted yet: %s", error)
                is_down = True
            await asyncio.sleep(max(PAUSE, SHARE * (time.monotonic() - started)))

    async def count(self) -> None:
        """Counts the days that are marked; everything at the first time and after a rebuild."""
        table, is_marked = await platform.look(self._db)
        if table == self._counted_table and not is_marked:
            return
        async with self._db.write() as tx:
            await platform.lock(tx)
            days = await platform.take_marked(tx)
            if table != self._counted_table:
                days = await platform.forget_counts(tx)
            await _count(tx, days)
        self._counted_table = table


async def _count(tx: WriteSession, days: set[date]) -> None:
    # Anybody can log a workout at the end of the calendar, where a week has no end.
    counted = {counted_day(day) for day in days}
    touched = list({(kind, period(kind, day, MONDAY)) for kind in KINDS for day in counted})
    for start in range(0, len(touched), AT_ONCE):
        await platform.count(tx, touched[start : start + AT_ONCE])
