"""People and things behind the edge for the access matrix, made as they are needed."""

import asyncio
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from fitnesshub.audit.v1 import audit_service_pb2, audit_service_pb2_grpc
from fitnesshub.gateway.v1 import saga_service_pb2 as gateway_sagas
from fitnesshub.gateway.v1 import saga_service_pb2_grpc
from fitnesshub.mesh.v1 import saga_service_pb2 as mesh_sagas
from fitnesshub.user.v1 import auth_service_pb2, auth_service_pb2_grpc
from fitnesshub.workout.v1 import (
    exercise_pb2,
    exercise_service_pb2,
    exercise_service_pb2_grpc,
    workout_pb2,
    workout_service_pb2,
    workout_service_pb2_grpc,
)
from google.protobuf.message import Message

PASSWORD = "correct horse battery"


@dataclass(frozen=True)
class Person:
    """Somebody signed in."""

    email: str
    user_id: str
    access_token: str
    refresh_token: str

    @property
    def metadata(self) -> tuple[tuple[str, str], ...]:
        """Headers of a call made by this person."""
        return (("authorization", f"Bearer {self.access_token}"),)


@dataclass(frozen=True)
class Good:
    """A request that succeeds when `person` sends it."""

    request: Message
    person: Person | None
    is_owned: bool | None = None
    """The request names something of the person's own, which looks to others as if it weren't there. None: an RPC for
    every user whose request must name something by its id does."""


class World:
    """People and things behind the edge, made as they are needed."""

    def __init__(self, channel: Any, operator: Callable[[str], Person]) -> None:
        self.auth: Any = auth_service_pb2_grpc.AuthServiceStub(channel)
        self.workouts: Any = workout_service_pb2_grpc.WorkoutServiceStub(channel)
        self.exercises: Any = exercise_service_pb2_grpc.ExerciseServiceStub(channel)
        self.audit: Any = audit_service_pb2_grpc.AuditServiceStub(channel)
        self.sagas: Any = saga_service_pb2_grpc.SagaServiceStub(channel)
        self.operator = operator
        """Somebody with a role, by its name."""

    async def person(self) -> Person:
        """A new member."""
        email = f"{uuid.uuid4().hex}@example.org"
        session = await self.auth.SignUp(auth_service_pb2.SignUpRequest(email=email, password=PASSWORD))
        return Person(email, session.user.id, session.access_token, session.refresh_token)

    async def workout(self, owner: Person) -> workout_pb2.Workout:
        """A stored workout of somebody."""
        request = workout_service_pb2.CreateWorkoutRequest(workout=new_workout())
        return await self.workouts.CreateWorkout(request, metadata=owner.metadata)  # type: ignore[no-any-return]

    async def exercise(self) -> exercise_pb2.Exercise:
        """An exercise of the library."""
        request = exercise_service_pb2.ImportExercisesRequest(source="matrix", exercises=[new_exercise("curl")])
        answer = await self.exercises.ImportExercises(request, metadata=self.operator("admin").metadata)
        return await self.exercises.GetExercise(  # type: ignore[no-any-return]
            exercise_service_pb2.GetExerciseRequest(exercise_id=answer.outcomes[0].exercise_id)
        )

    async def open_saga(self) -> mesh_sagas.Saga:
        """A saga that goes on for a day: that of erasing somebody."""
        person, admin = await self.person(), self.operator("admin").metadata
        kind = gateway_sagas.ListSagasRequest(kind="subject_erasure", service="workout")
        erasure = audit_service_pb2.EraseSubjectRequest(user_id=person.user_id)
        await self.audit.EraseSubject(erasure, metadata=admin)
        async with asyncio.timeout(15):
            while True:
                answer = await self.sagas.ListSagas(kind, metadata=admin)
                for saga in answer.sagas:
                    if saga.data["userId"] == person.user_id:
                        return saga  # type: ignore[no-any-return]
                await asyncio.sleep(0.2)

    async def own_exercise(self, owner: Person) -> exercise_pb2.Exercise:
        """An exercise that somebody made for themselves."""
        request = exercise_service_pb2.CreateExerciseRequest(exercise=new_exercise("own"))
        return await self.exercises.CreateExercise(request, metadata=owner.metadata)  # type: ignore[no-any-return]


def new_workout() -> workout_pb2.Workout:
    """A workout to be stored."""
    workout = workout_pb2.Workout(title="Push day")
    workout.start_time.FromJsonString("2026-11-20T17:00:00Z")
    return workout


def new_exercise(source_id: str) -> exercise_pb2.Exercise:
    """An exercise to be imported."""
    return exercise_pb2.Exercise(
        name=f"Exercise {source_id}",
        source_id=source_id,
        category=exercise_pb2.EXERCISE_CATEGORY_STRENGTH,
        level=exercise_pb2.EXERCISE_LEVEL_BEGINNER,
        primary_muscles=[exercise_pb2.MUSCLE_BICEPS],
    )
