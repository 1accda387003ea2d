"""ListTrainedExercises: what was done of each exercise between two days, page by page."""

from datetime import UTC, datetime
from typing import Any

import pytest
from fitnesshub.analytics.v1.analytics_pb2 import TrainingTotals
from fitnesshub.analytics.v1.analytics_service_pb2 import ListTrainedExercisesRequest, ListTrainedExercisesResponse

from chassis.errors import InvalidArgument
from tests.integration.analytics.world import Athlete, World, reps

EVENING = datetime(2026, 2, 25, 18, 0, tzinfo=UTC)


async def trained(athlete: Athlete, **asked: Any) -> ListTrainedExercisesResponse:
    return await athlete.call(
        "ListTrainedExercises", ListTrainedExercisesRequest(**asked), ListTrainedExercisesResponse
    )


async def test_sums_by_exercise(world: World, ada: Athlete, bench: str, squat: str) -> None:
    unknown = world.new_id()
    await ada.log(
        EVENING, reps(bench, 8, 80), reps(bench, 8, 80), reps(bench, 6, 80), reps(unknown, 5), reps(unknown, 5)
    )
    await ada.log(datetime(2025, 5, 5, tzinfo=UTC), reps(squat, 5, 100))

    answer = await trained(ada)

    first, second, third = answer.exercises
    assert (first.exercise_id, first.name) == (bench, "Bench press")
    assert first.totals == TrainingTotals(workouts=1, sets=3, reps=22, volume_kg=1760)
    assert first.last_workout_time.ToDatetime(UTC) == EVENING
    assert [(each.exercise_id, each.name) for each in (second, third)] == [(unknown, ""), (squat, "Squat")]


@pytest.mark.parametrize(
    ("first", "last", "found"),
    [
        ("2023-11-15", "2026-01-10", 7),
        ("2023-11-16", "2026-01-09", 5),
        ("2024-01-01", "2025-12-31", 3),
        ("2024-06-01", "2024-06-30", 1),
        ("2024-06-30", "2024-06-30", 1),
        ("2024-07-01", "2024-07-01", 0),
        ("", "2023-11-15", 1),
        ("2026-01-10", "", 1),
    ],
)
async def test_any_range_of_days(ada: Athlete, bench: str, first: str, last: str, found: int) -> None:
    days = ("2023-11-15", "2023-12-01", "2024-01-01", "2024-06-30", "2025-12-31", "2026-01-01", "2026-01-10")
    for day in days:
        await ada.log(datetime.fromisoformat(f"{day}T12:00:00Z"), reps(bench, 5, 100))

    answer = await trained(ada, from_date=first, to_date=last)

    assert sum(each.totals.workouts for each in answer.exercises) == found


async def test_page_by_page(world: World, ada: Athlete) -> None:
    ids = sorted(world.new_id() for _ in range(7))
    await ada.log(EVENING, *(reps(each, 5) for number, each in enumerate(ids) for _ in range(1 + number // 3)))

    seen: list[str] = []
    token = ""
    while True:
        answer = await trained(ada, page_size=2, page_token=token)
        seen += [each.exercise_id for each in answer.exercises]
        token = answer.next_page_token
        if not token:
            break

    assert seen == [ids[6], *ids[3:6], *ids[:3]]


async def test_a_token_is_good_for_its_request_and_person_only(world: World, ada: Athlete, bob: Athlete) -> None:
    await ada.log(EVENING, *(reps(world.new_id(), 5) for _ in range(3)))
    token = (await trained(ada, page_size=2)).next_page_token
    for athlete, asked in ((bob, {}), (ada, {"from_date": "2026-01-01"})):
        with pytest.raises(InvalidArgument) as refused:
            await trained(athlete, page_size=2, page_token=token, **asked)
        assert refused.value.reason == "PAGE_TOKEN_INVALID"


async def test_the_wrong_order_of_days(ada: Athlete) -> None:
    with pytest.raises(InvalidArgument) as refused:
        await trained(ada, from_date="2026-02-02", to_date="2026-02-01")
    assert refused.value.reason == "DATE_RANGE_INVALID"
