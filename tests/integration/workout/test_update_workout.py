"""UpdateWorkout."""

import asyncio
from datetime import UTC, timedelta

import pytest
from fitnesshub.workout.v1.events_pb2 import WorkoutUpdated
from fitnesshub.workout.v1.workout_pb2 import WEIGHT_UNIT_LB, Workout, WorkoutSet

from chassis.errors import Aborted
from tests.integration.workout import exercises
from tests.integration.workout.world import Athlete, World, failing, new_workout


def without_stamps(workout: Workout) -> Workout:
    rest = Workout()
    rest.CopyFrom(workout)
    for field in ("etag", "update_time"):
        rest.ClearField(field)
    return rest


async def test_without_a_mask_what_is_present_is_changed(ada: Athlete, world: World, squat: str) -> None:
    before = await ada.create(new_workout(squat, notes="felt light"))
    world.clock.time += timedelta(minutes=1)

    after = await ada.update(before.id, Workout(title="Leg day"))

    expected = Workout()
    expected.CopyFrom(before)
    expected.title = "Leg day"
    assert without_stamps(after) == without_stamps(expected)
    assert after.etag != before.etag
    assert after.update_time.ToDatetime(UTC) - before.update_time.ToDatetime(UTC) == timedelta(minutes=1)
    assert await ada.get(before.id) == after


async def test_without_a_mask_an_empty_text_is_a_change_and_an_empty_list_is_none(ada: Athlete, squat: str) -> None:
    before = await ada.create(new_workout(squat, notes="felt light"))

    after = await ada.update(before.id, Workout(notes=""))

    assert after.notes == ""
    assert after.sets == before.sets


async def test_a_mask_changes_what_it_names_only(ada: Athlete, squat: str) -> None:
    before = await ada.create(new_workout(squat, notes="felt light"))

    after = await ada.update(before.id, Workout(title="Leg day", notes="heavy"), mask=["notes"])

    assert (after.title, after.notes) == (before.title, "heavy")


async def test_a_mask_clears_what_is_absent(ada: Athlete, world: World, squat: str) -> None:
    workout = new_workout(squat, notes="felt light")
    workout.end_time.seconds = workout.start_time.seconds + 60
    before = await ada.create(workout)

    after = await ada.update(before.id, Workout(), mask=["notes", "end_time", "sets"])

    assert not after.HasField("notes")
    assert not after.HasField("end_time")
    assert list(after.sets) == []
    assert await world.owner_value("SELECT count(*) FROM workout.workout_sets WHERE workout_id = $1", after.id) == 0


async def test_a_star_replaces_everything(ada: Athlete, squat: str, bench: str) -> None:
    before = await ada.create(new_workout(squat, notes="felt light"))
    change = new_workout(bench, title="Bench day", sets=[WorkoutSet(exercise_id=bench, reps=5)])

    after = await ada.update(before.id, change, mask=["*"])

    assert (after.title, after.HasField("notes")) == ("Bench day", False)
    assert [each.exercise_id for each in after.sets] == [bench]
    assert (after.id, after.user_id, after.create_time) == (before.id, before.user_id, before.create_time)


@pytest.mark.parametrize("path", ["id", "user_id", "etag", "create_time", "nonsense", "sets.reps", ""])
async def test_a_mask_that_names_something_else_is_refused(ada: Athlete, squat: str, path: str) -> None:
    before = await ada.create(new_workout(squat))

    with failing("UPDATE_MASK_INVALID") as caught:
        await ada.update(before.id, Workout(title="Leg day"), mask=["title", path])

    assert caught.value.metadata == {"path": path}
    assert await ada.get(before.id) == before


async def test_sets_are_replaced_whole_and_keep_their_order(ada: Athlete, world: World, squat: str, bench: str) -> None:
    before = await ada.create(new_workout(squat, sets=[WorkoutSet(exercise_id=squat, reps=reps) for reps in range(4)]))
    sets = [WorkoutSet(exercise_id=bench, reps=9, weight=100, weight_unit=WEIGHT_UNIT_LB), before.sets[1]]

    after = await ada.update(before.id, Workout(sets=sets))

    assert [each.reps for each in after.sets] == [9, 1]
    assert after.sets[0].weight_kg == pytest.approx(45.359237)
    rows = await world.owner_rows(
        "SELECT * FROM workout.workout_sets WHERE workout_id = $1 ORDER BY position", after.id
    )
    assert [(r["position"], str(r["exercise_id"]), r["reps"], r["weight_kg"]) for r in rows] == [
        (0, bench, 9, after.sets[0].weight_kg),
        (1, squat, 1, None),
    ]


async def test_sets_may_grow(ada: Athlete, world: World, squat: str) -> None:
    before = await ada.create(new_workout(squat))
    sets = [*before.sets, WorkoutSet(exercise_id=squat, reps=3, rpe=9)]

    after = await ada.update(before.id, Workout(sets=sets))

    assert len(after.sets) == len(before.sets) + 1
    count = await world.owner_value("SELECT count(*) FROM workout.workout_sets WHERE workout_id = $1", after.id)
    assert count == len(after.sets)


async def test_the_event_carries_the_whole_workout_and_the_next_version(ada: Athlete, world: World, squat: str) -> None:
    before = await ada.create(new_workout(squat))
    after = await ada.update(before.id, Workout(title="Leg day"))

    event = (await world.events(before.id))[-1]
    said = WorkoutUpdated()
    assert event.data.Unpack(said)
    assert said.workout == after
    assert (event.aggregate_version, event.subject_user_id) == (2, ada.user_id)


async def test_a_change_of_nothing_writes_nothing(ada: Athlete, world: World, squat: str) -> None:
    before = await ada.create(new_workout(squat))
    world.clock.time += timedelta(minutes=1)

    assert await ada.update(before.id, before, mask=["title", "sets"]) == before
    assert await ada.update(before.id, Workout()) == before

    assert len(await world.events(before.id)) == 1


async def test_the_etag_read_before_lets_the_change_through_once(ada: Athlete, squat: str) -> None:
    before = await ada.create(new_workout(squat))
    after = await ada.update(before.id, Workout(title="Leg day", etag=before.etag))

    with failing("WORKOUT_ETAG_MISMATCH") as caught:
        await ada.update(before.id, Workout(title="Arm day", etag=before.etag))

    assert isinstance(caught.value, Aborted)
    assert caught.value.metadata == {"workoutId": before.id, "etag": after.etag}
    assert await ada.get(before.id) == after


async def test_of_two_changes_with_the_same_etag_one_wins(ada: Athlete, world: World, squat: str) -> None:
    before = await ada.create(new_workout(squat))

    answers = await asyncio.gather(
        *(ada.update(before.id, Workout(title=title, etag=before.etag)) for title in ("A", "B", "C", "D")),
        return_exceptions=True,
    )

    won = [answer for answer in answers if isinstance(answer, Workout)]
    assert [getattr(answer, "reason", None) for answer in answers if answer not in won] == ["WORKOUT_ETAG_MISMATCH"] * 3
    assert [await ada.get(before.id)] == won
    assert [event.aggregate_version for event in await world.events(before.id)] == [1, 2]


async def test_changes_of_different_fields_at_the_same_time_are_kept(ada: Athlete, world: World, squat: str) -> None:
    before = await ada.create(new_workout(squat))
    changes = [
        Workout(title="Leg day"),
        Workout(notes="heavy"),
        Workout(sets=[WorkoutSet(exercise_id=squat, reps=99)]),
        Workout(end_time=before.start_time),
    ]

    await asyncio.gather(*(ada.update(before.id, change) for change in changes))

    after = await ada.get(before.id)
    assert (after.title, after.notes, [each.reps for each in after.sets]) == ("Leg day", "heavy", [99])
    assert after.end_time == before.start_time
    assert [event.aggregate_version for event in await world.events(before.id)] == [1, 2, 3, 4, 5]


@pytest.mark.parametrize("field", ["title", "start_time"])
async def test_what_a_workout_needs_cannot_be_cleared(ada: Athlete, squat: str, field: str) -> None:
    before = await ada.create(new_workout(squat))

    with failing("INVALID_REQUEST") as caught:
        await ada.update(before.id, Workout(), mask=[field])

    path = {"title": "workout.title", "start_time": "workout.startTime"}[field]
    assert [each.field for each in caught.value.violations] == [path]
    assert await ada.get(before.id) == before


async def test_the_merged_times_must_fit(ada: Athlete, squat: str) -> None:
    workout = new_workout(squat)
    workout.end_time.seconds = workout.start_time.seconds + 60
    before = await ada.create(workout)
    late = Workout()
    late.start_time.seconds = before.end_time.seconds + 1

    with failing("WORKOUT_TIME_INVALID"):
        await ada.update(before.id, late)

    assert await ada.get(before.id) == before


async def test_a_new_start_moves_it_in_the_list(ada: Athlete, squat: str) -> None:
    first = await ada.create(new_workout(squat, title="first"))
    second = await ada.create(new_workout(squat, title="second"))
    change = Workout()
    change.start_time.seconds = second.start_time.seconds - 3600
    await ada.update(second.id, change)
    change.start_time.seconds = first.start_time.seconds + 3600
    await ada.update(first.id, change)

    assert [each.title for each in (await ada.list()).workouts] == ["first", "second"]


async def test_unknown_exercises_are_named_and_change_nothing(ada: Athlete, world: World, squat: str) -> None:
    before = await ada.create(new_workout(squat))
    sets = [WorkoutSet(exercise_id=squat, reps=5), WorkoutSet(exercise_id=world.new_id(), reps=5)]

    with failing("SET_EXERCISE_UNKNOWN") as caught:
        await ada.update(before.id, Workout(title="Leg day", sets=sets))

    assert [each.field for each in caught.value.violations] == ["workout.sets[1].exerciseId"]
    assert await ada.get(before.id) == before


async def test_somebody_elses_workout_looks_as_if_it_did_not_exist(ada: Athlete, bob: Athlete, squat: str) -> None:
    theirs = await bob.create(new_workout(squat))

    with failing("WORKOUT_NOT_FOUND"):
        await ada.update(theirs.id, Workout(title="Mine"))
    with failing("WORKOUT_NOT_FOUND"):
        await ada.update(theirs.id, Workout(title="Mine", etag=theirs.etag))

    assert await bob.get(theirs.id) == theirs


async def test_a_repeat_under_the_same_key_changes_once(ada: Athlete, world: World, squat: str) -> None:
    before = await ada.create(new_workout(squat))
    change = Workout(title="Leg day", etag=before.etag)

    first = await ada.update(before.id, change, key="update-1")
    second = await ada.update(before.id, change, key="update-1")

    assert first == second
    assert len(await world.events(before.id)) == 2


async def test_an_exercise_that_was_deleted_may_stay_where_it_was(ada: Athlete, squat: str) -> None:
    own = await exercises.create(ada, exercises.own_exercise())
    other = await exercises.create(ada, exercises.own_exercise("Towel Row"))
    workout = await ada.create(new_workout(own.id))
    await exercises.delete(ada, own.id)
    await exercises.delete(ada, other.id)

    changed = await ada.update(workout.id, Workout(title="Arm day"))
    sets = [WorkoutSet(exercise_id=each, reps=3) for each in (squat, own.id)]
    kept = await ada.update(workout.id, Workout(sets=sets))
    with failing("SET_EXERCISE_UNKNOWN") as caught:
        await ada.update(workout.id, Workout(sets=[*sets, WorkoutSet(exercise_id=other.id, reps=3)]))

    assert changed.sets == workout.sets
    assert [each.exercise_id for each in kept.sets] == [squat, own.id]
    assert [each.field for each in caught.value.violations] == ["workout.sets[2].exerciseId"]


async def test_sets_that_contradict_themselves_are_refused(ada: Athlete, squat: str) -> None:
    before = await ada.create(new_workout(squat))

    with failing("SET_INVALID") as caught:
        await ada.update(before.id, Workout(sets=[WorkoutSet(exercise_id=squat)]))

    assert [each.field for each in caught.value.violations] == ["workout.sets[0]"]
    assert await ada.get(before.id) == before


async def test_sets_of_before_this_rule_do_not_stand_in_the_way(ada: Athlete, world: World, squat: str) -> None:
    workout = await ada.create(new_workout(squat, sets=[WorkoutSet(exercise_id=squat, reps=5)]))
    workout.sets[0].ClearField("reps")
    await world.owner_value(
        "UPDATE workout.workouts SET wire = $1 WHERE id = $2", workout.SerializeToString(), workout.id
    )
    await world.owner_value("UPDATE workout.workout_sets SET reps = NULL WHERE workout_id = $1", workout.id)

    changed = await ada.update(workout.id, Workout(title="Leg day", sets=workout.sets))

    assert (changed.title, changed.sets) == ("Leg day", workout.sets)


async def test_the_session_can_be_rated_and_its_source_stays(ada: Athlete, squat: str) -> None:
    workout = await ada.create(new_workout(squat, source="strong"))

    rated = await ada.update(workout.id, Workout(session_rpe=8, source="hevy"))
    cleared = await ada.update(workout.id, Workout(), ["session_rpe"])

    assert (rated.session_rpe, rated.source) == (8, "strong")
    assert not cleared.HasField("session_rpe")
    with failing("UPDATE_MASK_INVALID"):
        await ada.update(workout.id, Workout(source="hevy"), ["source"])
