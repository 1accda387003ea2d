"""CreateExercise."""

import asyncio
from datetime import timedelta

import pytest
from fitnesshub.workout.v1.events_pb2 import ExerciseCreated
from fitnesshub.workout.v1.exercise_pb2 import (
    EQUIPMENT_OTHER,
    EXERCISE_CATEGORY_STRENGTH,
    EXERCISE_LEVEL_BEGINNER,
    MOVEMENT_PATTERN_ELBOW_FLEXION,
    MUSCLE_FOREARMS,
    Exercise,
    ExerciseTranslation,
)

from chassis.errors import AlreadyExists, ResourceExhausted
from tests.integration.workout.exercises import (
    create,
    delete,
    every,
    found,
    get,
    own_exercise,
    unknown_muscles,
)
from tests.integration.workout.world import Athlete, Visitor, World, failing, new_workout


async def test_what_was_sent_is_stored(ada: Athlete, world: World) -> None:
    sent = own_exercise(
        equipment=EQUIPMENT_OTHER,
        secondary_muscles=[MUSCLE_FOREARMS],
        movement=MOVEMENT_PATTERN_ELBOW_FLEXION,
        met=3.5,
        aliases=["Hang Curl"],
        translations=[ExerciseTranslation(language="de", name="Handtuch-Curl")],
        instructions=["Hang a towel.", "Curl."],
        variation_group="curl",
    )

    made = await create(ada, sent)

    assert (made.owner_id, made.create_time, made.update_time) == (ada.user_id, world.timestamp(), world.timestamp())
    assert made.etag
    sent.id, sent.etag, sent.owner_id = made.id, made.etag, ada.user_id
    sent.create_time.CopyFrom(made.create_time)
    sent.update_time.CopyFrom(made.update_time)
    assert made == sent
    assert await get(ada, made.id) == made


async def test_what_only_the_server_decides_is_ignored(ada: Athlete, world: World) -> None:
    sent = own_exercise(
        id=world.new_id(),
        owner_id=world.new_id(),
        etag="mine",
        display_name="x",
        source="other",
        source_id="1",
        met_source="2011:02050",
    )

    made = await create(ada, sent)

    assert (made.owner_id, made.display_name, made.source, made.source_id, made.met_source) == (ada.user_id, *[""] * 4)
    assert made.id != sent.id
    assert made.etag != "mine"


async def test_it_is_told(ada: Athlete, world: World) -> None:
    made = await create(ada, own_exercise())

    [event] = await world.events(made.id)
    said = ExerciseCreated()
    assert event.data.Unpack(said)
    assert said.exercise == made
    assert (event.aggregate_type, event.aggregate_version, event.subject_user_id) == ("exercise", 1, ada.user_id)


async def test_sets_of_its_owner_name_it(ada: Athlete, bob: Athlete) -> None:
    made = await create(ada, own_exercise())

    assert (await ada.create(new_workout(made.id))).sets[0].exercise_id == made.id
    with failing("SET_EXERCISE_UNKNOWN"):
        await bob.create(new_workout(made.id))


async def test_names_are_stored_on_one_line(ada: Athlete) -> None:
    made = await create(ada, own_exercise("  Towel \n Curl ", aliases=[" a\tb "]))

    assert (made.name, list(made.aliases)) == ("Towel Curl", ["a b"])


@pytest.mark.parametrize(
    ("field", "exercise"),
    [
        ("exercise.name", own_exercise(" \n")),
        ("exercise.name", own_exercise("x" * 201)),
        ("exercise.aliases[1]", own_exercise(aliases=["a", " "])),
        ("exercise.translations[0].name", own_exercise(translations=[ExerciseTranslation(language="de", name=" ")])),
        (
            "exercise.translations[0].aliases[0]",
            own_exercise(translations=[ExerciseTranslation(language="de", name="a", aliases=[" "])]),
        ),
        (
            "exercise.translations[1].language",
            own_exercise(translations=[ExerciseTranslation(language="de", name=name) for name in "ab"]),
        ),
        ("exercise.primaryMuscles[1]", own_exercise(primary_muscles=[0])),
        ("exercise.category", Exercise(name="x", level=EXERCISE_LEVEL_BEGINNER, primary_muscles=[MUSCLE_FOREARMS])),
    ],
)
async def test_what_breaks_a_rule_is_refused(ada: Athlete, field: str, exercise: Exercise) -> None:
    with failing("INVALID_REQUEST") as caught:
        await create(ada, exercise)

    assert [each.field for each in caught.value.violations] == [field]


@pytest.mark.parametrize("same", ["Towel Curl", "towel-curl", "TOWEL  CURL!", "Tòwel Curl"])
async def test_a_name_is_there_once(ada: Athlete, same: str) -> None:
    made = await create(ada, own_exercise("Towel Curl"))

    with failing("EXERCISE_ALREADY_EXISTS") as caught:
        await create(ada, own_exercise(same))

    assert caught.value.metadata == {"exerciseId": made.id}


async def test_others_and_the_library_may_have_the_name(ada: Athlete, bob: Athlete, world: World, squat: str) -> None:
    name = (await get(ada, squat)).name

    mine, his = await create(ada, own_exercise(name)), await create(bob, own_exercise(name))

    assert len({mine.id, his.id, squat}) == 3


async def test_the_name_of_a_deleted_one_is_free(ada: Athlete) -> None:
    await delete(ada, (await create(ada, own_exercise())).id)

    assert (await create(ada, own_exercise())).name == own_exercise().name


async def test_of_the_same_name_at_the_same_time_one_is_made(ada: Athlete) -> None:
    answers = await asyncio.gather(*(create(ada, own_exercise()) for _ in range(6)), return_exceptions=True)

    assert sum(isinstance(answer, AlreadyExists) for answer in answers) == 5
    assert len(await every(ada, own=True)) == 1


async def test_muscles_may_be_unknown(ada: Athlete) -> None:
    made = await create(ada, unknown_muscles("Zork Press"))

    assert await get(ada, made.id) == made
    assert list(made.primary_muscles) == []
    assert [each.id for each in await every(ada, own=True, category=EXERCISE_CATEGORY_STRENGTH)] == [made.id]
    assert await every(ada, own=True, muscle=MUSCLE_FOREARMS) == []
    assert await found(ada, "zork press") == ["Zork Press"]
    assert await found(ada, "zrok press", category=EXERCISE_CATEGORY_STRENGTH) == ["Zork Press"]
    assert "Zork Press" not in await found(ada, "zork press", muscle=MUSCLE_FOREARMS)
    workout = new_workout(made.id)
    assert (await ada.create(workout)).sets[0].exercise_id == made.id


async def test_a_hundred_an_hour(ada: Athlete, bob: Athlete, world: World) -> None:
    first = await create(ada, own_exercise("0"))
    world.clock.time += timedelta(minutes=10, microseconds=1)
    for number in range(1, 100):
        await create(ada, own_exercise(str(number)))
    await delete(ada, first.id)  # deleted ones count too

    with failing("EXERCISE_RATE_LIMITED") as caught:
        await create(ada, own_exercise("100"))

    assert caught.value.metadata == {"limit": "100", "retryAfterSeconds": "3000"}
    assert caught.value.retry_after == timedelta(seconds=3000)
    await create(bob, own_exercise("100"))
    world.clock.time += timedelta(seconds=3000)
    await create(ada, own_exercise("100"))


async def test_many_at_the_same_time_are_counted(ada: Athlete) -> None:
    for number in range(85):
        await create(ada, own_exercise(str(number)))

    answers = await asyncio.gather(
        *(create(ada, own_exercise(str(number))) for number in range(85, 105)), return_exceptions=True
    )

    assert sum(isinstance(answer, ResourceExhausted) for answer in answers) == 5
    assert len(await every(ada, own=True)) == 100


async def test_500_in_all(ada: Athlete, world: World) -> None:
    made = await create(ada, own_exercise("0"))
    for number in range(1, 500):
        if number % 100 == 0:
            world.clock.time += timedelta(hours=1)
        await create(ada, own_exercise(str(number)))
    world.clock.time += timedelta(hours=1)

    with failing("EXERCISE_LIMIT_REACHED") as caught:
        await create(ada, own_exercise())
    assert caught.value.metadata == {"limit": "500"}

    await delete(ada, made.id)
    await create(ada, own_exercise())
    assert len(await every(ada, own=True, page_size=100)) == 500


async def test_a_repeat_under_the_same_key_makes_no_second_one(ada: Athlete) -> None:
    first = await create(ada, own_exercise(), key="create-own")

    assert await create(ada, own_exercise(), key="create-own") == first
    assert len(await every(ada, own=True)) == 1


async def test_nobody_else_finds_it(ada: Athlete, bob: Athlete, visitor: Visitor) -> None:
    made = await create(ada, own_exercise("Zzyzx Pull"))

    assert await found(ada, "zzyzx pull") == ["Zzyzx Pull"]
    for other in (bob, visitor):
        assert "Zzyzx Pull" not in await found(other, "zzyzx pull")
        assert made.id not in {each.id for each in await every(other, page_size=100)}
