"""GetExercise."""

import pytest
from fitnesshub.workout.v1.exercise_pb2 import Exercise, ExerciseTranslation

from tests.integration.workout.exercises import BadToken, create, delete, get, own_exercise
from tests.integration.workout.world import Athlete, Importer, Visitor, World, failing, new_exercise


async def test_everybody_gets_it(ada: Athlete, visitor: Visitor, squat: str) -> None:
    exercise = await visitor.get_exercise(squat)

    assert exercise.id == squat
    assert exercise.etag
    assert await ada.get_exercise(squat) == exercise


async def test_no_such_exercise(visitor: Visitor, world: World) -> None:
    missing = world.new_id()

    with failing("EXERCISE_NOT_FOUND") as caught:
        await visitor.get_exercise(missing)

    assert caught.value.metadata == {"exerciseId": missing}


async def test_an_id_that_is_no_uuid_is_refused(visitor: Visitor) -> None:
    with failing("INVALID_REQUEST") as caught:
        await visitor.get_exercise("squat")

    assert [each.field for each in caught.value.violations] == ["exerciseId"]


async def test_an_own_exercise_is_its_owners_alone(ada: Athlete, bob: Athlete, visitor: Visitor) -> None:
    made = await create(ada, own_exercise())

    assert await get(ada, made.id) == made
    for other in (bob, visitor):
        with failing("EXERCISE_NOT_FOUND") as caught:
            await get(other, made.id)
        assert caught.value.metadata == {"exerciseId": made.id}


async def test_a_token_that_is_not_accepted_reads_the_library_and_is_told_of_the_rest(
    ada: Athlete, world: World, squat: str
) -> None:
    made = await create(ada, own_exercise())
    late = BadToken(world)

    assert (await get(late, squat)).id == squat
    with failing("UNAUTHENTICATED"):
        await get(late, made.id)


async def test_a_deleted_one_names_what_replaces_it(world: World, visitor: Visitor, squat: str, bench: str) -> None:
    await delete(Athlete(world, roles=("admin",)), squat, replaced_by=bench)

    with failing("EXERCISE_NOT_FOUND") as caught:
        await get(visitor, squat)

    assert caught.value.metadata == {"exerciseId": squat, "replacedBy": bench}


@pytest.mark.parametrize(
    ("language", "name"),
    [
        ("", ""),
        ("de", "Kniebeuge"),
        ("de-AT", "Kniebeuge"),
        ("pt-BR", "Agachamento"),
        ("pt", "Zzyzx Squat"),
        ("fr", "Zzyzx Squat"),
    ],
)
async def test_the_name_in_a_language(importer: Importer, visitor: Visitor, language: str, name: str) -> None:
    row = new_exercise("squat", "Zzyzx Squat")
    row.translations.append(ExerciseTranslation(language="de", name="Kniebeuge"))
    row.translations.append(ExerciseTranslation(language="pt-BR", name="Agachamento"))
    [outcome] = await importer.run([row])

    found = await get(visitor, outcome.exercise_id, language)

    assert found.display_name == name
    assert found.name == "Zzyzx Squat"
    stored = await visitor.world.owner_value("SELECT wire FROM workout.exercises WHERE id = $1", outcome.exercise_id)
    assert Exercise.FromString(stored).display_name == ""
