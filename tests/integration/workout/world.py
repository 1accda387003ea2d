"""The workout service in this process, on a real database, called through its pipeline."""

import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from fitnesshub.event.v1.event_pb2 import Event
from fitnesshub.workout.v1 import exercise_service_pb2_grpc, workout_service_pb2_grpc
from fitnesshub.workout.v1.exercise_pb2 import (
    EXERCISE_CATEGORY_STRENGTH,
    EXERCISE_LEVEL_BEGINNER,
    MUSCLE_QUADRICEPS,
    Exercise,
)
from fitnesshub.workout.v1.exercise_service_pb2 import (
    IMPORT_RESULT_CREATED as CREATED,
)
from fitnesshub.workout.v1.exercise_service_pb2 import (
    IMPORT_RESULT_MERGED as MERGED,
)
from fitnesshub.workout.v1.exercise_service_pb2 import (
    IMPORT_RESULT_REFUSED as REFUSED,
)
from fitnesshub.workout.v1.exercise_service_pb2 import (
    IMPORT_RESULT_UNCHANGED as UNCHANGED,
)
from fitnesshub.workout.v1.exercise_service_pb2 import (
    IMPORT_RESULT_UPDATED as UPDATED,
)
from fitnesshub.workout.v1.exercise_service_pb2 import (
    ExerciseImportOutcome,
    GetExerciseRequest,
    ImportExercisesRequest,
    ListExercisesRequest,
    ListExercisesResponse,
)
from fitnesshub.workout.v1.workout_pb2 import WEIGHT_UNIT_KG, Workout, WorkoutSet
from fitnesshub.workout.v1.workout_service_pb2 import (
    BatchCreateWorkoutsRequest,
    CreateWorkoutRequest,
    DeleteWorkoutRequest,
    GetWorkoutRequest,
    ListWorkoutChangesRequest,
    ListWorkoutChangesResponse,
    ListWorkoutsRequest,
    ListWorkoutsResponse,
    UndeleteWorkoutRequest,
    UpdateWorkoutRequest,
    WatchWorkoutChangesRequest,
    WorkoutOutcome,
)
from google.protobuf.field_mask_pb2 import FieldMask
from google.protobuf.timestamp_pb2 import Timestamp

from chassis.channel import Channel, InProcess
from chassis.clock import Clock, FixedClock, SystemClock, SystemIds
from chassis.contract import load_contract
from chassis.db import Database
from chassis.errors import Failure
from chassis.identity import AccessTokens, EndedSessions, ServiceTokens
from chassis.pipeline import Guards, Pipeline
from chassis.redis_client import connect
from chassis.service import Service
from chassis.tokens import sign_access_token
from services.workout.store import consistency
from tests.integration.workout.totals import Totals

__all__ = ["CREATED", "MERGED", "REFUSED", "UNCHANGED", "UPDATED", "Athlete", "Importer", "Visitor", "World", "failing"]

ISSUER = "http://localhost/auth/v1"
START = datetime(2026, 3, 1, 18, 30, 0, 123456, tzinfo=UTC)


def guards_of(secrets: Path, clock: Clock, ended_sessions: EndedSessions) -> Guards:
    """Those of a process with these secrets."""
    access_tokens = AccessTokens(secrets / "access-token-keys.json", ISSUER, clock)
    return Guards(access_tokens, ServiceTokens(secrets / "service-keys.json"), ended_sessions)


class World:
    """One service, one database, one clock."""

    def __init__(
        self,
        service: Service,
        db: Database,
        clock: FixedClock,
        owner: "asyncpg.Connection[Any]",
        secrets: Path,
        totals: Totals,
    ) -> None:
        self.service = service
        self.db = db
        self.clock = clock
        self.secrets = secrets
        self.totals = totals
        """What the user service has heard."""
        self._owner = owner
        self.no_redis = connect("redis://127.0.0.1:1")
        self.pipeline = self.guarded(SystemClock(), EndedSessions(self.no_redis))

    def guarded(self, clock: Clock, ended_sessions: EndedSessions) -> Pipeline:
        """The service's pipeline where tokens are judged by this clock and these sessions have ended."""
        guards = guards_of(self.secrets, clock, ended_sessions)
        pipeline = Pipeline(load_contract(), guards, self.db.record_call)
        for descriptor, api in self.service.apis.items():
            pipeline.add(descriptor, api)
        return pipeline

    def new_id(self) -> str:
        return SystemIds().new()

    def timestamp(self) -> Timestamp:
        stamp = Timestamp()
        stamp.FromDatetime(self.clock.time)
        return stamp

    async def owner_rows(self, sql: str, *arguments: Any) -> list[Any]:
        """Rows as the owner of the database sees them."""
        return list(await self._owner.fetch(sql, *arguments))

    async def owner_value(self, sql: str, *arguments: Any) -> Any:
        return await self._owner.fetchval(sql, *arguments)

    async def events(self, aggregate_id: str) -> list[Event]:
        """What the outbox holds about a resource, by version."""
        rows = await self.owner_rows(
            "SELECT event FROM workout.outbox WHERE aggregate_id = $1 ORDER BY aggregate_version", aggregate_id
        )
        return [Event.FromString(row["event"]) for row in rows]

    async def clear(self) -> None:
        """Forgets all workouts and exercises, after a look whether columns and wire forms say the same."""
        assert await consistency.differences(self.db) == []
        await self.truncate()

    async def truncate(self) -> None:
        """Forgets all workouts and exercises."""
        await self._owner.execute(
            "TRUNCATE workout.workouts, workout.workout_sets, workout.change_counters, workout.exercises,"
            " workout.exercise_sources"
        )


class Visitor:
    """Somebody who calls without an access token."""

    def __init__(self, world: World, pipeline: Pipeline | None = None) -> None:
        self.world = world
        channel: Any = Channel(InProcess(pipeline or world.pipeline, ""))
        self.workouts: Any = workout_service_pb2_grpc.WorkoutServiceStub(channel)
        self.exercises: Any = exercise_service_pb2_grpc.ExerciseServiceStub(channel)

    def headers(self, key: str = "") -> dict[str, str]:
        return {"idempotency-key": key} if key else {}

    async def get_exercise(self, exercise_id: str) -> Exercise:
        request = GetExerciseRequest(exercise_id=exercise_id)
        return await self.exercises.GetExercise(request, metadata=self.headers().items())  # type: ignore[no-any-return]

    async def list_exercises(self, page_size: int = 0, page_token: str = "") -> ListExercisesResponse:
        request = ListExercisesRequest(page_size=page_size, page_token=page_token)
        return await self.exercises.ListExercises(request, metadata=self.headers().items())  # type: ignore[no-any-return]


class Athlete(Visitor):
    """Somebody signed in."""

    def __init__(self, world: World, roles: Sequence[str] = ("member",), pipeline: Pipeline | None = None) -> None:
        super().__init__(world, pipeline)
        self.user_id = world.new_id()
        self.session_id = world.new_id()
        now = int(time.time())
        claims = {
            "iss": ISSUER,
            "aud": "authenticated",
            "sub": self.user_id,
            "iat": now,
            "exp": now + 3600,
            "email": "ada@example.org",
            "role": "authenticated",
            "session_id": self.session_id,
            "app_metadata": {"roles": list(roles)},
            "user_metadata": {},
        }
        self.token = sign_access_token(world.secrets / "access-token.pem", claims)

    def headers(self, key: str = "") -> dict[str, str]:
        return {**super().headers(key), "authorization": f"Bearer {self.token}"}

    async def create(self, workout: Workout | None, key: str = "") -> Workout:
        request = CreateWorkoutRequest(workout=workout)
        return await self.workouts.CreateWorkout(request, metadata=self.headers(key).items())  # type: ignore[no-any-return]

    async def get(self, workout_id: str) -> Workout:
        return Workout.FromString(await self.get_bytes(workout_id))

    async def get_bytes(self, workout_id: str) -> bytes:
        """The answer as it goes over the wire."""
        request = GetWorkoutRequest(workout_id=workout_id).SerializeToString()
        transport = InProcess(self.world.pipeline, "")
        path = "/fitnesshub.workout.v1.WorkoutService/GetWorkout"
        return await transport.unary(path, request, dict(self.headers()), time.monotonic() + 5)

    async def list(self, page_size: int = 0, page_token: str = "", **filters: Any) -> ListWorkoutsResponse:
        request = ListWorkoutsRequest(page_size=page_size, page_token=page_token, **filters)
        return await self.workouts.ListWorkouts(request, metadata=self.headers().items())  # type: ignore[no-any-return]

    async def update(self, workout_id: str, change: Workout, mask: Sequence[str] = (), key: str = "") -> Workout:
        request = UpdateWorkoutRequest(workout_id=workout_id, workout=change, update_mask=FieldMask(paths=mask))
        return await self.workouts.UpdateWorkout(request, metadata=self.headers(key).items())  # type: ignore[no-any-return]

    async def delete(self, workout_id: str, etag: str = "", key: str = "") -> None:
        request = DeleteWorkoutRequest(workout_id=workout_id, etag=etag)
        await self.workouts.DeleteWorkout(request, metadata=self.headers(key).items())

    async def undelete(self, workout_id: str, key: str = "") -> Workout:
        request = UndeleteWorkoutRequest(workout_id=workout_id)
        return await self.workouts.UndeleteWorkout(request, metadata=self.headers(key).items())  # type: ignore[no-any-return]

    async def batch(self, workouts: Sequence[Workout], key: str = "") -> Sequence[WorkoutOutcome]:
        request = BatchCreateWorkoutsRequest(workouts=workouts)
        answer = await self.workouts.BatchCreateWorkouts(request, metadata=self.headers(key).items())
        return answer.outcomes  # type: ignore[no-any-return]

    async def changes(self, cursor: str = "", page_size: int = 0) -> ListWorkoutChangesResponse:
        request = ListWorkoutChangesRequest(cursor=cursor, page_size=page_size)
        return await self.workouts.ListWorkoutChanges(request, metadata=self.headers().items())  # type: ignore[no-any-return]

    def watch(self, cursor: str = "") -> Any:
        """The stream of changes; it ends when it is closed."""
        request = WatchWorkoutChangesRequest(cursor=cursor)
        return self.workouts.WatchWorkoutChanges(request, metadata=self.headers().items())


class Importer:
    """Imports rows of one source."""

    def __init__(self, world: World, source: str, person: Visitor | None = None) -> None:
        self.source = source
        self._person = person or Athlete(world, roles=("admin",))

    async def run(self, rows: Sequence[Exercise], key: str = "") -> list[ExerciseImportOutcome]:
        request = ImportExercisesRequest(source=self.source, exercises=rows)
        answer = await self._person.exercises.ImportExercises(request, metadata=self._person.headers(key).items())
        return list(answer.outcomes)


def failing(reason: str) -> "pytest.RaisesExc[Failure]":
    """Expects a failure with this reason."""
    return pytest.raises(Failure, check=lambda failure: failure.reason == reason)


def new_workout(exercise_id: str, **fields: Any) -> Workout:
    """A workout of an hour ago with a few sets of an exercise."""
    workout = Workout(
        title="Push day",
        sets=[
            WorkoutSet(exercise_id=exercise_id, reps=5, weight=100 + number, weight_unit=WEIGHT_UNIT_KG, rpe=8.5)
            for number in range(3)
        ],
    )
    workout.start_time.FromJsonString("2026-03-01T17:30:00Z")
    if "sets" in fields:
        workout.ClearField("sets")
    workout.MergeFrom(Workout(**fields))
    return workout


def new_exercise(source_id: str, name: str = "") -> Exercise:
    """An exercise of another library."""
    return Exercise(
        source_id=source_id,
        name=name or f"Exercise {source_id}",
        category=EXERCISE_CATEGORY_STRENGTH,
        level=EXERCISE_LEVEL_BEGINNER,
        primary_muscles=[MUSCLE_QUADRICEPS],
    )
