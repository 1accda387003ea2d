"""SearchExercises."""

from typing import Any

import pytest
from fitnesshub.workout.v1.exercise_pb2 import (
    EQUIPMENT_BARBELL,
    EXERCISE_CATEGORY_CARDIO,
    EXERCISE_LEVEL_EXPERT,
    MOVEMENT_PATTERN_SQUAT,
    MUSCLE_GLUTES,
    MUSCLE_QUADRICEPS,
    Exercise,
    ExerciseTranslation,
)
from fitnesshub.workout.v1.exercise_service_pb2 import ExerciseMatch

from services.workout.api.exercise_search import AT_ONCE
from services.workout.domain import exercise_search
from tests.integration.workout.exercises import BadToken, create, delete, found, own_exercise, search
from tests.integration.workout.turns import Turns
from tests.integration.workout.world import Athlete, Importer, Visitor, World, failing, new_exercise

NAMES = ["Zork Press", "Zork Press on a Box", "Incline Zork Press", "Zorking", "Box Hop", "Hop", "Zok Presses"]


@pytest.fixture
async def library(world: World, importer: Importer) -> None:
    """Nothing but these."""
    await world.clear()
    await importer.run([new_exercise(name, name) for name in NAMES])


async def test_whole_name_then_beginnings_then_similar(visitor: Visitor, library: None) -> None:
    matches = (await search(visitor, "zork press")).matches

    assert [each.exercise.name for each in matches] == [
        "Zork Press",
        "Incline Zork Press",
        "Zork Press on a Box",
        "Zok Presses",
    ]
    tiers = [int(each.score) for each in matches]
    assert tiers == [3, 2, 2, 1]
    assert [each.matched_name for each in matches] == [each.exercise.name for each in matches]


@pytest.mark.parametrize("query", ["press zork", "PRESS, Zörk!", "zorkpress", "zrok press", "pres zor"])
async def test_order_case_accents_and_typing_errors_do_not_matter(visitor: Visitor, library: None, query: str) -> None:
    assert (await found(visitor, query))[0] == "Zork Press"


async def test_words_that_begin_so_come_before_typing_errors(visitor: Visitor, library: None) -> None:
    assert (await found(visitor, "zok pres"))[:2] == ["Zok Presses", "Zork Press"]


@pytest.mark.parametrize("query", ["qqq", "!?", "\U0001f3cb", "x"])
async def test_nothing_is_found(visitor: Visitor, library: None, query: str) -> None:
    answer = await search(visitor, query)

    assert (list(answer.matches), answer.next_page_token) == ([], "")


@pytest.mark.parametrize("query", ["", "x" * 101])
async def test_a_query_that_is_none_is_refused(visitor: Visitor, query: str) -> None:
    with failing("INVALID_REQUEST"):
        await search(visitor, query)


@pytest.mark.parametrize("query", ["%", "' OR 1=1 --", "zork\\", "a" * 100, "zork " * 20, "É" * 100])
async def test_odd_queries_are_answered(visitor: Visitor, library: None, query: str) -> None:
    await search(visitor, query)


async def test_aliases_and_the_languages_names(world: World, importer: Importer, visitor: Visitor) -> None:
    await world.clear()
    row = new_exercise("a", "Zork")
    row.aliases.append("Overhead Thing")
    row.translations.append(ExerciseTranslation(language="de", name="Kniezeug", aliases=["Fußzeug"]))
    row.translations.append(ExerciseTranslation(language="pt-BR", name="Joelho"))
    await importer.run([row])

    assert [each.matched_name for each in (await search(visitor, "overhead thing")).matches] == ["Overhead Thing"]
    assert await found(visitor, "kniezeug") == []
    [match] = (await search(visitor, "fusszeug", language="de-AT")).matches
    assert (match.matched_name, match.exercise.display_name) == ("Fußzeug", "Kniezeug")
    assert await found(visitor, "joelho", language="pt-BR") == ["Zork"]
    assert await found(visitor, "zork", language="pt-BR") == ["Zork"]


@pytest.mark.parametrize(
    ("asked", "names"),
    [
        ({}, ["Zork", "Barbell Zork"]),
        ({"muscle": MUSCLE_GLUTES}, ["Barbell Zork"]),
        ({"muscle": MUSCLE_QUADRICEPS, "equipment": EQUIPMENT_BARBELL}, ["Barbell Zork"]),
        ({"movement": MOVEMENT_PATTERN_SQUAT}, ["Barbell Zork"]),
        ({"level": EXERCISE_LEVEL_EXPERT}, []),
        ({"category": EXERCISE_CATEGORY_CARDIO}, []),
    ],
)
async def test_filters_narrow_it(
    world: World, importer: Importer, visitor: Visitor, asked: dict[str, Any], names: list[str]
) -> None:
    await world.clear()
    barbell = new_exercise("b", "Barbell Zork")
    barbell.MergeFrom(
        Exercise(equipment=EQUIPMENT_BARBELL, movement=MOVEMENT_PATTERN_SQUAT, secondary_muscles=[MUSCLE_GLUTES])
    )
    await importer.run([new_exercise("a", "Zork"), barbell])

    assert await found(visitor, "zork", **asked) == names
    assert set(await found(visitor, "zrok", **asked)) == set(names)


async def test_own_exercises_are_found_by_their_owner(
    world: World, importer: Importer, ada: Athlete, bob: Athlete, visitor: Visitor
) -> None:
    await world.clear()
    await importer.run([new_exercise("a", "Zork")])
    mine = await create(ada, own_exercise("Zork", primary_muscles=[MUSCLE_QUADRICEPS]))
    await create(bob, own_exercise("Zork"))

    matches = (await search(ada, "zork")).matches

    assert [each.exercise.owner_id for each in matches] == ["", ada.user_id]
    assert len((await search(ada, "zrok")).matches) == 2
    for stranger in (visitor, BadToken(world)):
        assert [each.exercise.owner_id for each in (await search(stranger, "zork")).matches] == [""]
    await delete(ada, mine.id)
    assert len((await search(ada, "zork")).matches) == 1


@pytest.mark.parametrize("size", [1, 3, 7, 100])
async def test_pages_have_no_gaps_and_repeats(world: World, importer: Importer, visitor: Visitor, size: int) -> None:
    await world.clear()
    await importer.run([new_exercise(str(number), f"Zork {'abcde'[number % 5]} {number}") for number in range(30)])
    whole = (await search(visitor, "zork", page_size=100)).matches

    paged: list[ExerciseMatch] = []
    token = ""
    while token or not paged:
        page = await search(visitor, "zork", page_size=size, page_token=token)
        paged += page.matches
        token = page.next_page_token

    assert len(whole) == 30
    assert paged == list(whole)
    assert [each.score for each in whole] == sorted((each.score for each in whole), reverse=True)


async def test_a_token_is_bound_to_its_query(visitor: Visitor, library: None) -> None:
    token = (await search(visitor, "zork", page_size=1)).next_page_token

    with failing("PAGE_TOKEN_INVALID"):
        await search(visitor, "press", page_size=1, page_token=token)


async def test_500_are_found_at_most(world: World, importer: Importer, visitor: Visitor) -> None:
    await world.clear()
    await importer.run([new_exercise(str(number), f"Zork {number}") for number in range(600)])

    count = 0
    token = ""
    while token or not count:
        page = await search(visitor, "zork", page_size=100, page_token=token)
        count += len(page.matches)
        token = page.next_page_token

    assert count == 500


@pytest.mark.parametrize("query", ["zork", "zrok"])
async def test_a_long_search_lets_other_calls_have_their_turn(
    world: World, importer: Importer, visitor: Visitor, turns: Turns, query: str
) -> None:
    await world.clear()
    await importer.run([new_exercise(str(number), f"Zork {number}") for number in range(300)])
    turns.watch(exercise_search, "match")

    assert (await turns.during(search(visitor, query))).matches

    assert turns.most == {"match": AT_ONCE}
