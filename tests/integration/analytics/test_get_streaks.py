"""GetStreaks: days and weeks in a row, as workouts come, move and go."""

from datetime import UTC, datetime, timedelta

from fitnesshub.analytics.v1.analytics_pb2 import Streak
from fitnesshub.analytics.v1.analytics_service_pb2 import GetStreaksRequest, GetStreaksResponse
from fitnesshub.workout.v1.workout_pb2 import Workout

from tests.integration.analytics.world import START, Athlete, World


async def streaks(athlete: Athlete) -> GetStreaksResponse:
    return await athlete.call("GetStreaks", GetStreaksRequest(), GetStreaksResponse)


async def log(athlete: Athlete, *days_ago: int) -> list[Workout]:
    """A workout on each of the days, an hour ago or earlier."""
    return [await athlete.log(START - timedelta(days=each, hours=1)) for each in days_ago]


def days(length: int, first: str, last: str) -> Streak:
    return Streak(length=length, start_date=first, end_date=last)


async def test_nothing(ada: Athlete) -> None:
    found = await streaks(ada)
    assert {found.current_days.length, found.longest_days.length, found.current_weeks.length} == {0}
    assert found.current_days == Streak()


async def test_days_in_any_order(ada: Athlete) -> None:
    await log(ada, 3, 1, 2, 2, 10, 12, 13, 11, 14)
    found = await streaks(ada)
    # Today isn't over yet.
    assert found.current_days == days(3, "2026-02-26", "2026-02-28")
    assert found.longest_days == days(5, "2026-02-15", "2026-02-19")
    assert found.current_weeks == found.longest_weeks == days(3, "2026-02-09", "2026-03-01")


async def test_a_day_in_between_is_filled_and_deleted(world: World, ada: Athlete) -> None:
    await log(ada, 0, 1, 3, 4)
    assert (await streaks(ada)).current_days == days(2, "2026-02-28", "2026-03-01")
    (filling,) = await log(ada, 2)
    assert (await streaks(ada)).longest_days == days(5, "2026-02-25", "2026-03-01")
    await world.hear(ada.told(filling, "WorkoutDeleted"))
    found = await streaks(ada)
    assert found.current_days == days(2, "2026-02-28", "2026-03-01")
    assert found.longest_days == found.current_days  # the latest of several


async def test_a_workout_that_moves_far(world: World, ada: Athlete) -> None:
    moving = (await log(ada, 1, 2, 400, 401, 403))[0]
    moving.start_time.FromDatetime(START - timedelta(days=402))
    await world.hear(ada.told(moving))
    found = await streaks(ada)
    assert (found.current_days.length, found.longest_days.length) == (0, 4)


async def test_the_future_doesnt_count_yet(world: World, ada: Athlete) -> None:
    await log(ada, 0, 1, -1, -2, -10, -11, -12, -13)
    found = await streaks(ada)
    assert found.current_days == found.longest_days == days(2, "2026-02-28", "2026-03-01")


async def test_a_streak_ends_with_a_day_without(ada: Athlete) -> None:
    await log(ada, 2, 3)
    found = await streaks(ada)
    assert (found.current_days, found.longest_days.length) == (Streak(), 2)


async def test_days_of_the_persons_zone(ada: Athlete) -> None:
    for hour in (3, 15, 27):
        await ada.log(datetime(2026, 2, 20, tzinfo=UTC) + timedelta(hours=hour))
    assert (await streaks(ada)).longest_days.length == 2
    await ada.prefer(time_zone="America/New_York")
    assert (await streaks(ada)).longest_days == days(2, "2026-02-19", "2026-02-20")
    await ada.prefer(time_zone="Asia/Tokyo")
    assert (await streaks(ada)).longest_days == days(2, "2026-02-20", "2026-02-21")
