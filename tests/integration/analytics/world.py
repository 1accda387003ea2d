"""The analytics service in this process, on a real database: hears events, and is called through its pipeline."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

import asyncpg
from fitnesshub.event.v1.event_pb2 import Event
from fitnesshub.user.v1.events_pb2 import (
    PreferencesUpdated,
    UserRegistered,
    UserReinstated,
    UserSignedIn,
    UserSuspended,
)
from fitnesshub.user.v1.profile_pb2 import Preferences
from fitnesshub.user.v1.user_pb2 import User
from fitnesshub.workout.v1.events_pb2 import (
    ExerciseCreated,
    ExerciseImported,
    ExerciseUpdated,
    WorkoutCreated,
    WorkoutDeleted,
    WorkoutUndeleted,
    WorkoutUpdated,
)
from fitnesshub.workout.v1.exercise_pb2 import Exercise, Muscle
from fitnesshub.workout.v1.workout_pb2 import SetType, Workout, WorkoutSet
from google.protobuf.message import Message
from sqlalchemy import text

from chassis.call import CONSISTENCY_HEADER
from chassis.clock import FixedClock, SystemClock, SystemIds
from chassis.db import Database, Statement
from chassis.endpoint import Incoming, StatusError
from chassis.events.consumer import Received
from chassis.events.rebuild import Replayed
from chassis.outbox import make_event
from chassis.pipeline import Pipeline
from chassis.status import from_status
from chassis.tokens import load_private_key, sign_access_token
from services.analytics.events.subscription import GROUP, HANDLERS

ISSUER = "http://localhost/auth/v1"
START = datetime(2026, 3, 1, 18, 30, tzinfo=UTC)
"""What time it is: a Sunday."""
RECEIVE = Statement(
    text("INSERT INTO analytics.inbox (consumer_group, event_id, handled_at) VALUES (:group, :event_id, :now)")
)
T = TypeVar("T", bound=Message)


@dataclass
class History:
    """An event store with what was published."""

    events: list[Event] = field(default_factory=list)

    async def replay(self, after: int) -> AsyncIterator[Replayed]:
        yield Replayed([each.SerializeToString() for each in self.events[after:]], [], len(self.events))

    async def replay_person(self, user_id: str, before: datetime, types: Sequence[str]) -> AsyncIterator[Replayed]:
        for event in self.events:
            if event.subject_user_id == user_id and event.type in types and event.time.ToDatetime(UTC) < before:
                yield Replayed([event.SerializeToString()], [], 0)


class World:
    """One service, one database, one clock."""

    def __init__(self, pipeline: Pipeline, db: Database, clock: FixedClock, secrets: Path, history: History) -> None:
        self.pipeline = pipeline
        self.db = db
        self.clock = clock
        self.secrets = secrets
        self.history = history

    def new_id(self) -> str:
        return SystemIds().new()

    def event(self, kind: str, aggregate_id: str, version: int, data: Message, subject: str = "") -> Event:
        """An event as a service would publish it."""
        return make_event(
            event_id=self.new_id(),
            source="workout",
            time=self.clock.now(),
            aggregate=(kind, aggregate_id, version),
            data=data,
            subject_user_id=subject,
            traceparent="",
        )

    async def hear(self, *events: Event) -> None:
        """Lets the service hear events, in one batch, as a consumer gives them to it."""
        by_handler: dict[Any, list[Received]] = {}
        for event in events:
            data = _KINDS[event.type.rpartition(".")[2]].FromString(event.data.value)
            by_handler.setdefault(HANDLERS[event.type], []).append(Received(event, data))
        async with self.db.write() as tx:
            for event in events:
                await tx.execute(RECEIVE, group=GROUP, event_id=event.id, now=self.clock.now())
            for handler, received in by_handler.items():
                await handler(tx, received)

    async def library(self, name: str, primary: Sequence[Muscle.ValueType], secondary: Sequence[Any] = ()) -> str:
        """An exercise of the library; returns its id."""
        exercise = Exercise(id=self.new_id(), name=name, primary_muscles=primary, secondary_muscles=secondary)
        await self.hear(self.event("exercise", exercise.id, 1, ExerciseImported(exercise=exercise)))
        return exercise.id

    async def owner_rows(self, sql: str, *arguments: Any) -> list[Any]:
        """Rows as the service sees them."""
        connection = await asyncpg.connect(self.owner_url)
        try:
            return list(await connection.fetch(sql, *arguments))
        finally:
            await connection.close()

    owner_url = ""


_KINDS: dict[str, Any] = {
    kind.DESCRIPTOR.name: kind
    for kind in (
        ExerciseCreated,
        ExerciseUpdated,
        ExerciseImported,
        PreferencesUpdated,
        UserRegistered,
        UserReinstated,
        UserSignedIn,
        UserSuspended,
        WorkoutCreated,
        WorkoutDeleted,
        WorkoutUndeleted,
        WorkoutUpdated,
    )
}


class Athlete:
    """Somebody signed in, with events of their own."""

    def __init__(self, world: World, *roles: str) -> None:
        self.world = world
        self.user_id = world.new_id()
        now = int(SystemClock().now().timestamp())
        claims = {
            "iss": ISSUER,
            "aud": "authenticated",
            "sub": self.user_id,
            "iat": now,
            "exp": now + 3600,
            "email": "ada@example.org",
            "session_id": world.new_id(),
            "app_metadata": {"roles": ["member", *roles]},
        }
        self.token = sign_access_token(load_private_key(world.secrets / "access-token.pem"), claims)
        self.versions: dict[str, int] = {}
        self.headers: dict[str, str] = {}
        """Of the last answer."""

    async def call(self, rpc: str, request: Message, answer: type[T], consistency_token: str = "") -> T:
        """The answer of an RPC. Raises the Failure that a caller gets."""
        unary = self.world.pipeline.endpoints[f"/fitnesshub.analytics.v1.AnalyticsService/{rpc}"].unary
        assert unary is not None
        metadata = {"authorization": f"Bearer {self.token}"}
        if consistency_token:
            metadata[CONSISTENCY_HEADER] = consistency_token
        incoming = Incoming(metadata)
        try:
            return answer.FromString(await unary(request.SerializeToString(), incoming))
        except StatusError as status:
            raise from_status(status.code, status.message, status.details) from None
        finally:
            self.headers = incoming.response_metadata

    def told(self, workout: Workout, kind: str = "") -> Event:
        """The event of the next version of a workout of theirs. kind: as `WorkoutDeleted`."""
        workout.user_id = self.user_id
        version = self.versions[workout.id] = self.versions.get(workout.id, 0) + 1
        data = _KINDS[kind or ("WorkoutCreated" if version == 1 else "WorkoutUpdated")](workout=workout)
        return self.world.event("workout", workout.id, version, data, self.user_id)

    def workout(self, start: datetime, *sets: WorkoutSet, minutes: int = 60) -> Workout:
        """A workout that isn't told of yet."""
        made = Workout(id=self.world.new_id(), user_id=self.user_id, title="Push day", sets=sets)
        made.start_time.FromDatetime(start)
        made.end_time.FromDatetime(start + timedelta(minutes=minutes))
        return made

    async def log(self, start: datetime, *sets: WorkoutSet, minutes: int = 60) -> Workout:
        """A workout that the service has heard of."""
        made = self.workout(start, *sets, minutes=minutes)
        await self.world.hear(self.told(made))
        return made

    async def prefer(self, **preferences: Any) -> None:
        """The service hears of preferences, which replace the ones before."""
        version = self.versions["preferences"] = self.versions.get("preferences", 0) + 1
        data = PreferencesUpdated(user_id=self.user_id, preferences=Preferences(**preferences))
        await self.world.hear(self.world.event("preferences", self.user_id, version, data, self.user_id))

    async def registered(self, at: datetime) -> None:
        """The service hears that they registered."""
        user = User(id=self.user_id)
        user.create_time.FromDatetime(at)
        await self.world.hear(self.world.event("user", self.user_id, 1, UserRegistered(user=user), self.user_id))


def reps(exercise_id: str, count: int, kg: float = 0.0, kind: SetType.ValueType = 0) -> WorkoutSet:  # type: ignore[assignment]
    """A set; with no weight unless it is said."""
    made = WorkoutSet(exercise_id=exercise_id, reps=count, set_type=kind)
    if kg:
        made.weight = made.weight_kg = kg
    return made
