"""Background work on the exercise library: our own catalogue is in it, as this version of the service has it."""

import asyncio
import logging

from chassis.clock import Clock, Ids
from chassis.db import Database
from chassis.errors import Unavailable
from services.workout.api.exercise_intake import ExerciseIntake, Result
from services.workout.catalogue.entries import load
from services.workout.domain.exercise_merging import OURS, facts
from services.workout.store import exercise_imports as store
from services.workout.store.exercise_writes import lock_library

log = logging.getLogger(__name__)

AGAIN_SECONDS = 3600.0
"""A look costs one query. While two versions of the service run side by side, the one that stays has the last word."""
UNAVAILABLE_SECONDS = 1.0


class CatalogueUpkeep:
    """The worker that keeps the catalogue in the library."""

    def __init__(self, db: Database, clock: Clock, ids: Ids) -> None:
        self._db = db
        self._clock = clock
        self._ids = ids

    async def keep_forever(self) -> None:
        """Stores what is new or has changed, now and every hour."""
        is_down = False
        while True:
            try:
                await self.keep()
            except Unavailable as error:
                if not is_down:
                    log.warning("the catalogue of exercises can't be stored yet: %s", error)
                is_down = True
                await asyncio.sleep(UNAVAILABLE_SECONDS)
            else:
                is_down = False
                await asyncio.sleep(AGAIN_SECONDS)

    async def keep(self) -> int:
        """Once; returns how many entries were new or had changed. Safe beside another process that does the same.

        Rows of other libraries that are exercises of the catalogue only now are merged into them.
        """
        catalogue = await asyncio.to_thread(load)
        said = {key: facts(catalogue.entries[exercise_id]) for key, exercise_id in catalogue.ids.items()}
        wires = {source_id: each.SerializeToString() for (_, source_id), each in said.items()}
        if await store.says_ours(self._db, wires):
            return 0
        async with self._db.write() as tx:
            await lock_library(tx)
            others = await store.read_said_by_others(tx)
            rows = {key: store.facts_of(each) for key, each in others.items()}
            taken = await ExerciseIntake(catalogue, self._ids).take(tx, rows | said, self._clock.now())
        stored = sum(each.result is not Result.UNCHANGED for (source, _), each in taken.items() if source == OURS)
        log.info("catalogue of exercises: %d of %d entries were new or had changed", stored, len(said))
        return stored
