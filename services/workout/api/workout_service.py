"""WorkoutService: the training log. Whose workout it is gets decided in the SQL of every statement."""

from collections.abc import AsyncGenerator
from datetime import UTC, datetime, timedelta

from fitnesshub.workout.v1.events_pb2 import WorkoutCreated, WorkoutDeleted, WorkoutUndeleted, WorkoutUpdated
from fitnesshub.workout.v1.workout_pb2 import Workout
from fitnesshub.workout.v1.workout_service_pb2 import (
    BatchCreateWorkoutsRequest,
    CreateWorkoutRequest,
    DeleteWorkoutRequest,
    GetWorkoutRequest,
    ListWorkoutChangesRequest,
    ListWorkoutsRequest,
    ListWorkoutsResponse,
    UndeleteWorkoutRequest,
    UpdateWorkoutRequest,
    WatchWorkoutChangesRequest,
)
from google.protobuf.empty_pb2 import Empty

from chassis.call import Call, Wire
from chassis.clock import Clock, Ids
from chassis.db import Database, UniqueViolation, WriteSession, write_conflict
from chassis.errors import Aborted, AlreadyExists, FailedPrecondition, NotFound
from chassis.etags import version_etag
from chassis.masks import apply_update, check_merged
from chassis.pages import PageTokens, page_size
from chassis.rules import compile_rules
from chassis.wire import repeated_field, string_field
from services.workout.api.workout_batches import WorkoutBatches
from services.workout.api.workout_changes import WorkoutChanges
from services.workout.domain import workouts as rules
from services.workout.store import workout_lists as lists
from services.workout.store import workouts as store
from services.workout.store.exercises import usable_exercises

CHANGE_ATTEMPTS = 5
"""Times a change is merged when others come first. Each time one of them wins, and all are devices of one person."""


class WorkoutApi:
    """Answers the RPCs of WorkoutService."""

    def __init__(
        self, db: Database, clock: Clock, ids: Ids, page_tokens: PageTokens, *, undo_window: timedelta
    ) -> None:
        """undo_window: how long a deleted workout can be brought back."""
        self._db = db
        self._clock = clock
        self._ids = ids
        self._page_tokens = page_tokens
        self._undo_window = undo_window
        self._violations = compile_rules(Workout.DESCRIPTOR)
        self._batches = WorkoutBatches(db, clock, ids)
        self._changes = WorkoutChanges(db, page_tokens, undo_window)

    async def get_workout(self, request: GetWorkoutRequest, call: Call) -> Wire:
        """The stored bytes, untouched."""
        wire = await store.get_workout(self._db, request.workout_id, call.user_id)
        if wire is None:
            raise _not_found(request.workout_id)
        return Wire(wire)

    async def list_workouts(self, request: ListWorkoutsRequest, call: Call) -> Wire:
        """The stored bytes of a page, joined."""
        after = None
        if request.page_token:
            start_time, last_id = self._page_tokens.decode(_bound_to(call), request, request.page_token)
            after = lists.Position(datetime.fromisoformat(start_time), last_id)
        filters = lists.Filters(
            request.start_time_from.ToDatetime(UTC) if request.HasField("start_time_from") else None,
            request.start_time_before.ToDatetime(UTC) if request.HasField("start_time_before") else None,
            request.exercise_id or None,
        )
        size = page_size(request.page_size)
        wires, end = await lists.list_workouts(self._db, call.user_id, filters, after, size)
        token = ""
        if end is not None:
            token = self._page_tokens.encode(_bound_to(call), request, (end.start_time.isoformat(), end.workout_id))
        return Wire(
            repeated_field(ListWorkoutsResponse.WORKOUTS_FIELD_NUMBER, wires)
            + string_field(ListWorkoutsResponse.NEXT_PAGE_TOKEN_FIELD_NUMBER, token)
        )

    async def create_workout(self, request: CreateWorkoutRequest, call: Call) -> Wire:
        """Stores the workout with its sets and says so in the outbox."""
        now = self._clock.now()
        workout = rules.new_workout(request.workout, request.workout.id or self._ids.new(), call.user_id, now)
        rules.check_times(workout)
        rules.check_sets(workout)
        wire = workout.SerializeToString()
        try:
            async with self._db.write(call) as tx:
                await store.create_workout(tx, workout, wire, now)
                tx.emit(rules.AGGREGATE, workout.id, 1, WorkoutCreated(workout=workout), call.user_id)
                return tx.answer(Wire(wire))
        except UniqueViolation:
            # Said of anybody's workout: the caller learns that the id is taken, not by whom.
            raise AlreadyExists(
                "WORKOUT_ALREADY_EXISTS", f"there is a workout {workout.id} already", workoutId=workout.id
            ) from None
        except store.ExercisesUnusable:
            named = {each.exercise_id for each in workout.sets}
            missing = named - await usable_exercises(self._db, named, call.user_id)
            # None is missing when they came in between: the next try succeeds.
            raise (rules.exercises_unknown(workout, missing) if missing else write_conflict()) from None

    async def batch_create_workouts(self, request: BatchCreateWorkoutsRequest, call: Call) -> Wire:
        """Stores the good workouts together and says of each what became of it."""
        return await self._batches.create(request, call)

    async def update_workout(self, request: UpdateWorkoutRequest, call: Call) -> Wire:
        """Merges the change into the stored workout; merges again when another change came first."""
        async with self._db.write(call) as tx:
            for _ in range(CHANGE_ATTEMPTS):
                stored = await _read_for_change(tx, request.workout_id, request.workout.etag or call.if_match, call)
                merged = Workout()
                merged.CopyFrom(stored.workout)
                apply_update(merged, request.workout, request.update_mask, rules.UPDATABLE)
                check_merged(merged, self._violations, "workout")
                rules.derive(merged)
                rules.check_times(merged)
                if merged == stored.workout:
                    return tx.answer(merged)
                has_new_sets = merged.sets != stored.workout.sets
                if has_new_sets:
                    rules.check_sets(merged)
                    await _check_exercises(tx, merged, stored.workout)
                rules.finish(merged, stored.version + 1, self._clock.now())
                wire = merged.SerializeToString()
                if await store.update_workout(tx, merged, wire, stored.version, with_sets=has_new_sets):
                    event = WorkoutUpdated(workout=merged)
                    tx.emit(rules.AGGREGATE, merged.id, stored.version + 1, event, call.user_id)
                    return tx.answer(Wire(wire))
            raise write_conflict()

    async def delete_workout(self, request: DeleteWorkoutRequest, call: Call) -> Wire:
        """Deletes the workout; its last state goes out with the event."""
        async with self._db.write(call) as tx:
            for _ in range(CHANGE_ATTEMPTS):
                stored = await _read_for_change(tx, request.workout_id, request.etag or call.if_match, call)
                if await store.delete_workout(tx, stored.workout, stored.version, self._clock.now()):
                    event = WorkoutDeleted(workout=stored.workout)
                    tx.emit(rules.AGGREGATE, request.workout_id, stored.version + 1, event, call.user_id)
                    return tx.answer(Empty())
            raise write_conflict()

    async def undelete_workout(self, request: UndeleteWorkoutRequest, call: Call) -> Wire:
        """Stores the last state again, as the version after the deletion."""
        now = self._clock.now()
        async with self._db.write(call) as tx:
            for _ in range(CHANGE_ATTEMPTS):
                found = await store.read_for_undelete(tx, request.workout_id, call.user_id)
                if found is None:
                    raise _not_found(request.workout_id)
                if found.is_live:
                    raise FailedPrecondition(
                        "WORKOUT_NOT_DELETED",
                        f"the workout {request.workout_id} isn't deleted",
                        workoutId=request.workout_id,
                    )
                if found.wire is None or now >= found.changed_at + self._undo_window:
                    raise _not_found(request.workout_id)
                workout = Workout.FromString(found.wire)
                rules.finish(workout, found.version + 1, now)
                wire = workout.SerializeToString()
                if await store.update_workout(tx, workout, wire, found.version, with_sets=True):
                    event = WorkoutUndeleted(workout=workout)
                    tx.emit(rules.AGGREGATE, workout.id, found.version + 1, event, call.user_id)
                    return tx.answer(Wire(wire))
            raise write_conflict()

    async def list_workout_changes(self, request: ListWorkoutChangesRequest, call: Call) -> Wire:
        """What changed since a cursor."""
        return await self._changes.list(request, call)

    def watch_workout_changes(self, request: WatchWorkoutChangesRequest, call: Call) -> AsyncGenerator[Wire, None]:
        """The same as it happens."""
        return self._changes.watch(request, call)


async def _check_exercises(tx: WriteSession, merged: Workout, stored: Workout) -> None:
    """Those that a change brings must be usable; one that was deleted since may stay where it was."""
    new = {each.exercise_id for each in merged.sets} - {each.exercise_id for each in stored.sets}
    if new and (missing := new - await usable_exercises(tx, new, stored.user_id)):
        raise rules.exercises_unknown(merged, missing)


async def _read_for_change(tx: WriteSession, workout_id: str, sent_etag: str, call: Call) -> store.StoredWorkout:
    stored = await store.read_workout(tx, workout_id, call.user_id)
    if stored is None:
        raise _not_found(workout_id)
    current = version_etag(workout_id, stored.version)
    if sent_etag and sent_etag != current:
        raise Aborted(
            "WORKOUT_ETAG_MISMATCH",
            f"the workout {workout_id} has changed; its etag is now {current}",
            workoutId=workout_id,
            etag=current,
        )
    return stored


def _bound_to(call: Call) -> str:
    """A page token is good for one user's list."""
    return f"{call.method} {call.user_id}"


def _not_found(workout_id: str) -> NotFound:
    return NotFound("WORKOUT_NOT_FOUND", f"there is no workout {workout_id}", workoutId=workout_id)
