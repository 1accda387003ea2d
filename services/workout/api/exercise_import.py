"""ImportExercises: rows of another library, stored together; what became of each row is said one by one."""

import asyncio
from collections.abc import Sequence

from fitnesshub.workout.v1.exercise_pb2 import Exercise
from fitnesshub.workout.v1.exercise_service_pb2 import (
    IMPORT_RESULT_CREATED,
    IMPORT_RESULT_MERGED,
    IMPORT_RESULT_REFUSED,
    IMPORT_RESULT_UNCHANGED,
    IMPORT_RESULT_UPDATED,
    ExerciseImportOutcome,
    ImportExercisesRequest,
    ImportExercisesResponse,
)

from chassis.call import Call, Wire
from chassis.clock import Clock, Ids
from chassis.db import Database
from chassis.errors import InvalidArgument, Violation
from chassis.rules import compile_rules
from services.workout.api.exercise_intake import ExerciseIntake, Result, in_turns
from services.workout.catalogue.entries import load
from services.workout.domain import exercises as rules
from services.workout.domain.exercise_merging import OURS, facts
from services.workout.store.exercise_writes import lock_library

RESULTS = {
    Result.CREATED: IMPORT_RESULT_CREATED,
    Result.UPDATED: IMPORT_RESULT_UPDATED,
    Result.MERGED: IMPORT_RESULT_MERGED,
    Result.UNCHANGED: IMPORT_RESULT_UNCHANGED,
}


class ExerciseImport:
    """Answers ImportExercises."""

    def __init__(self, db: Database, clock: Clock, ids: Ids) -> None:
        self._db = db
        self._clock = clock
        self._ids = ids
        self._violations = compile_rules(Exercise.DESCRIPTOR)

    async def run(self, request: ImportExercisesRequest, call: Call) -> Wire:
        """Stores the good rows together and says of each row what became of it.

        Raises InvalidArgument (INVALID_REQUEST) for the name of our own catalogue, Aborted (WRITE_CONFLICT).
        """
        if request.source == OURS:
            violation = Violation("source", "must not be that of our own catalogue")
            raise InvalidArgument("INVALID_REQUEST", "the catalogue isn't imported", violations=[violation])
        outcomes, good = await self._sort_out(request.exercises)
        said = {(request.source, row.source_id): facts(row) async for row in in_turns(good.values())}
        catalogue = await asyncio.to_thread(load)
        async with self._db.write(call) as tx:
            await lock_library(tx)
            taken = await ExerciseIntake(catalogue, self._ids).take(tx, said, self._clock.now())
            for position, row in good.items():
                became = taken[request.source, row.source_id]
                outcomes[position].result = RESULTS[became.result]
                outcomes[position].exercise_id = became.exercise_id
            return tx.answer(ImportExercisesResponse(outcomes=outcomes))

    async def _sort_out(self, rows: Sequence[Exercise]) -> tuple[list[ExerciseImportOutcome], dict[int, Exercise]]:
        """An outcome for each row, refused or still open, and the rows that break no rule by their position."""
        of_rows = rules.problems_of_rows(rows)
        outcomes: list[ExerciseImportOutcome] = []
        good: dict[int, Exercise] = {}
        async for position, row in in_turns(enumerate(rows)):
            row.ClearField("source")
            problems = [f"{violation.field}: {violation.description}" for violation in self._violations(row)]
            problems += of_rows[position]
            outcome = ExerciseImportOutcome(source_id=row.source_id, problems=problems)
            if problems:
                outcome.result = IMPORT_RESULT_REFUSED
            else:
                good[position] = row
            outcomes.append(outcome)
        return outcomes, good
