"""ListExerciseTombstones."""

from datetime import datetime, timedelta

import pytest
from google.protobuf.timestamp_pb2 import Timestamp

from tests.integration.workout.exercises import create, delete, own_exercise, tombstones
from tests.integration.workout.world import Athlete, Importer, Visitor, World, failing, new_exercise


@pytest.fixture
async def deleted(world: World, importer: Importer) -> list[str]:
    """Ids of five deleted exercises, a minute between two; the second was replaced by one that is there."""
    await world.clear()
    outcomes = await importer.run([new_exercise(str(number)) for number in range(6)])
    ids = [outcome.exercise_id for outcome in outcomes]
    admin = Athlete(world, roles=("admin",))
    for number in range(5):
        await delete(admin, ids[number], replaced_by=ids[5] if number == 1 else "")
        world.clock.time += timedelta(minutes=1)
    return ids


async def test_oldest_first_with_what_replaces_them(visitor: Visitor, world: World, deleted: list[str]) -> None:
    found = (await tombstones(visitor)).tombstones

    assert [each.exercise_id for each in found] == deleted[:5]
    assert [each.replaced_by for each in found] == ["", deleted[5], "", "", ""]
    assert found[-1].delete_time == stamp(world.clock.time - timedelta(minutes=1))


async def test_people_have_theirs_for_themselves(visitor: Visitor, ada: Athlete, deleted: list[str]) -> None:
    await delete(ada, (await create(ada, own_exercise())).id)

    for person in (visitor, ada):
        assert len((await tombstones(person)).tombstones) == 5


@pytest.mark.parametrize("size", [1, 2, 3, 5])
async def test_pages_have_no_gaps(visitor: Visitor, deleted: list[str], size: int) -> None:
    found: list[str] = []
    token = ""
    while token or not found:
        page = await tombstones(visitor, page_size=size, page_token=token)
        found += [each.exercise_id for each in page.tombstones]
        token = page.next_page_token

    assert found == deleted[:5]


async def test_of_the_same_moment_by_id(visitor: Visitor, world: World, importer: Importer) -> None:
    await world.clear()
    outcomes = await importer.run([new_exercise(str(number)) for number in range(3)])
    admin = Athlete(world, roles=("admin",))
    for outcome in reversed(outcomes):
        await delete(admin, outcome.exercise_id)

    first = await tombstones(visitor, page_size=2)
    second = await tombstones(visitor, page_size=2, page_token=first.next_page_token)

    found = [each.exercise_id for each in (*first.tombstones, *second.tombstones)]
    assert found == sorted(outcome.exercise_id for outcome in outcomes)


async def test_from_a_time_on(visitor: Visitor, world: World, deleted: list[str]) -> None:
    third = (await tombstones(visitor)).tombstones[2]

    found = await tombstones(visitor, delete_time_from=third.delete_time)

    assert [each.exercise_id for each in found.tombstones] == deleted[2:5]
    nothing = await tombstones(visitor, delete_time_from=stamp(world.clock.time))
    assert (list(nothing.tombstones), nothing.next_page_token) == ([], "")
    for edge in ("0001-01-01T00:00:00Z", "9999-12-31T23:59:59.999999999Z"):
        limit = Timestamp()
        limit.FromJsonString(edge)
        assert len((await tombstones(visitor, delete_time_from=limit)).tombstones) == (5 if edge < "1" else 0)


async def test_a_token_is_bound_to_its_time(visitor: Visitor, world: World, deleted: list[str]) -> None:
    token = (await tombstones(visitor, page_size=1)).next_page_token

    with failing("PAGE_TOKEN_INVALID"):
        await tombstones(visitor, page_size=1, page_token=token, delete_time_from=stamp(world.clock.time))


def stamp(time: datetime) -> Timestamp:
    made = Timestamp()
    made.FromDatetime(time)
    return made
