"""ListTrainedMuscles: sets count whole for the muscles that do most of the work, and half for those that help."""

from datetime import UTC, datetime
from typing import Any

from fitnesshub.analytics.v1.analytics_service_pb2 import ListTrainedMusclesRequest, ListTrainedMusclesResponse
from fitnesshub.workout.v1.events_pb2 import ExerciseCreated, ExerciseUpdated
from fitnesshub.workout.v1.exercise_pb2 import (
    MUSCLE_CHEST,
    MUSCLE_NECK,
    MUSCLE_QUADRICEPS,
    MUSCLE_SHOULDERS,
    MUSCLE_TRICEPS,
    MUSCLE_UNSPECIFIED,
    Exercise,
)

from tests.integration.analytics.world import Athlete, World, reps

EVENING = datetime(2026, 2, 25, 18, 0, tzinfo=UTC)


async def muscles(athlete: Athlete, **asked: Any) -> dict[int, tuple[float, float, float]]:
    """Sets, repetitions and volume by muscle, in the order of the answer."""
    answer = await athlete.call("ListTrainedMuscles", ListTrainedMusclesRequest(**asked), ListTrainedMusclesResponse)
    return {each.muscle: (each.sets, each.reps, each.volume_kg) for each in answer.muscles}


async def test_whole_and_half(ada: Athlete, bench: str, squat: str) -> None:
    await ada.log(EVENING, reps(bench, 8, 100), reps(bench, 8, 100), reps(bench, 8, 100), reps(squat, 5, 100))

    found = await muscles(ada)

    assert found == {
        MUSCLE_CHEST: (3, 24, 2400),
        MUSCLE_SHOULDERS: (1.5, 12, 1200),
        MUSCLE_TRICEPS: (1.5, 12, 1200),
        MUSCLE_QUADRICEPS: (1, 5, 500),
    }
    assert list(found) == [MUSCLE_CHEST, MUSCLE_SHOULDERS, MUSCLE_TRICEPS, MUSCLE_QUADRICEPS]


async def test_between_two_days(ada: Athlete, bench: str, squat: str) -> None:
    await ada.log(EVENING, reps(bench, 8, 100))
    await ada.log(datetime(2025, 2, 25, tzinfo=UTC), reps(squat, 8, 100))
    assert list(await muscles(ada, from_date="2025-01-01", to_date="2025-12-31")) == [MUSCLE_QUADRICEPS]


async def test_what_nobody_knows_is_unknown(world: World, ada: Athlete) -> None:
    unheard = world.new_id()
    own = Exercise(id=world.new_id(), name="Ada's own", owner_id=ada.user_id)
    await world.hear(world.event("exercise", own.id, 1, ExerciseCreated(exercise=own), ada.user_id))
    await ada.log(EVENING, reps(unheard, 5, 10), reps(own.id, 5, 10))
    assert await muscles(ada) == {MUSCLE_UNSPECIFIED: (2, 10, 100)}

    # What becomes known counts for the past too; an older version changes nothing.
    exercise = Exercise(id=unheard, name="Neck curl", primary_muscles=[MUSCLE_NECK])
    await world.hear(world.event("exercise", unheard, 2, ExerciseUpdated(exercise=exercise)))
    old = Exercise(id=unheard, name="Neck curl", primary_muscles=[MUSCLE_CHEST])
    await world.hear(world.event("exercise", unheard, 1, ExerciseCreated(exercise=old)))
    assert await muscles(ada) == {MUSCLE_UNSPECIFIED: (1, 5, 50), MUSCLE_NECK: (1, 5, 50)}
