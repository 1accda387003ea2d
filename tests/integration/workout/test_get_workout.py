"""GetWorkout."""

from tests.integration.workout.world import Athlete, World, failing, new_workout


async def test_the_owner_gets_what_create_answered(ada: Athlete, squat: str) -> None:
    created = await ada.create(new_workout(squat, notes="felt light"))

    assert await ada.get(created.id) == created


async def test_the_bytes_are_the_stored_ones(ada: Athlete, world: World, squat: str) -> None:
    created = await ada.create(new_workout(squat))

    stored = await world.owner_value("SELECT wire FROM workout.workouts WHERE id = $1", created.id)

    assert await ada.get_bytes(created.id) == stored


async def test_no_such_workout(ada: Athlete, world: World) -> None:
    missing = world.new_id()

    with failing("WORKOUT_NOT_FOUND") as caught:
        await ada.get(missing)

    assert caught.value.metadata == {"workoutId": missing}


async def test_somebody_elses_workout_looks_as_if_it_did_not_exist(ada: Athlete, bob: Athlete, squat: str) -> None:
    theirs = await bob.create(new_workout(squat))

    with failing("WORKOUT_NOT_FOUND") as foreign:
        await ada.get(theirs.id)
    await bob.delete(theirs.id)
    with failing("WORKOUT_NOT_FOUND") as gone:
        await ada.get(theirs.id)

    assert (foreign.value.message, foreign.value.metadata) == (gone.value.message, gone.value.metadata)


async def test_an_id_that_is_no_uuid_is_refused(ada: Athlete) -> None:
    with failing("INVALID_REQUEST") as caught:
        await ada.get("42")

    assert [each.field for each in caught.value.violations] == ["workoutId"]
