"""UpdateStats and GetStats: totals are the sum of the newest contributions, whatever comes when and how often."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from fitnesshub.user.v1.stats_service_pb2 import Stats, UpdateStatsRequest, UpdateStatsResponse, WorkoutContribution
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chassis.clock import SystemIds
from services.user.store.consistency import differences
from tests.integration.user import people
from tests.integration.user.people import STATS, Person, failing
from tests.integration.user.world import World

MONDAY = datetime(2026, 2, 2, 17, 30, tzinfo=UTC)
WORKOUTS = [SystemIds().new() for _ in range(4)]


def contribution(start: datetime = MONDAY, **fields: float) -> WorkoutContribution:
    made = WorkoutContribution(**fields)  # type: ignore[arg-type] # whole numbers where they belong
    made.start_time.FromDatetime(start)
    return made


async def update(
    world: World, user_id: str, workout_id: str, version: int, sent: WorkoutContribution | None, caller: str = "workout"
) -> bool:
    request = UpdateStatsRequest(user_id=user_id, workout_id=workout_id, version=version, contribution=sent)
    return (await world.call(STATS, "UpdateStats", request, UpdateStatsResponse, caller=caller)).changed


async def test_before_the_first_workout_everything_is_nothing(ada: Person) -> None:
    assert await ada.stats() == Stats(user_id=ada.id)


async def test_workouts_add_up(world: World, ada: Person) -> None:
    squats = contribution(duration_seconds=3600, sets=5, reps=25, volume_kg=2500.5)
    run = contribution(MONDAY + timedelta(days=1), duration_seconds=1800, distance_meters=5012.25)
    assert await update(world, ada.id, WORKOUTS[0], 1, squats)
    assert await update(world, ada.id, WORKOUTS[1], 1, run)

    found = await ada.stats()

    assert (found.user_id, found.workouts, found.duration_seconds, found.sets, found.reps) == (ada.id, 2, 5400, 5, 25)
    assert (found.volume_kg, found.distance_meters) == (2500.5, 5012.25)
    assert found.first_workout_time == squats.start_time
    assert found.last_workout_time == run.start_time
    assert found.update_time.ToDatetime(UTC) == world.clock.now()


async def test_a_newer_version_replaces_and_an_older_or_repeated_one_changes_nothing(world: World, ada: Person) -> None:
    assert await update(world, ada.id, WORKOUTS[0], 2, contribution(sets=2))
    first = await ada.stats()
    world.advance(60)
    assert not await update(world, ada.id, WORKOUTS[0], 1, contribution(sets=100))
    assert not await update(world, ada.id, WORKOUTS[0], 2, contribution(sets=100))
    assert not await update(world, ada.id, WORKOUTS[0], 1, None)
    assert await ada.stats() == first
    assert await update(world, ada.id, WORKOUTS[0], 5, contribution(sets=3))
    assert ((await ada.stats()).workouts, (await ada.stats()).sets) == (1, 3)


async def test_a_new_version_that_adds_the_same_is_no_change_of_the_totals(world: World, ada: Person) -> None:
    await update(world, ada.id, WORKOUTS[0], 1, contribution(sets=2))
    first = await ada.stats()
    world.advance(60)
    assert await update(world, ada.id, WORKOUTS[0], 2, contribution(sets=2))
    assert await ada.stats() == first
    assert not await update(world, ada.id, WORKOUTS[0], 2, None)


async def test_a_deletion_takes_everything_back_also_when_it_comes_first(world: World, ada: Person) -> None:
    assert await update(world, ada.id, WORKOUTS[0], 3, None)
    assert await ada.stats() == Stats(user_id=ada.id)
    assert not await update(world, ada.id, WORKOUTS[0], 1, contribution(sets=5))
    assert await update(world, ada.id, WORKOUTS[1], 1, contribution(volume_kg=0.1))
    assert await update(world, ada.id, WORKOUTS[2], 1, contribution(volume_kg=0.2))
    assert await update(world, ada.id, WORKOUTS[1], 2, None)
    assert await update(world, ada.id, WORKOUTS[2], 2, None)
    found = await ada.stats()
    found.ClearField("update_time")
    assert found == Stats(user_id=ada.id)


async def test_first_and_last_follow_edits_and_deletions(world: World, ada: Person) -> None:
    days = [MONDAY + timedelta(days=day) for day in range(3)]
    for workout_id, day in zip(WORKOUTS, days, strict=False):
        await update(world, ada.id, workout_id, 1, contribution(day))

    async def ends() -> tuple[datetime, datetime]:
        found = await ada.stats()
        return found.first_workout_time.ToDatetime(UTC), found.last_workout_time.ToDatetime(UTC)

    assert await ends() == (days[0], days[2])
    await update(world, ada.id, WORKOUTS[2], 2, None)
    assert await ends() == (days[0], days[1])
    await update(world, ada.id, WORKOUTS[0], 2, contribution(days[2]))
    assert await ends() == (days[1], days[2])


async def test_totals_of_others_stay_apart(world: World, ada: Person, bob: Person) -> None:
    await update(world, ada.id, WORKOUTS[0], 1, contribution(sets=5))
    await update(world, bob.id, WORKOUTS[0], 1, contribution(sets=7))
    assert ((await ada.stats()).sets, (await bob.stats()).sets) == (5, 7)


async def test_the_largest_amounts_are_exact(world: World, ada: Person) -> None:
    most = contribution(
        duration_seconds=31_536_000, sets=500, reps=5_000_000, volume_kg=25_000_000_000, distance_meters=1e12
    )
    for workout_id in WORKOUTS:
        await update(world, ada.id, workout_id, 1, most)
    await update(world, ada.id, SystemIds().new(), 1, contribution(volume_kg=0.000001))
    for workout_id in WORKOUTS:
        await update(world, ada.id, workout_id, 2, None)
    assert ((await ada.stats()).volume_kg, (await ada.stats()).distance_meters) == (0.000001, 0)


async def test_an_unknown_user_is_not_found(world: World) -> None:
    with failing("USER_NOT_FOUND"):
        await update(world, SystemIds().new(), WORKOUTS[0], 1, contribution())


@pytest.mark.parametrize("caller", ["", "gateway"])
async def test_only_the_workout_service_may_update(world: World, ada: Person, caller: str) -> None:
    with failing("CALLER_NOT_ALLOWED"):
        await update(world, ada.id, WORKOUTS[0], 1, contribution(), caller=caller)


@pytest.mark.parametrize(
    ("version", "sent"),
    [
        (0, contribution()),
        (1, WorkoutContribution(sets=1)),
        (1, contribution(volume_kg=-1)),
        (1, contribution(volume_kg=float("nan"))),
        (1, contribution(distance_meters=float("inf"))),
    ],
)
async def test_impossible_contributions_are_refused(
    world: World, ada: Person, version: int, sent: WorkoutContribution
) -> None:
    with failing("INVALID_REQUEST"):
        await update(world, ada.id, WORKOUTS[0], version, sent)


@dataclass(frozen=True)
class Said:
    """One thing said of a workout."""

    workout_id: str
    version: int


AMOUNTS = st.floats(0, 25_000_000_000, allow_nan=False)
CONTRIBUTIONS = st.none() | st.builds(
    lambda day, duration, sets, reps, volume, distance: contribution(
        MONDAY + timedelta(hours=day),
        duration_seconds=duration,
        sets=sets,
        reps=reps,
        volume_kg=volume,
        distance_meters=distance,
    ),
    st.integers(0, 48),
    st.integers(0, 31_536_000),
    st.integers(0, 500),
    st.integers(0, 5_000_000),
    AMOUNTS,
    AMOUNTS,
)
# What each version of each workout adds is one fact; calls repeat these facts in any order.
FACTS = st.dictionaries(st.builds(Said, st.sampled_from(WORKOUTS), st.integers(1, 4)), CONTRIBUTIONS, min_size=1)


def expected(facts: Mapping[Said, WorkoutContribution | None]) -> tuple[int, int, int, int, Decimal, Decimal]:
    """The sum over the newest version of each workout."""
    newest: dict[str, int] = {}
    for said in facts:
        newest[said.workout_id] = max(newest.get(said.workout_id, 0), said.version)
    left = [fact for said, fact in facts.items() if said.version == newest[said.workout_id] and fact is not None]
    millionth = Decimal("0.000001")
    return (
        len(left),
        sum(fact.duration_seconds for fact in left),
        sum(fact.sets for fact in left),
        sum(fact.reps for fact in left),
        sum((Decimal(fact.volume_kg).quantize(millionth) for fact in left), Decimal(0)),
        sum((Decimal(fact.distance_meters).quantize(millionth) for fact in left), Decimal(0)),
    )


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data(), facts=FACTS, at_once=st.booleans())
async def test_totals_are_the_sum_of_the_newest_contributions(
    world: World, data: st.DataObject, facts: dict[Said, WorkoutContribution | None], at_once: bool
) -> None:
    """Any order, any repetition, one after the other or at once."""
    person = await people.with_role(world)
    order = data.draw(st.permutations([*facts, *data.draw(st.lists(st.sampled_from(list(facts)), max_size=6))]))
    calls = [update(world, person.id, said.workout_id, said.version, facts[said]) for said in order]
    if at_once:
        await asyncio.gather(*calls)
    else:
        for call in calls:
            await call
    found = await person.stats()
    totals = expected(facts)
    assert (found.workouts, found.duration_seconds, found.sets, found.reps) == totals[:4]
    assert (found.volume_kg, found.distance_meters) == (float(totals[4]), float(totals[5]))


async def test_columns_wire_and_parts_say_the_same(world: World) -> None:
    assert await differences(world.db) == []
