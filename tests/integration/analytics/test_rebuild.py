"""What analytics made of events is the same as what it makes of the event store, whatever the order was."""

import asyncio
import random
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import pytest
from fitnesshub.audit.v1 import audit_service_pb2
from fitnesshub.event.v1.event_pb2 import Event
from fitnesshub.user.v1.events_pb2 import PreferencesUpdated, UserSignedIn
from fitnesshub.user.v1.profile_pb2 import Preferences
from fitnesshub.workout.v1.events_pb2 import ExerciseImported
from fitnesshub.workout.v1.exercise_pb2 import MUSCLE_CHEST, Exercise
from sqlalchemy import text

from chassis.channel import Channel, InProcess
from chassis.clock import SystemClock
from chassis.contract import load_contract
from chassis.db import Database, Statement, WriteSession
from chassis.events import rebuild as module
from chassis.events.consumer import Handler, Received, Subscription, by_handler, read_event, without_erased
from chassis.events.rebuild import Projection, Rebuild
from chassis.events.statements import receive
from chassis.identity import AccessTokens, EndedSessions, ServiceTokens
from chassis.pages import PageTokens
from chassis.pipeline import Guards, Pipeline
from chassis.redis_client import connect
from services.analytics.clients.event_store import AuditHistory
from services.analytics.events import on_person_changed, on_workout_changed
from services.analytics.events.subscription import GROUP, HANDLERS, SOURCES
from services.analytics.store.erasure import erase
from services.analytics.store.tables import PROJECTION
from services.audit.api.audit_service import AuditApi
from services.audit.events.on_any_event import Appender
from services.audit.store.keys import ERASE_KEY, SubjectKeys
from tests.integration.analytics.world import ISSUER, START, Athlete, World, reps
from tests.stack.databases import TestDatabase

KEYS = SubjectKeys(b"m" * 32)
ZONES = ("UTC", "Europe/Berlin", "Pacific/Kiritimati", "America/Los_Angeles")
RECEIVE = receive("analytics")
REMEMBER = Statement(text("INSERT INTO analytics.erased_subjects VALUES (:user_id, :erased_at)"))


class Store:
    """The analytics service beside the audit service, each with a database session of its own."""

    def __init__(self, world: World, database: TestDatabase, audit: Database) -> None:
        self.world = world
        self.database = database
        self.audit = audit
        self.appender = Appender(world.clock, KEYS)
        guards = Guards(
            AccessTokens(database.secrets / "access-token-keys.json", ISSUER, SystemClock()),
            ServiceTokens(database.secrets / "service-keys.json"),
            EndedSessions(connect("redis://127.0.0.1:1")),
        )
        pipeline = Pipeline(load_contract(), guards, audit.record_call)
        checkpoints: Any = None
        api = AuditApi(audit, world.clock, PageTokens(b"k" * 32), checkpoints, KEYS)
        pipeline.add(audit_service_pb2.DESCRIPTOR.services_by_name["AuditService"], api)
        self.history = AuditHistory(Channel(InProcess(pipeline, "analytics")), tuple(HANDLERS), SOURCES)

    async def record(self, events: Sequence[Event]) -> None:
        """The audit service hears them."""
        for first in range(0, len(events), 100):
            async with self.audit.write() as tx:
                await self.appender.append(tx, [read_event(each.SerializeToString()) for each in events[first:][:100]])

    async def handle(self, events: Sequence[Event], handlers: dict[str, Handler] | None = None) -> None:
        """The analytics service hears them, in batches of different sizes, as its consumer would."""
        first = 0
        while batch := events[first : first + random.Random(first).randint(1, 60)]:
            first += len(batch)
            known = {each.id: read_event(each.SerializeToString()) for each in batch}
            async with self.world.db.write() as tx:
                rows = await tx.rows(RECEIVE, group=GROUP, event_ids=sorted(known), now=self.world.clock.now())
                new = await without_erased(tx, "analytics", [known[str(row["event_id"])] for row in rows])
                for handler, received in by_handler(handlers or HANDLERS, new):
                    await handler(tx, received)

    def rebuild(self, handlers: dict[str, Handler] | None = None) -> Rebuild:
        subscription = Subscription(GROUP, SOURCES, handlers or HANDLERS)
        projection = Projection(subscription, PROJECTION, self.history, erase, aside=("platform_marks",))
        return Rebuild(self.database.owner_url, self.world.db, projection)

    async def counts(self) -> dict[str, int]:
        """Rows by table."""
        return {
            table: await self.database.owner_value(f"SELECT count(*) FROM analytics.{table}")
            for table in (*PROJECTION, "platform_marks")
        }


@pytest.fixture
async def store(world: World, database: TestDatabase, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Store]:
    for name, value in {"PAUSE": 0.01, "POLL": 0.01, "BEHIND_SECONDS": 1.0, "ATTEMPTS": 2}.items():
        monkeypatch.setattr(module, name, value)
    await database.migrate(["audit"])
    owner = await asyncpg.connect(database.owner_url)
    for table in (*PROJECTION, "platform_marks", "inbox", "erased_subjects"):
        await owner.execute(f"DELETE FROM analytics.{table}")
    for table in ("records", "subject_keys", "outbox", "inbox"):
        await owner.execute(f"TRUNCATE audit.{table}")
    await owner.execute("UPDATE audit.chain_head SET position = 0, hash = decode(repeat('00', 32), 'hex')")
    await owner.close()
    audit = database.connect("audit", clock=world.clock)
    yield Store(world, database, audit)
    await audit.close()


def lives(world: World, people: int, changes: int, seed: int) -> tuple[list[Athlete], list[Event]]:
    """People with what they did, in the order in which they did it."""
    chance = random.Random(seed)
    exercises = [world.new_id() for _ in range(5)]
    events = [
        world.event(
            "exercise",
            each,
            version,
            ExerciseImported(exercise=Exercise(id=each, name=f"Press {version}", primary_muscles=[MUSCLE_CHEST])),
        )
        for each in exercises
        for version in (1, 2)
    ]
    athletes = [Athlete(world) for _ in range(people)]
    for _ in range(changes):
        athlete = chance.choice(athletes)
        kind = chance.random()
        if kind < 0.1:
            version = athlete.versions["preferences"] = athlete.versions.get("preferences", 0) + 1
            chosen = Preferences(time_zone=chance.choice(ZONES), first_day_of_week=chance.choice((0, 1, 7)))
            data = PreferencesUpdated(user_id=athlete.user_id, preferences=chosen)
            events.append(world.event("preferences", athlete.user_id, version, data, athlete.user_id))
        elif kind < 0.2:
            events.append(world.event("session", world.new_id(), 1, UserSignedIn(), athlete.user_id))
        else:
            start = datetime(2026, 1, 1, 22, tzinfo=UTC) + timedelta(hours=chance.randrange(24 * 40))
            weights = (0, 20.1, 62.7, 100)
            sets = [reps(chance.choice(exercises), chance.randint(1, 12), chance.choice(weights)) for _ in "123"]
            workout = athlete.workout(start, *sets, minutes=chance.randint(10, 90))
            logged = [each for each in athlete.versions if each != "preferences"]
            if logged and kind > 0.6:
                workout.id = chance.choice(logged)
            events.append(athlete.told(workout, "WorkoutDeleted" if kind > 0.9 else ""))
    return athletes, events


@pytest.mark.parametrize("seed", [1, 2])
async def test_it_is_the_same_in_any_order_and_after_an_erasure(store: Store, seed: int) -> None:
    world = store.world
    athletes, events = lives(world, 6, 250, seed)
    heard = [*events, *events[:40]]
    random.Random(seed).shuffle(heard)
    await store.record(events)
    await store.handle(heard)
    counts = await store.counts()
    assert all(counts[table] for table in PROJECTION if table != "people")
    report = await store.rebuild().verify()
    assert report.differences == []
    assert report.events == len(events)
    assert await store.counts() == counts

    gone = athletes[0].user_id
    async with store.audit.write() as tx:
        await tx.execute(ERASE_KEY, user_id=gone, now=START)
    async with world.db.write() as tx:
        await tx.execute(REMEMBER, user_id=gone, erased_at=START)
        await erase(tx, gone)
    late = athletes[0].told(athletes[0].workout(START))
    await store.record([late])
    await store.handle([late])
    report = await store.rebuild().verify()
    assert report.differences == []
    assert report.events == sum(each.subject_user_id != gone for each in events)
    await store.rebuild().run()
    for table in PROJECTION:
        column = {"exercises": "owner_id"}.get(table, "user_id")
        left = f"SELECT count(*) FROM analytics.{table} WHERE {column}::text = $1"
        assert await store.database.owner_value(left, gone) == 0
    assert (await store.rebuild().verify()).differences == []


async def first_only(tx: WriteSession, events: Sequence[Received]) -> None:
    """Broken: ignores updates."""
    await on_workout_changed.on_workout_changed(tx, [each for each in events if each.event.aggregate_version == 1])


async def adding(tx: WriteSession, events: Sequence[Received]) -> None:
    """Broken: adds what a version contributes to what the versions before did."""
    for each in events:
        data: Any = each.data
        event = Event()
        event.CopyFrom(each.event)
        event.aggregate_id = f"{event.aggregate_id[:-2]}{event.aggregate_version:02x}"
        event.aggregate_version = 1
        await on_workout_changed.on_workout_changed(tx, [Received(event, data)])


async def in_utc(tx: WriteSession, events: Sequence[Received]) -> None:
    """Broken: forgets the time zone."""
    for each in events:
        data: Any = each.data
        data.preferences.ClearField("time_zone")
    await on_person_changed.on_preferences_updated(tx, events)


@pytest.mark.parametrize(
    ("types", "broken", "tables"),
    [
        (on_workout_changed.TYPES, first_only, {"workouts", "training_periods"}),
        (on_workout_changed.TYPES, adding, {"workouts", "training_periods"}),
        ((on_person_changed.PREFERENCES,), in_utc, {"calendars"}),
    ],
)
async def test_a_broken_handler_is_found(store: Store, types: Sequence[str], broken: Handler, tables: set[str]) -> None:
    """Broken in the live service, which is then mended by a rebuild."""
    _, events = lives(store.world, 3, 80, 7)
    await store.record(events)
    await store.handle(events, HANDLERS | dict.fromkeys(types, broken))
    report = await store.rebuild().verify()
    assert tables <= {each.split(":")[0] for each in report.differences}
    await store.rebuild().run()
    assert (await store.rebuild().verify()).differences == []


async def test_it_is_rebuilt_while_people_train(store: Store) -> None:
    _, events = lives(store.world, 5, 400, 3)
    await store.record(events[:200])
    await store.handle(events[:200])

    async def go_on() -> None:
        for first in range(200, 400, 8):
            part = events[first : first + 8]
            order = [store.record(part), store.handle(part)]
            for work in order if first % 16 else reversed(order):
                await work

    task = asyncio.create_task(go_on())
    rebuilt = 0
    while not task.done():
        await store.rebuild().run()
        rebuilt += 1
    await task
    await store.handle(events[400:])
    await store.record(events[400:])
    assert rebuilt
    report = await store.rebuild().verify()
    assert (report.differences, report.events) == ([], len(events))


async def test_platform_marks_of_a_rebuild_are_thrown_away(store: Store) -> None:
    _, events = lives(store.world, 3, 40, 5)
    await store.record(events)
    await store.handle(events)
    before = (await store.counts())["platform_marks"]
    await store.rebuild().run()
    assert (await store.counts())["platform_marks"] == before


async def test_a_person_at_a_time(store: Store) -> None:
    """Only the person's events, only before the time, whenever they were recorded."""
    world = store.world
    ada, bob = Athlete(world), Athlete(world)
    early, late = (ada.told(ada.workout(START)) for _ in range(2))
    late.time.FromDatetime(START + timedelta(days=1))
    await store.record([late, bob.told(bob.workout(START)), early])

    async def heard(before: datetime) -> list[str]:
        parts = [part async for part in store.history.replay_person(ada.user_id, before, on_workout_changed.TYPES)]
        return [Event.FromString(data).id for part in parts for data in part.events]

    assert await heard(START + timedelta(seconds=1)) == [early.id]
    assert await heard(START + timedelta(days=2)) == [late.id, early.id]
    assert await heard(START) == []
