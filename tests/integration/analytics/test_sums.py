"""Sums, bests and runs are what the newest versions of workouts say, however and in which order they were heard."""

import asyncio
import random
from collections.abc import Sequence
from datetime import UTC, date, timedelta
from zoneinfo import ZoneInfo

import pytest
from fitnesshub.analytics.v1 import analytics_pb2 as pb
from fitnesshub.event.v1.event_pb2 import Event
from fitnesshub.user.v1.events_pb2 import PreferencesUpdated
from fitnesshub.user.v1.profile_pb2 import Preferences
from fitnesshub.workout.v1.events_pb2 import WorkoutCreated, WorkoutDeleted
from fitnesshub.workout.v1.workout_pb2 import SET_TYPE_NORMAL, SET_TYPE_WARMUP, Workout
from google.type.dayofweek_pb2 import SATURDAY

from services.analytics.events.on_subject_erased import AnalyticsEraser
from services.analytics.store import sums
from services.analytics.store.tables import PROJECTION
from tests.integration.analytics.world import START, Athlete, World, reps

ZONE = "America/St_Johns"
WORKOUTS = 60


def story(world: World, athlete: Athlete, exercises: Sequence[str], chance: random.Random) -> list[Event]:
    """What happens to somebody's workouts in half a year, in order."""
    events = []
    for _ in range(WORKOUTS):
        workout = athlete.workout(START)
        for kind in ["", "", "WorkoutDeleted", "WorkoutUndeleted"][: chance.choice((1, 1, 1, 2, 3, 4))]:
            if not kind:
                retell(workout, exercises, chance)
            events.append(athlete.told(workout, kind))
    for version, preferences in enumerate(
        (Preferences(time_zone="Asia/Tokyo"), Preferences(time_zone=ZONE, first_day_of_week=SATURDAY)), start=1
    ):
        data = PreferencesUpdated(user_id=athlete.user_id, preferences=preferences)
        told = world.event("preferences", athlete.user_id, version, data, athlete.user_id)
        events.insert(chance.randrange(len(events)), told)
    return events


def retell(workout: Workout, exercises: Sequence[str], chance: random.Random) -> None:
    """Other sets at another time."""
    del workout.sets[:]
    for _ in range(chance.randrange(1, 6)):
        kind = chance.choice((SET_TYPE_NORMAL, SET_TYPE_NORMAL, SET_TYPE_WARMUP))
        workout.sets.append(reps(chance.choice(exercises), chance.randrange(1, 15), chance.random() * 100, kind))
    start = START - timedelta(minutes=chance.randrange(180 * 24 * 60))
    workout.start_time.FromDatetime(start)
    workout.end_time.FromDatetime(start + timedelta(minutes=chance.randrange(120)))


async def projected(world: World, user_id: str) -> dict[str, list[str]]:
    """All rows of somebody, as text."""
    return {
        table: [
            row["t"]
            for row in await world.owner_rows(
                f"SELECT CAST(t AS text) AS t FROM analytics.{table} AS t WHERE t.user_id = $1 ORDER BY t",
                user_id,
            )
        ]
        for table in PROJECTION
        if table != "exercises"
    }


async def hear(world: World, events: Sequence[Event], chance: random.Random) -> None:
    """In batches of any size, by two consumers at once, some events twice."""
    rest = list(events)
    while rest:
        batches = []
        for _ in range(2):
            size = chance.randrange(1, 12)
            batches.append(rest[:size])
            rest = rest[size:]
        await asyncio.gather(*(world.hear(*batch) for batch in batches if batch))
        again = Event.FromString(chance.choice(batches[0]).SerializeToString())
        again.id = world.new_id()
        await world.hear(again)


@pytest.mark.parametrize("seed", range(4))
async def test_any_order_gives_the_same(world: World, ada: Athlete, bench: str, squat: str, seed: int) -> None:
    chance = random.Random(seed)
    events = story(world, ada, (bench, squat), chance)
    await world.hear(*events[:1])
    await hear(world, events[1:], chance)
    expected = await projected(world, ada.user_id)
    assert len(expected["training_periods"]) > WORKOUTS
    async with world.db.write() as tx:
        await sums.refresh_bests(tx, (), [(ada.user_id, each) for each in (bench, squat)], ())
    assert await projected(world, ada.user_id) == expected

    for _ in range(2):
        await AnalyticsEraser(world.db).erase(ada.user_id)
        chance.shuffle(events)
        for event in events:
            event.id = world.new_id()
        await hear(world, events, chance)
        assert await projected(world, ada.user_id) == expected


async def test_sums_are_what_the_workouts_say(world: World, ada: Athlete, bench: str, squat: str) -> None:
    chance = random.Random(7)
    events = story(world, ada, (bench, squat), chance)
    await hear(world, events, chance)
    newest: dict[str, Event] = {}
    for event in events:
        if event.aggregate_type == "workout":
            newest[event.aggregate_id] = max(newest.get(event.aggregate_id, event), event, key=_version)
    volume: dict[date, float] = {}
    count: dict[date, int] = {}
    for event in newest.values():
        if event.type == WorkoutDeleted.DESCRIPTOR.full_name:
            continue
        workout = WorkoutCreated.FromString(event.data.value).workout  # all of them hold it in the same field
        start = workout.start_time.ToDatetime(UTC).astimezone(ZoneInfo(ZONE)).date()
        week = start - timedelta(days=(start.weekday() - 5) % 7)
        lifted = sum(each.reps * each.weight_kg for each in workout.sets if each.set_type != SET_TYPE_WARMUP)
        volume[week] = volume.get(week, 0.0) + lifted
        count[week] = count.get(week, 0) + 1

    rows = await world.owner_rows(
        "SELECT start_date, workouts, volume_kg FROM analytics.training_periods WHERE user_id = $1 AND kind = $2",
        ada.user_id,
        pb.GRANULARITY_WEEK,
    )

    assert {row["start_date"]: row["workouts"] for row in rows} == count
    assert {row["start_date"]: row["volume_kg"] for row in rows} == pytest.approx(volume)


def _version(event: Event) -> int:
    return event.aggregate_version
