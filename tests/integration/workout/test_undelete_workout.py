"""UndeleteWorkout, and what becomes of deleted workouts."""

import asyncio
from datetime import UTC, timedelta

import pytest
from fitnesshub.workout.v1.events_pb2 import WorkoutUndeleted
from fitnesshub.workout.v1.workout_pb2 import Workout

from services.workout.api import workout_upkeep
from services.workout.api.workout_upkeep import WorkoutUpkeep
from tests.integration.workout.world import Athlete, Importer, World, failing, new_exercise, new_workout

WINDOW = timedelta(hours=24)


async def test_it_comes_back_as_it_was_under_a_new_version(ada: Athlete, world: World, squat: str) -> None:
    workout = await ada.create(new_workout(squat, notes="heavy"))
    await ada.delete(workout.id)
    world.clock.time += WINDOW - timedelta(microseconds=1)

    back = await ada.undelete(workout.id)

    assert back.etag != workout.etag
    assert back.update_time == world.timestamp()
    workout.etag = back.etag
    workout.update_time.CopyFrom(back.update_time)
    assert back == workout == await ada.get(workout.id)
    assert list((await ada.list(exercise_id=squat)).workouts) == [workout]


async def test_the_event_carries_the_workout_and_versions_keep_rising(ada: Athlete, world: World, squat: str) -> None:
    workout = await ada.create(new_workout(squat))
    await ada.delete(workout.id)

    back = await ada.undelete(workout.id)
    await ada.update(workout.id, Workout(title="Leg day"))

    events = await world.events(workout.id)
    assert [event.aggregate_version for event in events] == [1, 2, 3, 4]
    said = WorkoutUndeleted()
    assert events[2].data.Unpack(said)
    assert (said.workout, events[2].subject_user_id) == (back, ada.user_id)


async def test_what_is_not_deleted_is_refused(ada: Athlete, squat: str) -> None:
    workout = await ada.create(new_workout(squat))

    with failing("WORKOUT_NOT_DELETED") as caught:
        await ada.undelete(workout.id)

    assert caught.value.metadata == {"workoutId": workout.id}


async def test_after_the_window_it_is_gone(ada: Athlete, world: World, squat: str) -> None:
    workout = await ada.create(new_workout(squat))
    await ada.delete(workout.id)
    world.clock.time += WINDOW

    with failing("WORKOUT_NOT_FOUND"):
        await ada.undelete(workout.id)


async def test_somebody_elses_and_none_look_the_same(ada: Athlete, bob: Athlete, world: World, squat: str) -> None:
    theirs = await bob.create(new_workout(squat))

    for workout_id in (theirs.id, world.new_id()):
        with failing("WORKOUT_NOT_FOUND") as caught:
            await ada.undelete(workout_id)
        assert caught.value.metadata == {"workoutId": workout_id}
    await bob.delete(theirs.id)
    with failing("WORKOUT_NOT_FOUND"):
        await ada.undelete(theirs.id)


async def test_of_several_at_the_same_time_one_wins(ada: Athlete, world: World, squat: str) -> None:
    workout = await ada.create(new_workout(squat))
    await ada.delete(workout.id)

    answers = await asyncio.gather(*(ada.undelete(workout.id) for _ in range(4)), return_exceptions=True)

    assert sorted(getattr(answer, "reason", "") for answer in answers) == ["", *["WORKOUT_NOT_DELETED"] * 3]
    assert [event.aggregate_version for event in await world.events(workout.id)] == [1, 2, 3]


async def test_it_can_be_deleted_and_brought_back_again(ada: Athlete, world: World, squat: str) -> None:
    workout = await ada.create(new_workout(squat))
    for _ in range(2):
        await ada.delete(workout.id)
        world.clock.time += WINDOW / 2
        await ada.undelete(workout.id)

    assert (await ada.get(workout.id)).sets == workout.sets
    with failing("WORKOUT_ALREADY_EXISTS"):
        await ada.create(new_workout(squat, id=workout.id))


async def test_a_repeat_under_the_same_key_gets_the_first_answer(ada: Athlete, world: World, squat: str) -> None:
    workout = await ada.create(new_workout(squat))
    await ada.delete(workout.id)

    assert await ada.undelete(workout.id, key="undelete-1") == await ada.undelete(workout.id, key="undelete-1")

    assert len(await world.events(workout.id)) == 3


async def test_what_it_was_is_forgotten_after_the_window_in_batches(
    ada: Athlete, world: World, importer: Importer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workout_upkeep, "FORGET_BATCH", 2)
    await world.clear()
    squat = (await importer.run([new_exercise("squat")]))[0].exercise_id
    old = [await ada.create(new_workout(squat)) for _ in range(3)]
    for workout in old:
        await ada.delete(workout.id)
    deleted_at = world.clock.time
    world.clock.time += WINDOW + timedelta(seconds=1)
    recent = await ada.create(new_workout(squat))
    live = await ada.create(new_workout(squat))
    await ada.delete(recent.id)
    upkeep = WorkoutUpkeep(world.db, world.clock, WINDOW)

    assert [await upkeep.forget() for _ in range(3)] == [2, 1, 0]

    kept = await world.owner_rows("SELECT id FROM workout.workouts WHERE undo_wire IS NOT NULL")
    assert [str(row["id"]) for row in kept] == [recent.id]
    assert (await ada.undelete(recent.id)).sets == recent.sets
    assert await ada.get(live.id) == live
    tombstones = [each.deleted for each in (await ada.changes()).changes if each.HasField("deleted")]
    assert [each.workout_id for each in tombstones] == [workout.id for workout in old]
    assert {each.delete_time.ToDatetime(UTC) for each in tombstones} == {deleted_at}
    assert not any(each.HasField("undelete_until") for each in tombstones)
