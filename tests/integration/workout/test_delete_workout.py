"""DeleteWorkout."""

import asyncio

from fitnesshub.workout.v1.events_pb2 import WorkoutDeleted
from fitnesshub.workout.v1.workout_pb2 import Workout

from tests.integration.workout.world import Athlete, World, failing, new_workout


async def test_it_is_gone_with_its_sets(ada: Athlete, world: World, squat: str) -> None:
    workout = await ada.create(new_workout(squat))

    await ada.delete(workout.id)

    with failing("WORKOUT_NOT_FOUND"):
        await ada.get(workout.id)
    with failing("WORKOUT_NOT_FOUND"):
        await ada.update(workout.id, Workout(title="Leg day"))
    assert await world.owner_value("SELECT count(*) FROM workout.workout_sets WHERE workout_id = $1", workout.id) == 0
    assert await world.owner_value("SELECT wire FROM workout.workouts WHERE id = $1", workout.id) is None


async def test_the_event_carries_the_last_state_and_the_next_version(ada: Athlete, world: World, squat: str) -> None:
    workout = await ada.create(new_workout(squat))
    last = await ada.update(workout.id, Workout(title="Leg day"))

    await ada.delete(workout.id)

    event = (await world.events(workout.id))[-1]
    said = WorkoutDeleted()
    assert event.data.Unpack(said)
    assert said.workout == last
    assert (event.aggregate_version, event.subject_user_id) == (3, ada.user_id)


async def test_deleting_it_again_fails(ada: Athlete, world: World, squat: str) -> None:
    workout = await ada.create(new_workout(squat))
    await ada.delete(workout.id)

    with failing("WORKOUT_NOT_FOUND"):
        await ada.delete(workout.id)

    assert len(await world.events(workout.id)) == 2


async def test_an_old_etag_protects_it(ada: Athlete, squat: str) -> None:
    old = await ada.create(new_workout(squat))
    new = await ada.update(old.id, Workout(title="Leg day"))

    with failing("WORKOUT_ETAG_MISMATCH") as caught:
        await ada.delete(old.id, etag=old.etag)
    assert caught.value.metadata == {"workoutId": old.id, "etag": new.etag}

    await ada.delete(old.id, etag=new.etag)
    with failing("WORKOUT_NOT_FOUND"):
        await ada.get(old.id)


async def test_of_deletes_at_the_same_time_one_wins(ada: Athlete, world: World, squat: str) -> None:
    workout = await ada.create(new_workout(squat))

    answers = await asyncio.gather(*(ada.delete(workout.id) for _ in range(4)), return_exceptions=True)

    assert sorted(getattr(answer, "reason", "") for answer in answers) == ["", *["WORKOUT_NOT_FOUND"] * 3]
    assert [event.aggregate_version for event in await world.events(workout.id)] == [1, 2]


async def test_a_change_and_a_delete_at_the_same_time_leave_it_deleted(ada: Athlete, world: World, squat: str) -> None:
    workout = await ada.create(new_workout(squat))

    changed, deleted = await asyncio.gather(
        ada.update(workout.id, Workout(title="Leg day")), ada.delete(workout.id), return_exceptions=True
    )

    assert deleted is None
    assert isinstance(changed, Workout) or getattr(changed, "reason", None) == "WORKOUT_NOT_FOUND"
    with failing("WORKOUT_NOT_FOUND"):
        await ada.get(workout.id)
    versions = [event.aggregate_version for event in await world.events(workout.id)]
    assert versions == list(range(1, len(versions) + 1))


async def test_somebody_elses_workout_looks_as_if_it_did_not_exist(ada: Athlete, bob: Athlete, squat: str) -> None:
    theirs = await bob.create(new_workout(squat))

    with failing("WORKOUT_NOT_FOUND"):
        await ada.delete(theirs.id)
    with failing("WORKOUT_NOT_FOUND"):
        await ada.delete(theirs.id, etag=theirs.etag)

    assert await bob.get(theirs.id) == theirs


async def test_a_repeat_under_the_same_key_gets_the_first_answer(ada: Athlete, world: World, squat: str) -> None:
    workout = await ada.create(new_workout(squat))

    await ada.delete(workout.id, key="delete-1")
    await ada.delete(workout.id, key="delete-1")

    assert len(await world.events(workout.id)) == 2
