"""ListExercises."""

from typing import Any

import pytest
from fitnesshub.workout.v1.exercise_pb2 import (
    EQUIPMENT_BARBELL,
    EQUIPMENT_DUMBBELL,
    EXERCISE_CATEGORY_CARDIO,
    EXERCISE_CATEGORY_STRENGTH,
    EXERCISE_LEVEL_BEGINNER,
    EXERCISE_LEVEL_EXPERT,
    MOVEMENT_PATTERN_SQUAT,
    MUSCLE_GLUTES,
    MUSCLE_QUADRICEPS,
    Exercise,
    ExerciseTranslation,
)
from fitnesshub.workout.v1.exercise_service_pb2 import ListExercisesRequest

from tests.integration.workout.exercises import BadToken, create, every, own_exercise
from tests.integration.workout.world import Athlete, Importer, Visitor, World, failing, new_exercise

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


FILTERED: dict[str, dict[str, Any]] = {
    "barbell zork": {
        "equipment": EQUIPMENT_BARBELL,
        "movement": MOVEMENT_PATTERN_SQUAT,
        "variation_group": "squat",
        "secondary_muscles": [MUSCLE_GLUTES],
    },
    "goblet zork": {"equipment": EQUIPMENT_DUMBBELL, "movement": MOVEMENT_PATTERN_SQUAT, "variation_group": "squat"},
    "expert run": {"category": EXERCISE_CATEGORY_CARDIO, "level": EXERCISE_LEVEL_EXPERT},
    "zork kickback": {"primary_muscles": [MUSCLE_GLUTES], "equipment": EQUIPMENT_DUMBBELL},
}
"""Beside what `new_exercise` says."""


@pytest.mark.parametrize(
    ("asked", "names"),
    [
        ({"muscle": MUSCLE_GLUTES}, ["barbell zork", "zork kickback"]),
        ({"muscle": MUSCLE_QUADRICEPS}, ["barbell zork", "expert run", "goblet zork", "zork kickback"]),
        ({"equipment": EQUIPMENT_DUMBBELL}, ["goblet zork", "zork kickback"]),
        ({"category": EXERCISE_CATEGORY_CARDIO}, ["expert run"]),
        ({"level": EXERCISE_LEVEL_EXPERT}, ["expert run"]),
        ({"movement": MOVEMENT_PATTERN_SQUAT}, ["barbell zork", "goblet zork"]),
        ({"variation_group": "squat"}, ["barbell zork", "goblet zork"]),
        ({"variation_group": "squa"}, []),
        ({"muscle": MUSCLE_GLUTES, "equipment": EQUIPMENT_DUMBBELL}, ["zork kickback"]),
        ({"muscle": MUSCLE_GLUTES, "category": EXERCISE_CATEGORY_CARDIO}, []),
        (
            {"muscle": MUSCLE_GLUTES, "equipment": EQUIPMENT_BARBELL, "category": EXERCISE_CATEGORY_STRENGTH}
            | {"level": EXERCISE_LEVEL_BEGINNER, "movement": MOVEMENT_PATTERN_SQUAT, "variation_group": "squat"},
            ["barbell zork"],
        ),
    ],
)
async def test_filters_narrow_together(
    world: World, importer: Importer, visitor: Visitor, ada: Athlete, asked: dict[str, Any], names: list[str]
) -> None:
    await world.clear()
    await importer.run([merged(new_exercise(name, name), more) for name, more in FILTERED.items()])

    assert [each.name for each in await every(visitor, **asked)] == names
    assert [each.name for each in await every(visitor, page_size=1, **asked)] == names

    mine = await create(ada, merged(new_exercise("", "own"), FILTERED["barbell zork"]))
    assert mine in await every(ada, **asked) or "barbell zork" not in names
    assert [each.name for each in await every(ada, own=True, **asked)] == (["own"] if "barbell zork" in names else [])


async def test_own_exercises_stand_among_those_of_the_library(
    world: World, importer: Importer, ada: Athlete, bob: Athlete, visitor: Visitor
) -> None:
    await world.clear()
    await importer.run([new_exercise(name, name) for name in ("b", "d", "f")])
    for name in ("a", "c", "g"):
        await create(ada, own_exercise(name))
    await create(bob, own_exercise("e"))

    for size in (1, 2, 100):
        assert [each.name for each in await every(ada, page_size=size)] == list("abcdfg")
        assert [each.name for each in await every(ada, page_size=size, own=True)] == list("acg")
        assert [each.name for each in await every(bob, page_size=size)] == list("bdef")
        assert [each.name for each in await every(visitor, page_size=size)] == list("bdf")


async def test_own_ones_need_a_token(visitor: Visitor, world: World) -> None:
    for stranger in (visitor, BadToken(world)):
        with failing("UNAUTHENTICATED"):
            await every(stranger, own=True)


async def test_a_bad_token_lists_the_library(world: World, library: list[Exercise]) -> None:
    assert await every(BadToken(world)) == library


async def test_a_token_is_bound_to_filters_and_person(ada: Athlete, bob: Athlete, library: list[Exercise]) -> None:
    request = ListExercisesRequest(page_size=1)
    token = (await ada.exercises.ListExercises(request, metadata=ada.headers().items())).next_page_token

    with failing("PAGE_TOKEN_INVALID"):
        await bob.list_exercises(1, token)
    request = ListExercisesRequest(page_size=1, page_token=token, level=EXERCISE_LEVEL_EXPERT)
    with failing("PAGE_TOKEN_INVALID"):
        await ada.exercises.ListExercises(request, metadata=ada.headers().items())


async def test_names_in_a_language(world: World, importer: Importer, visitor: Visitor) -> None:
    await world.clear()
    row = new_exercise("a", "A")
    row.translations.append(ExerciseTranslation(language="de", name="Ein A"))
    await importer.run([row, new_exercise("b", "B")])

    assert [each.display_name for each in await every(visitor, language="de-CH")] == ["Ein A", "B"]
    assert [each.display_name for each in await every(visitor)] == ["", ""]


def merged(exercise: Exercise, more: dict[str, Any]) -> Exercise:
    """With more fields."""
    exercise.MergeFrom(Exercise(**more))
    return exercise
