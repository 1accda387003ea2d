"""WorkoutService: the training log. Whose workout it is gets decided in the SQL of every statement."""

from datetime import datetime

from fitnesshub.workout.v1.events_pb2 import WorkoutCreated, WorkoutDeleted, WorkoutUpdated
from fitnesshub.workout.v1.workout_pb2 import Workout
from fitnesshub.workout.v1.workout_service_pb2 import (
    CreateWorkoutRequest,
    DeleteWorkoutRequest,
    GetWorkoutRequest,
    ListWorkoutsRequest,
    ListWorkoutsResponse,
    UpdateWorkoutRequest,
)
from google.protobuf.empty_pb2 import Empty

from chassis.call import Call, Wire
from chassis.clock import Clock, Ids
from chassis.db import Database, ForeignKeyViolation, UniqueViolation, WriteSession
from chassis.errors import Aborted, AlreadyExists, Failure, InvalidArgument, NotFound, Violation
from chassis.masks import apply_update
from chassis.pages import PageTokens, page_size
from chassis.rules import compile_rules
from chassis.wire import repeated_field, string_field
from services.workout.domain import workouts as rules
from services.workout.domain.etags import etag
from services.workout.store import workouts as store

CHANGE_ATTEMPTS = 5
"""Times a change is merged when others come first. Each time one of them wins, and all are devices of one person."""
AGGREGATE = "workout"


class WorkoutApi:
    """Answers the RPCs of WorkoutService."""

    def __init__(self, db: Database, clock: Clock, ids: Ids, page_tokens: PageTokens) -> None:
        self._db = db
        self._clock = clock
        self._ids = ids
        self._page_tokens = page_tokens
        self._violations = compile_rules(Workout.DESCRIPTOR)

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
            after = store.Position(datetime.fromisoformat(start_time), last_id)
        wires, end = await store.list_workouts(self._db, call.user_id, after, page_size(request.page_size))
        token = ""
        if end is not None:
            token = self._page_tokens.encode(_bound_to(call), request, (end.start_time.isoformat(), end.workout_id))
        return Wire(
            repeated_field(ListWorkoutsResponse.WORKOUTS_FIELD_NUMBER, wires)
            + string_field(ListWorkoutsResponse.NEXT_PAGE_TOKEN_FIELD_NUMBER, token)
        )

    async def create_workout(self, request: CreateWorkoutRequest, call: Call) -> Wire:
        """Stores the workout with its sets and says so in the outbox."""
        workout = rules.new_workout(
            request.workout, request.workout.id or self._ids.new(), call.user_id, self._clock.now()
        )
        wire = workout.SerializeToString()
        try:
            async with self._db.write(call) as tx:
                await store.create_workout(tx, workout, wire)
                tx.emit(AGGREGATE, workout.id, 1, WorkoutCreated(workout=workout), call.user_id)
                return tx.answer(Wire(wire))
        except UniqueViolation:
            # Said of anybody's workout: the caller learns that the id is taken, not by whom.
            raise AlreadyExists(
                "WORKOUT_ALREADY_EXISTS", f"there is a workout {workout.id} already", workoutId=workout.id
            ) from None
        except ForeignKeyViolation:
            raise await self._exercises_unknown(workout) from None

    async def update_workout(self, request: UpdateWorkoutRequest, call: Call) -> Wire:
        """Merges the change into the stored workout; merges again when another change came first."""
        merged = Workout()
        try:
            async with self._db.write(call) as tx:
                for _ in range(CHANGE_ATTEMPTS):
                    stored = await _read_for_change(tx, request.workout_id, request.workout.etag or call.if_match, call)
                    merged.CopyFrom(stored.workout)
                    changed = apply_update(merged, request.workout, request.update_mask, rules.UPDATABLE)
                    self._check_merged(merged)
                    rules.settle(merged)
                    if merged == stored.workout:
                        return tx.answer(merged)
                    rules.finish(merged, stored.version + 1, self._clock.now())
                    wire = merged.SerializeToString()
                    if await store.update_workout(tx, merged, wire, stored.version, with_sets="sets" in changed):
                        event = WorkoutUpdated(workout=merged)
                        tx.emit(AGGREGATE, merged.id, stored.version + 1, event, call.user_id)
                        return tx.answer(Wire(wire))
                raise _conflict()
        except ForeignKeyViolation:
            raise await self._exercises_unknown(merged) from None

    async def delete_workout(self, request: DeleteWorkoutRequest, call: Call) -> Wire:
        """Deletes the workout; its last state goes out with the event."""
        async with self._db.write(call) as tx:
            for _ in range(CHANGE_ATTEMPTS):
                stored = await _read_for_change(tx, request.workout_id, request.etag or call.if_match, call)
                if await store.delete_workout(tx, stored.workout, stored.version, self._clock.now()):
                    event = WorkoutDeleted(workout=stored.workout)
                    tx.emit(AGGREGATE, request.workout_id, stored.version + 1, event, call.user_id)
                    return tx.answer(Empty())
            raise _conflict()

    def _check_merged(self, merged: Workout) -> None:
        """The rules of a whole workout. The request was checked as a change only, where nothing is required."""
        probe = Workout()
        probe.CopyFrom(merged)  # checking clears output-only fields
        if found := self._violations(probe):
            violations = [Violation(f"workout.{each.field}", each.description) for each in found]
            raise InvalidArgument("INVALID_REQUEST", "the change would break rules of a workout", violations=violations)

    async def _exercises_unknown(self, workout: Workout) -> Failure:
        missing = await store.missing_exercises(self._db, workout)
        if not missing:
            return _conflict()  # an import brought them in between; the next try succeeds
        return rules.exercises_unknown(workout, missing)


async def _read_for_change(tx: WriteSession, workout_id: str, sent_etag: str, call: Call) -> store.StoredWorkout:
    stored = await store.read_workout(tx, workout_id, call.user_id)
    if stored is None:
        raise _not_found(workout_id)
    current = etag(workout_id, stored.version)
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


def _conflict() -> Aborted:
    return Aborted("WRITE_CONFLICT", "others changed the same rows at the same time; try again")
