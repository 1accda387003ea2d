"""DeleteExercise."""

import asyncio

import pytest
from fitnesshub.workout.v1.events_pb2 import ExerciseDeleted
from fitnesshub.workout.v1.exercise_pb2 import Exercise

from chassis.errors import Failure
from tests.integration.workout.exercises import create, delete, every, found, get, own_exercise, update
from tests.integration.workout.world import Athlete, Visitor, World, failing, new_workout


@pytest.fixture
def admin(world: World) -> Athlete:
    """An administrator."""
    return Athlete(world, roles=("admin",))


async def test_it_is_gone(ada: Athlete) -> None:
    made = await create(ada, own_exercise("Zzyzx Pull"))

    await delete(ada, made.id)

    with failing("EXERCISE_NOT_FOUND"):
        await get(ada, made.id)
    with failing("EXERCISE_NOT_FOUND"):
        await delete(ada, made.id)
    assert await every(ada, own=True) == []
    assert await found(ada, "zzyzx pull") == []


async def test_workouts_that_name_it_keep_it_and_new_ones_cannot(ada: Athlete) -> None:
    made = await create(ada, own_exercise())
    workout = await ada.create(new_workout(made.id))

    await delete(ada, made.id)

    assert (await ada.get(workout.id)).sets[0].exercise_id == made.id
    with failing("SET_EXERCISE_UNKNOWN"):
        await ada.create(new_workout(made.id))


async def test_the_event_carries_the_last_state_and_the_next_version(ada: Athlete, world: World, squat: str) -> None:
    made = await create(ada, own_exercise())

    await delete(ada, made.id, replaced_by=squat)

    event = (await world.events(made.id))[-1]
    said = ExerciseDeleted()
    assert event.data.Unpack(said)
    assert (said.exercise, said.replaced_by) == (made, squat)
    assert (event.aggregate_version, event.subject_user_id) == (2, ada.user_id)


async def test_an_old_etag_protects_it(ada: Athlete) -> None:
    old = await create(ada, own_exercise())
    new = await update(ada, old.id, Exercise(name="Other"))

    with failing("EXERCISE_ETAG_MISMATCH"):
        await delete(ada, old.id, etag=old.etag)

    await delete(ada, old.id, etag=new.etag)


async def test_the_library_is_administrators(ada: Athlete, visitor: Visitor, admin: Athlete, squat: str) -> None:
    with failing("EXERCISE_NOT_YOURS"):
        await delete(ada, squat)

    await delete(admin, squat)

    with failing("EXERCISE_NOT_FOUND"):
        await get(visitor, squat)


async def test_somebody_elses_is_not_there(ada: Athlete, bob: Athlete, admin: Athlete) -> None:
    made = await create(ada, own_exercise())

    for other in (bob, admin):
        with failing("EXERCISE_NOT_FOUND"):
            await delete(other, made.id)

    assert await get(ada, made.id) == made


async def test_what_replaces_it_must_be_usable_by_whoever_used_it(
    ada: Athlete, bob: Athlete, admin: Athlete, world: World, squat: str, bench: str
) -> None:
    mine, mine_too = await create(ada, own_exercise("a")), await create(ada, own_exercise("b"))
    his = await create(bob, own_exercise())
    of_admin = await create(admin, own_exercise())

    for replacement in (mine.id, his.id, world.new_id()):
        with failing("INVALID_REQUEST") as caught:
            await delete(ada, mine.id, replaced_by=replacement)
        assert [each.field for each in caught.value.violations] == ["replacedBy"]
    for replacement in (squat, of_admin.id):
        with failing("INVALID_REQUEST"):
            await delete(admin, squat, replaced_by=replacement)

    await delete(ada, mine.id, replaced_by=mine_too.id)
    await delete(ada, mine_too.id, replaced_by=squat)
    await delete(admin, squat, replaced_by=bench)
    with failing("INVALID_REQUEST"):
        await delete(admin, bench, replaced_by=squat)


async def test_two_cannot_replace_each_other(admin: Athlete, visitor: Visitor, squat: str, bench: str) -> None:
    answers = await asyncio.gather(
        delete(admin, squat, replaced_by=bench), delete(admin, bench, replaced_by=squat), return_exceptions=True
    )

    assert sum(isinstance(answer, Failure) for answer in answers) == 1


async def test_a_repeat_under_the_same_key_succeeds(ada: Athlete, world: World) -> None:
    made = await create(ada, own_exercise())

    for _ in range(2):
        await delete(ada, made.id, key="delete-1")

    assert len(await world.events(made.id)) == 2
