"""Exercises made, changed and deleted by hand: people's own by their owners, the library's by administrators."""

from fitnesshub.workout.v1.events_pb2 import ExerciseCreated, ExerciseDeleted, ExerciseUpdated
from fitnesshub.workout.v1.exercise_pb2 import Exercise
from fitnesshub.workout.v1.exercise_service_pb2 import (
    CreateExerciseRequest,
    DeleteExerciseRequest,
    UpdateExerciseRequest,
)
from google.protobuf.empty_pb2 import Empty

from chassis.call import Call, Wire
from chassis.clock import Clock, Ids
from chassis.db import Database, WriteSession, write_conflict
from chassis.errors import Aborted, AlreadyExists, InvalidArgument, PermissionDenied, Violation
from chassis.etags import version_etag
from chassis.masks import apply_update, check_merged
from chassis.rules import compile_rules
from services.workout.api.exercise_views import not_found
from services.workout.domain import exercise_changes as rules
from services.workout.domain.exercise_names import unique_form
from services.workout.domain.exercises import AGGREGATE
from services.workout.store import exercise_writes as store
from services.workout.store.exercises import Tombstone, usable_exercises

ADMIN = "admin"


class ExerciseChanges:
    """Answers CreateExercise, UpdateExercise and DeleteExercise."""

    def __init__(self, db: Database, clock: Clock, ids: Ids, *, most_own: int, most_own_an_hour: int) -> None:
        """most_own: exercises one person may have. most_own_an_hour: that one person may make within an hour."""
        self._db = db
        self._clock = clock
        self._ids = ids
        self._most_own = most_own
        self._most_own_an_hour = most_own_an_hour
        self._violations = compile_rules(Exercise.DESCRIPTOR)

    async def create(self, request: CreateExerciseRequest, call: Call) -> Wire:
        """Stores an exercise of the caller's own."""
        owner = call.user_id
        async with self._db.write(call) as tx:
            # What is counted and compared below stays so until the commit.
            await store.lock_owner(tx, owner)
            now = self._clock.now()
            exercise = rules.new_exercise(request.exercise, self._ids.new(), owner, now)
            live, recent = await store.count_of_owner(tx, owner, now - rules.HOUR)
            rules.check_limits(live, recent, self._most_own, self._most_own_an_hour, now)
            await _refuse_taken_name(tx, exercise)
            await store.create_exercises(tx, [store.StoredExercise(exercise, 1)])
            tx.emit(AGGREGATE, exercise.id, 1, ExerciseCreated(exercise=exercise), owner)
            return tx.answer(exercise)

    async def update(self, request: UpdateExerciseRequest, call: Call) -> Wire:
        """Merges the change into the stored exercise."""
        async with self._db.write(call) as tx:
            sent_etag = request.exercise.etag or request.etag or call.if_match
            stored = await _read_for_change(tx, request.exercise_id, sent_etag, call)
            merged = Exercise()
            merged.CopyFrom(stored.exercise)
            apply_update(merged, request.exercise, request.update_mask, rules.UPDATABLE)
            check_merged(merged, self._violations, "exercise")
            rules.settle(merged)
            if merged == stored.exercise:
                return tx.answer(merged)
            if unique_form(merged.name) != unique_form(stored.exercise.name):
                await _refuse_taken_name(tx, merged)
            version = stored.version + 1
            rules.finish(merged, version, self._clock.now())
            if not await store.update_exercises(tx, [store.StoredExercise(merged, version)]):
                raise write_conflict()
            tx.emit(AGGREGATE, merged.id, version, ExerciseUpdated(exercise=merged), merged.owner_id)
            return tx.answer(merged)

    async def delete(self, request: DeleteExerciseRequest, call: Call) -> Wire:
        """Leaves a tombstone; the last state goes out with the event."""
        async with self._db.write(call) as tx:
            stored = await _read_for_change(tx, request.exercise_id, request.etag or call.if_match, call)
            exercise = stored.exercise
            await _check_replacement(tx, exercise, request.replaced_by)
            now = self._clock.now()
            if not await store.delete_exercise(tx, exercise.id, stored.version, request.replaced_by, now):
                raise write_conflict()
            event = ExerciseDeleted(exercise=exercise, replaced_by=request.replaced_by)
            tx.emit(AGGREGATE, exercise.id, stored.version + 1, event, exercise.owner_id)
            return tx.answer(Empty())


async def _read_for_change(tx: WriteSession, exercise_id: str, sent_etag: str, call: Call) -> store.StoredExercise:
    """The exercise, which nobody else changes until the commit."""
    found = await store.read_exercise(tx, exercise_id, call.user_id)
    if isinstance(found, store.StoredExercise):
        if found.exercise.owner_id:
            await store.lock_owner(tx, call.user_id)
        elif call.has_role(ADMIN):
            await store.lock_library(tx)
        else:
            raise PermissionDenied(
                "EXERCISE_NOT_YOURS",
                f"the exercise {exercise_id} belongs to the library, which administrators change",
                exerciseId=exercise_id,
            )
        found = await store.read_exercise(tx, exercise_id, call.user_id)
    if found is None:
        raise not_found(exercise_id)
    if isinstance(found, Tombstone):
        raise not_found(exercise_id, found.replaced_by)
    current = version_etag(exercise_id, found.version)
    if sent_etag and sent_etag != current:
        raise Aborted(
            "EXERCISE_ETAG_MISMATCH",
            f"the exercise {exercise_id} has changed; its etag is now {current}",
            exerciseId=exercise_id,
            etag=current,
        )
    return found


async def _refuse_taken_name(tx: WriteSession, exercise: Exercise) -> None:
    taken = await store.find_name(tx, exercise.owner_id, unique_form(exercise.name))
    if taken is not None:
        raise AlreadyExists("EXERCISE_ALREADY_EXISTS", f"the exercise {taken} has this name already", exerciseId=taken)


async def _check_replacement(tx: WriteSession, exercise: Exercise, replaced_by: str) -> None:
    """What replaces an exercise can be used by whoever could use that: for one of the library, one of the library."""
    if not replaced_by:
        return
    usable = await usable_exercises(tx, [replaced_by], exercise.owner_id or None)
    if replaced_by not in usable - {exercise.id}:
        violation = Violation("replacedBy", "must be another exercise, of the library for one of the library")
        raise InvalidArgument("INVALID_REQUEST", "the exercise to use instead can't be used", violations=[violation])
