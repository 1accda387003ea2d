"""GetExerciseProgress: one exercise by period, with its best sets."""

from datetime import UTC, datetime
from typing import Any

import pytest
from fitnesshub.analytics.v1 import analytics_pb2 as pb
from fitnesshub.analytics.v1.analytics_pb2 import ExercisePeriod, TrainingTotals
from fitnesshub.analytics.v1.analytics_service_pb2 import GetExerciseProgressRequest, GetExerciseProgressResponse
from fitnesshub.workout.v1.workout_pb2 import SET_TYPE_WARMUP

from chassis.errors import InvalidArgument
from tests.integration.analytics.world import Athlete, reps


async def progress(athlete: Athlete, exercise_id: str, **asked: Any) -> GetExerciseProgressResponse:
    request = GetExerciseProgressRequest(exercise_id=exercise_id, **asked)
    return await athlete.call("GetExerciseProgress", request, GetExerciseProgressResponse)


def at(day: str) -> datetime:
    return datetime.fromisoformat(f"{day}T18:00:00Z").astimezone(UTC)


async def test_by_day_and_by_month(ada: Athlete, bench: str, squat: str) -> None:
    await ada.log(at("2026-02-02"), reps(bench, 5, 200, SET_TYPE_WARMUP), reps(bench, 6, 100), reps(bench, 1, 110))
    await ada.log(at("2026-02-04"), reps(squat, 5, 100))
    await ada.log(at("2026-02-20"), reps(bench, 15, 60))

    answer = await progress(ada, bench)

    assert (answer.exercise_id, answer.name, answer.time_zone) == (bench, "Bench press", "UTC")
    assert list(answer.periods) == [
        ExercisePeriod(
            name="2026-02-02",
            start_date="2026-02-02",
            end_date="2026-02-02",
            e1rm_kg=120,
            heaviest_kg=110,
            totals=TrainingTotals(workouts=1, sets=2, reps=7, volume_kg=710),
        ),
        # Sets of more than 12 repetitions say nothing of the maximum.
        ExercisePeriod(
            name="2026-02-20",
            start_date="2026-02-20",
            end_date="2026-02-20",
            heaviest_kg=60,
            totals=TrainingTotals(workouts=1, sets=1, reps=15, volume_kg=900),
        ),
    ]
    (month,) = (await progress(ada, bench, granularity=pb.GRANULARITY_MONTH)).periods
    assert (month.name, month.e1rm_kg, month.totals.workouts) == ("2026-02", 120, 2)


async def test_what_was_never_done(ada: Athlete, bob: Athlete, bench: str) -> None:
    await bob.log(at("2026-02-02"), reps(bench, 6, 100))
    assert list((await progress(ada, bench)).periods) == []


async def test_bad_input(ada: Athlete, bench: str) -> None:
    with pytest.raises(InvalidArgument) as refused:
        await progress(ada, "bench")
    assert [each.field for each in refused.value.violations] == ["exerciseId"]
    with pytest.raises(InvalidArgument) as refused:
        await progress(ada, bench, from_date="2020-01-01")
    assert refused.value.reason == "DATE_RANGE_TOO_LONG"
