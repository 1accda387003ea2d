"""GetTraining: sums by period, in the person's calendar, after any change of workouts and preferences."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from fitnesshub.analytics.v1 import analytics_pb2 as pb
from fitnesshub.analytics.v1.analytics_pb2 import TrainingTotals
from fitnesshub.analytics.v1.analytics_service_pb2 import GetTrainingRequest, GetTrainingResponse
from fitnesshub.event.v1.event_pb2 import Event
from fitnesshub.workout.v1.workout_pb2 import SET_TYPE_DROPSET, SET_TYPE_WARMUP, WorkoutSet
from google.type.dayofweek_pb2 import SUNDAY

from chassis.errors import InvalidArgument
from chassis.events.consistency import STALE
from tests.integration.analytics.world import START, Athlete, World, reps

EVENING = datetime(2026, 2, 25, 18, 0, tzinfo=UTC)
"""A Wednesday."""


async def training(athlete: Athlete, token: str = "", **asked: Any) -> GetTrainingResponse:
    return await athlete.call("GetTraining", GetTrainingRequest(**asked), GetTrainingResponse, token)


def done(answer: GetTrainingResponse) -> dict[str, int]:
    """Workouts by period, where there are any."""
    return {each.name: each.totals.workouts for each in answer.periods if each.totals.workouts}


async def test_sums_of_one_workout_without_its_warm_ups(ada: Athlete, bench: str, squat: str) -> None:
    run = WorkoutSet(exercise_id=squat, distance=5, distance_meters=5000, duration_seconds=1500)
    await ada.log(
        EVENING,
        reps(bench, 10, 40, SET_TYPE_WARMUP),
        reps(bench, 8, 80),
        reps(bench, 6, 60, SET_TYPE_DROPSET),
        reps(squat, 12),
        reps(squat, 8, -20),
        run,
        minutes=75,
    )

    answer = await training(ada, from_date="2026-02-25", to_date="2026-02-25")

    expected = TrainingTotals(workouts=1, duration_seconds=4500, sets=5, reps=34, volume_kg=1000, distance_meters=5000)
    (week,) = answer.periods
    assert (week.name, week.start_date, week.end_date, week.totals) == (
        "2026-W09",
        "2026-02-23",
        "2026-03-01",
        expected,
    )
    assert (answer.totals, answer.time_zone) == (expected, "UTC")


async def test_periods_without_training_are_there(ada: Athlete) -> None:
    for granularity, count, last in (
        (pb.GRANULARITY_UNSPECIFIED, 12, "2026-W09"),
        (pb.GRANULARITY_DAY, 30, "2026-03-01"),
        (pb.GRANULARITY_MONTH, 12, "2026-03"),
        (pb.GRANULARITY_YEAR, 5, "2026"),
    ):
        answer = await training(ada, granularity=granularity)
        assert (len(answer.periods), answer.periods[-1].name) == (count, last)
        assert answer.totals == TrainingTotals()


async def test_weeks_of_two_years_dont_collide(ada: Athlete, bench: str) -> None:
    for day in ("2024-12-30", "2025-12-29", "2026-01-04", "2026-01-05"):
        await ada.log(datetime.fromisoformat(f"{day}T12:00:00Z"), reps(bench, 5, 100))

    answer = await training(ada, from_date="2024-12-01", to_date="2026-02-01")

    assert done(answer) == {"2025-W01": 1, "2026-W01": 2, "2026-W02": 1}
    years = await training(ada, from_date="2024-01-01", to_date="2026-02-01", granularity=pb.GRANULARITY_YEAR)
    assert done(years) == {"2024": 1, "2025": 1, "2026": 2}


async def test_a_change_of_preferences_counts_the_past_anew(ada: Athlete, bench: str) -> None:
    await ada.log(datetime(2026, 2, 22, 23, 30, tzinfo=UTC), reps(bench, 5, 100))  # a Sunday; in Berlin Monday
    days: dict[str, Any] = {"granularity": pb.GRANULARITY_DAY}
    assert done(await training(ada, **days)) == {"2026-02-22": 1}

    await ada.prefer(time_zone="Europe/Berlin")
    answer = await training(ada, **days)
    assert (done(answer), answer.time_zone) == ({"2026-02-23": 1}, "Europe/Berlin")
    assert done(await training(ada)) == {"2026-W09": 1}

    await ada.prefer(time_zone="America/Los_Angeles")
    assert done(await training(ada)) == {"2026-W08": 1}
    await ada.prefer(time_zone="America/Los_Angeles", first_day_of_week=SUNDAY)
    (week,) = [each for each in (await training(ada)).periods if each.totals.workouts]
    assert (week.start_date, week.end_date) == ("2026-02-22", "2026-02-28")


async def test_late_preferences_change_nothing(world: World, ada: Athlete, bench: str) -> None:
    await ada.log(datetime(2026, 2, 22, 23, 30, tzinfo=UTC), reps(bench, 5, 100))
    ada.versions["preferences"] = 5
    await ada.prefer(time_zone="Europe/Berlin")
    ada.versions["preferences"] = 2
    await ada.prefer(time_zone="Asia/Tokyo")

    assert (await training(ada)).time_zone == "Europe/Berlin"


async def test_a_change_moves_the_sums(world: World, ada: Athlete, bench: str) -> None:
    workout = await ada.log(EVENING, reps(bench, 8, 80))
    workout.start_time.FromDatetime(EVENING - timedelta(days=40))
    workout.sets[0].reps = 10
    await world.hear(ada.told(workout))

    answer = await training(ada)

    assert done(answer) == {"2026-W03": 1}
    assert answer.totals.volume_kg == 800


async def test_deleted_and_brought_back(world: World, ada: Athlete, bench: str) -> None:
    workout = await ada.log(EVENING, reps(bench, 8, 80))
    await world.hear(ada.told(workout, "WorkoutDeleted"))
    assert done(await training(ada)) == {}
    await world.hear(ada.told(workout, "WorkoutUndeleted"))
    assert done(await training(ada)) == {"2026-W09": 1}


async def test_twice_and_in_the_wrong_order(world: World, ada: Athlete, bench: str) -> None:
    workout = ada.workout(EVENING, reps(bench, 8, 80))
    created = ada.told(workout)
    workout.sets[0].reps = 10
    updated, gone = ada.told(workout), ada.told(workout, "WorkoutDeleted")
    other = ada.told(ada.workout(EVENING, reps(bench, 1, 50)))
    for batch in ([updated], [created, other], [_again(world, updated)], [_again(world, created)]):
        await world.hear(*batch)
    answer = await training(ada)
    assert (answer.totals.workouts, answer.totals.volume_kg) == (2, 850)

    await world.hear(gone)
    await world.hear(_again(world, updated))
    assert (await training(ada)).totals.volume_kg == 50


def _again(world: World, event: Event) -> Event:
    """The same event, as if the inbox had forgotten it."""
    copy = Event.FromString(event.SerializeToString())
    copy.id = world.new_id()
    return copy


async def test_somebody_elses_training_isnt_seen(ada: Athlete, bob: Athlete, bench: str) -> None:
    await ada.log(EVENING, reps(bench, 8, 80))
    assert (await training(bob)).totals == TrainingTotals()


async def test_ancient_and_distant_workouts_count_at_the_ends(ada: Athlete, bench: str) -> None:
    await ada.prefer(time_zone="Pacific/Kiritimati")
    for year in (1, 9999):
        await ada.log(datetime(year, 1, 1, tzinfo=UTC), reps(bench, 5, 100), minutes=0)
    asked: dict[str, Any] = {"granularity": pb.GRANULARITY_YEAR}
    assert done(await training(ada, from_date="1800-01-01", to_date="1950-01-01", **asked)) == {"1900": 1}
    assert done(await training(ada, from_date="2100-01-01", to_date="2500-01-01", **asked)) == {"2199": 1}


async def test_a_read_waits_for_its_own_write(world: World, ada: Athlete, bench: str) -> None:
    event = ada.told(ada.workout(EVENING, reps(bench, 8, 80)))
    answer = await training(ada, token=event.id)
    assert (answer.totals.workouts, ada.headers[STALE]) == (0, "true")
    await world.hear(event)
    answer = await training(ada, token=event.id)
    assert (answer.totals.workouts, STALE in ada.headers) == (1, False)


async def test_what_is_refused_is_named_as_it_was_sent(ada: Athlete) -> None:
    with pytest.raises(InvalidArgument) as refused:
        await training(ada, from_date="9999-12-31")
    assert refused.value.metadata == {"fromDate": "9999-12-31", "toDate": "2026-03-01"}
    with pytest.raises(InvalidArgument) as refused:
        await training(ada, from_date="2026-02-01", to_date="0001-01-01")
    assert refused.value.metadata == {"fromDate": "2026-02-01", "toDate": "0001-01-01"}


@pytest.mark.parametrize(
    ("asked", "reason", "field"),
    [
        ({"from_date": "2026-02-02", "to_date": "2026-02-01"}, "DATE_RANGE_INVALID", "fromDate"),
        ({"from_date": "2026-12-01"}, "DATE_RANGE_INVALID", "fromDate"),
        (
            {"from_date": "2024-01-01", "to_date": "2026-01-01", "granularity": pb.GRANULARITY_DAY},
            "DATE_RANGE_TOO_LONG",
            "fromDate",
        ),
        ({"from_date": "2026-02-30"}, "INVALID_REQUEST", "fromDate"),
        ({"to_date": "yesterday"}, "INVALID_REQUEST", "toDate"),
        ({"granularity": 99}, "INVALID_REQUEST", "granularity"),
    ],
)
async def test_bad_input(ada: Athlete, asked: dict[str, Any], reason: str, field: str) -> None:
    with pytest.raises(InvalidArgument) as refused:
        await training(ada, **asked)
    assert (refused.value.reason, [each.field for each in refused.value.violations]) == (reason, [field])


async def test_as_many_periods_as_allowed(ada: Athlete) -> None:
    first = (START - timedelta(days=399)).date().isoformat()
    assert len((await training(ada, from_date=first, granularity=pb.GRANULARITY_DAY)).periods) == 400
