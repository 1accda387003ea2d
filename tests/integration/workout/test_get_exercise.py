"""GetExercise."""

from tests.integration.workout.world import Athlete, Visitor, World, failing


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
