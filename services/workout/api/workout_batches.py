"""BatchCreateWorkouts: many workouts in one transaction, each with an outcome of its own."""

import asyncio
from collections.abc import AsyncIterator, Collection, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from fitnesshub.workout.v1.events_pb2 import WorkoutCreated
from fitnesshub.workout.v1.workout_pb2 import Workout
from fitnesshub.workout.v1.workout_service_pb2 import (
    WORKOUT_RESULT_CREATED,
    WORKOUT_RESULT_EXISTED,
    WORKOUT_RESULT_REFUSED,
    BatchCreateWorkoutsRequest,
    BatchCreateWorkoutsResponse,
    WorkoutOutcome,
)

from chassis.call import Call, Wire
from chassis.clock import Clock, Ids
from chassis.db import Database, WriteSession
from chassis.etags import version_etag
from chassis.rules import compile_rules
from services.workout.domain import workouts as rules
from services.workout.store import workout_batches as store
from services.workout.store.exercises import usable_exercises

SETS_AT_ONCE = 100
"""Sets worked on before other calls get their turn, and stored by one statement: some 3 ms of CPU."""


@dataclass(slots=True)
class _Batch:
    """A batch on its way: what became of each workout, and those that may still be stored."""

    user_id: str
    outcomes: list[WorkoutOutcome] = field(default_factory=list)
    good: dict[str, Workout] = field(default_factory=dict)
    """By id. Which outcome is whose, `places` says."""
    places: dict[str, int] = field(default_factory=dict)

    def refuse(self, workout_id: str, problems: Sequence[str]) -> None:
        """Takes a workout out of the good ones."""
        del self.good[workout_id]
        outcome = self.outcomes[self.places[workout_id]]
        outcome.result = WORKOUT_RESULT_REFUSED
        outcome.problems.extend(problems)

    def existed(self, workout_id: str, current_etag: str) -> None:
        """Takes a workout of the caller's own that is there already out of the good ones."""
        del self.good[workout_id]
        outcome = self.outcomes[self.places[workout_id]]
        outcome.result = WORKOUT_RESULT_EXISTED
        outcome.etag = current_etag

    def created(self, workout: Workout) -> None:
        """Says of a good workout that it is stored."""
        outcome = self.outcomes[self.places[workout.id]]
        outcome.result = WORKOUT_RESULT_CREATED
        outcome.etag = workout.etag


class WorkoutBatches:
    """Answers BatchCreateWorkouts."""

    def __init__(self, db: Database, clock: Clock, ids: Ids) -> None:
        self._db = db
        self._clock = clock
        self._ids = ids
        self._violations = compile_rules(Workout.DESCRIPTOR)

    async def create(self, request: BatchCreateWorkoutsRequest, call: Call) -> Wire:
        """Stores the good workouts together and says of each what became of it."""
        now = self._clock.now()
        batch = await self._sort_out(request.workouts, call.user_id, now)
        async with self._db.write(call) as tx:
            await _leave_out_taken(tx, batch, list(batch.good))
            await _leave_out_unusable(tx, batch)
            for part in _parts(sorted(batch.good.values(), key=lambda each: each.id)):
                stored = await store.create_workouts(tx, call.user_id, part, now)
                if len(stored) < len(part):
                    # Somebody stored them since: to be read by a statement that began after their commit.
                    await _leave_out_taken(tx, batch, [each.id for each in part if each.id not in stored])
            async for workout in _in_turns(tuple(batch.good.values())):
                batch.created(workout)
                tx.emit(rules.AGGREGATE, workout.id, 1, WorkoutCreated(workout=workout), call.user_id)
            return tx.answer(BatchCreateWorkoutsResponse(outcomes=batch.outcomes))

    async def _sort_out(self, sent: Sequence[Workout], user_id: str, now: datetime) -> _Batch:
        """The batch with an outcome for each workout, refused or still open."""
        batch = _Batch(user_id)
        async for workout in _in_turns(sent):
            outcome = WorkoutOutcome(workout_id=workout.id)
            place = len(batch.outcomes)
            batch.outcomes.append(outcome)
            problems = [f"{each.field}: {each.description}" for each in self._violations(workout)]
            if workout.id in batch.places:
                problems.append(f"id: already used by workouts[{batch.places[workout.id]}] of this request")
            # What breaks a rule of a field may have no form to be stored in.
            new = None if problems else rules.new_workout(workout, workout.id or self._ids.new(), user_id, now)
            if new is not None:
                found = (*rules.violations_of_times(new), *rules.violations_of_sets(new.sets))
                problems = [f"{each.field}: {each.description}" for each in found]
            if problems or new is None:
                outcome.result = WORKOUT_RESULT_REFUSED
                outcome.problems.extend(problems)
                if workout.id:
                    batch.places.setdefault(workout.id, place)
                continue
            outcome.workout_id = new.id
            batch.places[new.id] = place
            batch.good[new.id] = new
        return batch


async def _leave_out_taken(tx: WriteSession, batch: _Batch, workout_ids: Collection[str]) -> None:
    for workout_id, taken in (await store.read_taken(tx, workout_ids)).items():
        if taken.user_id == batch.user_id:
            batch.existed(workout_id, version_etag(workout_id, taken.version) if taken.is_live else "")
        else:
            batch.refuse(workout_id, ["id: is taken"])


async def _leave_out_unusable(tx: WriteSession, batch: _Batch) -> None:
    named = {each.exercise_id for workout in batch.good.values() for each in workout.sets}
    missing = named - await usable_exercises(tx, named, batch.user_id)
    if not missing:
        return
    async for workout in _in_turns(tuple(batch.good.values())):
        if found := rules.violations_of_exercises(workout.sets, missing):
            batch.refuse(workout.id, [f"{each.field}: {each.description}" for each in found])


def _parts(workouts: Sequence[Workout]) -> Iterator[Sequence[Workout]]:
    """Workouts by SETS_AT_ONCE sets; one that has more is a part of its own. Each counts as a set more than it has."""
    part: list[Workout] = []
    size = 0
    for workout in workouts:
        if part and size + len(workout.sets) >= SETS_AT_ONCE:
            yield part
            part, size = [], 0
        part.append(workout)
        size += len(workout.sets) + 1
    if part:
        yield part


async def _in_turns(workouts: Sequence[Workout]) -> AsyncIterator[Workout]:
    for part in _parts(workouts):
        await asyncio.sleep(0)
        for workout in part:
            yield workout
