"""Erasing a person: nothing of the person is left in any table, and nobody else loses anything."""

from datetime import UTC, datetime, timedelta

from fitnesshub.analytics.v1.analytics_service_pb2 import GetTrainingRequest, GetTrainingResponse
from fitnesshub.user.v1.events_pb2 import UserSignedIn
from fitnesshub.user.v1.user_pb2 import User
from fitnesshub.workout.v1.events_pb2 import ExerciseCreated
from fitnesshub.workout.v1.exercise_pb2 import MUSCLE_NECK, Exercise

from services.analytics.events.on_subject_erased import AnalyticsEraser
from services.analytics.store.tables import PROJECTION, metadata
from tests.integration.analytics.world import START, Athlete, World, reps

CANARY = "Quetzalcoatl press"


async def live(world: World, athlete: Athlete, bench: str) -> None:
    """Everything that a person leaves behind here."""
    own = Exercise(id=world.new_id(), name=f"{CANARY} {athlete.user_id}", owner_id=athlete.user_id)
    own.primary_muscles.append(MUSCLE_NECK)
    await world.hear(world.event("exercise", own.id, 1, ExerciseCreated(exercise=own), athlete.user_id))
    await athlete.registered(datetime(2025, 1, 1, tzinfo=UTC))
    await athlete.prefer(time_zone="Europe/Berlin")
    data = UserSignedIn(user=User(id=athlete.user_id))
    await world.hear(world.event("user", athlete.user_id, 1, data, athlete.user_id))
    for ago in range(3):
        await athlete.log(START - timedelta(days=ago), reps(bench, 5, 100), reps(own.id, 5, 10))


async def rows_with(world: World, text: str) -> dict[str, int]:
    """Rows in which a text stands, by table."""
    found = {}
    for table in metadata.sorted_tables:
        sql = f"SELECT count(*) AS n FROM {table.fullname} AS t WHERE position($1 IN CAST(t AS text)) > 0"
        (row,) = await world.owner_rows(sql, text)
        if row["n"]:
            found[table.name] = row["n"]
    return found


async def test_nothing_is_left(world: World, ada: Athlete, bob: Athlete, bench: str) -> None:
    for athlete in (ada, bob):
        await live(world, athlete, bench)
    before = await rows_with(world, bob.user_id)
    assert (await rows_with(world, ada.user_id)).keys() == set(PROJECTION)

    eraser = AnalyticsEraser(world.db)
    for _ in range(2):  # as the saga does
        await eraser.erase(ada.user_id)

    assert await rows_with(world, ada.user_id) == {}
    assert await rows_with(world, f"{CANARY} {ada.user_id}") == {}
    assert await rows_with(world, bob.user_id) == before
    answer = await bob.call("GetTraining", GetTrainingRequest(), GetTrainingResponse)
    assert answer.totals.workouts == 3
