"""GetPlatformActivity: what happens on the platform, counted soon after it happened."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from fitnesshub.analytics.v1 import analytics_pb2 as pb
from fitnesshub.analytics.v1.analytics_service_pb2 import GetPlatformActivityRequest, GetPlatformActivityResponse
from fitnesshub.user.v1.events_pb2 import UserReinstated, UserSignedIn, UserSuspended
from fitnesshub.user.v1.user_pb2 import User

from chassis.errors import InvalidArgument, PermissionDenied
from services.analytics.api.platform_upkeep import PlatformUpkeep
from services.analytics.events.on_subject_erased import AnalyticsEraser
from tests.integration.analytics.world import START, Athlete, World

DAY = timedelta(days=1)


@pytest.fixture
async def upkeep(world: World) -> AsyncIterator[PlatformUpkeep]:
    """Counts on a platform where nothing happened yet."""
    await world.owner_rows(
        "TRUNCATE analytics.people, analytics.sign_in_days, analytics.workouts, analytics.platform_marks,"
        " analytics.platform_periods"
    )
    yield PlatformUpkeep(world.db)
    world.clock.time = START


async def activity(world: World, upkeep: PlatformUpkeep, **asked: Any) -> dict[str, tuple[int, int, int]]:
    """Sign-ups, active people and workouts of the periods in which there are any."""
    await upkeep.count()
    admin = Athlete(world, "admin")
    answer = await admin.call("GetPlatformActivity", GetPlatformActivityRequest(**asked), GetPlatformActivityResponse)
    counts = {each.name: (each.sign_ups, each.active_users, each.workouts) for each in answer.periods}
    return {name: found for name, found in counts.items() if any(found)}


async def signed_in(world: World, athlete: Athlete, at: datetime) -> None:
    world.clock.time = at
    data = UserSignedIn(user=User(id=athlete.user_id))
    await world.hear(world.event("user", athlete.user_id, 1, data, athlete.user_id))
    world.clock.time = START


async def test_days_weeks_and_months(world: World, upkeep: PlatformUpkeep, ada: Athlete, bob: Athlete) -> None:
    await ada.registered(START - 3 * DAY)
    await bob.registered(START - 8 * DAY)
    for ago in (0, 1, 1):
        await ada.log(START - ago * DAY)
    await signed_in(world, bob, START - DAY)
    await signed_in(world, bob, START - DAY)

    assert await activity(world, upkeep) == {
        "2026-02-21": (1, 1, 0),
        "2026-02-26": (1, 1, 0),
        "2026-02-28": (0, 2, 2),
        "2026-03-01": (0, 1, 1),
    }
    weeks = await activity(world, upkeep, granularity=pb.GRANULARITY_WEEK)
    assert weeks == {"2026-W08": (1, 1, 0), "2026-W09": (1, 2, 3)}
    months = await activity(world, upkeep, granularity=pb.GRANULARITY_MONTH)
    assert months == {"2026-02": (2, 2, 2), "2026-03": (0, 1, 1)}


async def test_moved_and_deleted_workouts(world: World, upkeep: PlatformUpkeep, ada: Athlete) -> None:
    workout = await ada.log(START)
    assert await activity(world, upkeep) == {"2026-03-01": (0, 1, 1)}
    workout.start_time.FromDatetime(START - DAY)
    await world.hear(ada.told(workout))
    assert await activity(world, upkeep) == {"2026-02-28": (0, 1, 1)}
    await world.hear(ada.told(workout, "WorkoutDeleted"))
    assert await activity(world, upkeep) == {}


async def test_the_suspended_arent_active_while_it_lasts(world: World, upkeep: PlatformUpkeep, ada: Athlete) -> None:
    await ada.registered(START - 9 * DAY)
    for ago in (3, 2, 1):
        await ada.log(START - ago * DAY)
    user = User(id=ada.user_id)
    user.create_time.FromDatetime(START - 9 * DAY)
    user.suspension.start_time.FromDatetime(START - 3 * DAY)
    await world.hear(world.event("user", ada.user_id, 2, UserSuspended(user=user), ada.user_id))
    # Was active on the day itself; the workouts stay workouts.
    expected = {"2026-02-20": (1, 1, 0), "2026-02-26": (0, 1, 1), "2026-02-27": (0, 0, 1), "2026-02-28": (0, 0, 1)}
    assert await activity(world, upkeep) == expected
    user.suspension.until.FromDatetime(START - DAY)
    await world.hear(world.event("user", ada.user_id, 3, UserSuspended(user=user), ada.user_id))
    assert (await activity(world, upkeep))["2026-02-28"] == (0, 1, 1)
    user.ClearField("suspension")
    await world.hear(world.event("user", ada.user_id, 4, UserReinstated(user=user), ada.user_id))
    assert (await activity(world, upkeep))["2026-02-27"] == (0, 1, 1)


async def test_the_erased_dont_count(world: World, upkeep: PlatformUpkeep, ada: Athlete, bob: Athlete) -> None:
    for athlete in (ada, bob):
        await athlete.registered(START - 9 * DAY)
        await athlete.log(START)
        await signed_in(world, athlete, START - DAY)
    assert (await activity(world, upkeep))["2026-03-01"] == (0, 2, 2)
    await AnalyticsEraser(world.db).erase(ada.user_id)
    expected = {"2026-02-20": (1, 1, 0), "2026-02-28": (0, 1, 0), "2026-03-01": (0, 1, 1)}
    assert await activity(world, upkeep) == expected


async def test_a_new_process_and_a_rebuild_count_everything(world: World, upkeep: PlatformUpkeep, ada: Athlete) -> None:
    await ada.log(START)
    expected = await activity(world, upkeep)
    await world.owner_rows("UPDATE analytics.platform_periods SET workouts = 99")
    assert await activity(world, upkeep) != expected
    assert await activity(world, PlatformUpkeep(world.db)) == expected


ENDS = {1: "1900-01-01", 1899: "1900-01-01", 1900: "1900-01-01", 2199: "2199-12-31", 9999: "2199-12-31"}
"""Days on which workouts of the last day of a year count, of the first one for 1900."""
WEEKS = {"1900-01-01": "1900-W01", "2199-12-31": "2200-W01"}
"""Weeks that these days are in."""


async def test_days_at_the_ends_of_the_calendar_stop_no_others(
    world: World, upkeep: PlatformUpkeep, ada: Athlete
) -> None:
    await ada.registered(START - DAY)
    for year in ENDS:
        await ada.log(datetime(year, 1, 1, tzinfo=UTC) if year == 1900 else datetime(year, 12, 31, tzinfo=UTC))
    await ada.log(START)
    user = User(id=ada.user_id)
    user.create_time.FromDatetime(START - 2 * DAY)
    # Marks all days of hers.
    await world.hear(world.event("user", ada.user_id, 2, UserReinstated(user=user), ada.user_id))

    for each in (upkeep, PlatformUpkeep(world.db)):
        assert await activity(world, each) == {"2026-02-27": (1, 1, 0), "2026-03-01": (0, 1, 1)}
        for day in set(ENDS.values()):
            same = [year for year, counted in ENDS.items() if counted == day]
            expected = (0, 1, len(same))
            assert await activity(world, each, from_date=day, to_date=day) == {day: expected}
            for kind, name in ((pb.GRANULARITY_MONTH, day[:7]), (pb.GRANULARITY_WEEK, WEEKS[day])):
                assert await activity(world, each, granularity=kind, from_date=day, to_date=day) == {name: expected}


@pytest.mark.parametrize(
    ("asked", "reason"),
    [
        ({"from_date": "2024-01-01"}, "DATE_RANGE_TOO_LONG"),
        ({"from_date": "2026-02-02", "to_date": "2026-02-01"}, "DATE_RANGE_INVALID"),
        ({"granularity": pb.GRANULARITY_YEAR}, "INVALID_REQUEST"),
    ],
)
async def test_bad_input(world: World, upkeep: PlatformUpkeep, asked: dict[str, Any], reason: str) -> None:
    with pytest.raises(InvalidArgument) as refused:
        await activity(world, upkeep, **asked)
    assert refused.value.reason == reason


async def test_for_administrators_only(ada: Athlete) -> None:
    with pytest.raises(PermissionDenied):
        await ada.call("GetPlatformActivity", GetPlatformActivityRequest(), GetPlatformActivityResponse)
