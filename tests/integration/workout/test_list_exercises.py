"""ListExercises."""

import pytest
from fitnesshub.workout.v1.exercise_pb2 import Exercise

from tests.integration.workout.world import Importer, Visitor, World, failing, new_exercise

NAMES = ["Zercher Squat", "Ab Wheel", "Curl", "Curl", "Curl", "bird dog", "Übung", "\U0001f3cb"]


@pytest.fixture
async def library(world: World, importer: Importer) -> list[Exercise]:
    """Nothing but these, in the order of the list: by code points, the same name by id."""
    await world.clear()
    await importer.run([new_exercise(f"list-{number}", name) for number, name in enumerate(NAMES)])
    rows = await world.owner_rows("SELECT wire FROM workout.exercises")
    return sorted((Exercise.FromString(row["wire"]) for row in rows), key=lambda each: (each.name, each.id))


async def pages(visitor: Visitor, size: int) -> list[list[Exercise]]:
    found = []
    token = ""
    while True:
        page = await visitor.list_exercises(size, token)
        found.append(list(page.exercises))
        token = page.next_page_token
        if not token:
            return found


async def test_an_empty_library_is_one_empty_page(world: World, visitor: Visitor) -> None:
    await world.clear()

    assert await pages(visitor, 0) == [[]]


@pytest.mark.parametrize(("size", "lengths"), [(0, [8]), (8, [8]), (3, [3, 3, 2]), (1, [1] * 8), (7, [7, 1])])
async def test_by_name_then_id_without_gaps_and_repeats(
    visitor: Visitor, library: list[Exercise], size: int, lengths: list[int]
) -> None:
    found = await pages(visitor, size)

    assert [len(page) for page in found] == lengths
    assert [each for page in found for each in page] == library


async def test_a_page_holds_100_at_most(world: World, importer: Importer, visitor: Visitor) -> None:
    await world.clear()
    await importer.run([new_exercise(f"many-{number}") for number in range(101)])

    assert [len(page) for page in await pages(visitor, 101)] == [100, 1]
    assert [len(page) for page in await pages(visitor, 0)] == [20, 20, 20, 20, 20, 1]


async def test_a_negative_page_size_is_refused(visitor: Visitor) -> None:
    with failing("INVALID_REQUEST"):
        await visitor.list_exercises(-1)


async def test_a_damaged_token_is_refused(visitor: Visitor, library: list[Exercise]) -> None:
    token = (await visitor.list_exercises(1)).next_page_token

    with failing("PAGE_TOKEN_INVALID"):
        await visitor.list_exercises(1, token[:-2])


async def test_the_token_after_the_longest_name_is_taken(world: World, importer: Importer, visitor: Visitor) -> None:
    await world.clear()
    await importer.run([new_exercise(each, "\U0001f3cb" * 200) for each in ("a", "b")])

    assert [len(page) for page in await pages(visitor, 1)] == [1, 1]
