"""CreateWorkout."""

import asyncio
from datetime import UTC
from typing import Any

import pytest
from fitnesshub.workout.v1.events_pb2 import WorkoutCreated
from fitnesshub.workout.v1.workout_pb2 import (
    DISTANCE_UNIT_MILE,
    SET_TYPE_DROPSET,
    WEIGHT_UNIT_LB,
    Workout,
    WorkoutSet,
)
from google.protobuf.timestamp_pb2 import Timestamp

from chassis.outbox import insert_one
from chassis.sessions import WriteSession
from chassis.statements import Statement
from services.workout.store.workouts import CREATE_WORKOUT
from tests.integration.workout import exercises
from tests.integration.workout.world import Athlete, World, failing, new_workout


async def test_the_answer_is_the_whole_workout(ada: Athlete, world: World, squat: str) -> None:
    sent = new_workout(squat, notes="felt light")
    sent.sets[0].weight_unit = WEIGHT_UNIT_LB

    created = await ada.create(sent)

    assert created.user_id == ada.user_id
    assert (created.title, created.notes, created.start_time) == (sent.title, sent.notes, sent.start_time)
    assert created.sets[0].weight_kg == pytest.approx(sent.sets[0].weight * 0.45359237)
    assert created.etag
    assert created.create_time == created.update_time == world.timestamp()


async def test_sets_go_to_their_own_table_in_order(ada: Athlete, world: World, squat: str, bench: str) -> None:
    sets = [
        WorkoutSet(exercise_id=squat, reps=5, weight=100),
        WorkoutSet(exercise_id=bench, reps=0, weight=-10, rpe=8.5),
        WorkoutSet(exercise_id=squat, duration_seconds=30),
    ]

    created = await ada.create(new_workout(squat, sets=sets))

    rows = await world.owner_rows(
        "SELECT * FROM workout.workout_sets WHERE workout_id = $1 ORDER BY position", created.id
    )
    assert [(r["position"], str(r["exercise_id"]), r["reps"], r["weight_kg"], r["rpe"]) for r in rows] == [
        (0, squat, 5, 100.0, None),
        (1, bench, 0, -10.0, 8.5),
        (2, squat, None, None, None),
    ]


async def test_a_workout_may_have_no_sets(ada: Athlete, squat: str) -> None:
    created = await ada.create(new_workout(squat, sets=[]))

    assert await ada.get(created.id) == created


async def test_the_most_sets_a_workout_may_have(ada: Athlete, world: World, squat: str) -> None:
    created = await ada.create(new_workout(squat, sets=[WorkoutSet(exercise_id=squat, reps=1)] * 500))

    count = await world.owner_value("SELECT count(*) FROM workout.workout_sets WHERE workout_id = $1", created.id)
    assert count == len(created.sets) == 500

    with failing("INVALID_REQUEST"):
        await ada.create(new_workout(squat, sets=[WorkoutSet(exercise_id=squat)] * 501))


async def test_the_event_goes_out_with_the_workout(ada: Athlete, world: World, squat: str) -> None:
    created = await ada.create(new_workout(squat))

    [event] = await world.events(created.id)
    assert (event.aggregate_type, event.aggregate_version, event.subject_user_id) == ("workout", 1, ada.user_id)
    said = WorkoutCreated()
    assert event.data.Unpack(said)
    assert said.workout == created


async def test_what_only_the_server_decides_is_ignored(ada: Athlete, bob: Athlete, world: World, squat: str) -> None:
    forged = new_workout(squat)
    forged.user_id = bob.user_id
    forged.etag = "mine"
    forged.create_time.FromJsonString("2001-01-01T00:00:00Z")
    forged.sets[0].weight_kg = 1.0

    created = await ada.create(forged)

    assert created.user_id == ada.user_id
    assert created.etag != "mine"
    assert created.create_time == world.timestamp()
    assert created.sets[0].weight_kg == forged.sets[0].weight


async def test_a_client_may_make_the_id(ada: Athlete, world: World, squat: str) -> None:
    workout_id = world.new_id()

    created = await ada.create(new_workout(squat, id=workout_id))

    assert created.id == workout_id
    assert await ada.get(workout_id) == created


async def test_an_id_is_taken_once_and_for_everybody(ada: Athlete, bob: Athlete, squat: str) -> None:
    created = await ada.create(new_workout(squat))

    with failing("WORKOUT_ALREADY_EXISTS") as own:
        await ada.create(new_workout(squat, id=created.id))
    with failing("WORKOUT_ALREADY_EXISTS") as foreign:
        await bob.create(new_workout(squat, id=created.id))

    assert own.value.metadata == foreign.value.metadata == {"workoutId": created.id}
    assert own.value.message == foreign.value.message
    assert await ada.get(created.id) == created


async def test_a_late_repeat_does_not_bring_a_deleted_workout_back(ada: Athlete, world: World, squat: str) -> None:
    workout = new_workout(squat, id=world.new_id())
    await ada.create(workout)
    await ada.delete(workout.id)

    with failing("WORKOUT_ALREADY_EXISTS"):
        await ada.create(workout)
    with failing("WORKOUT_NOT_FOUND"):
        await ada.get(workout.id)


async def test_an_id_that_is_no_uuid_is_refused(ada: Athlete, squat: str) -> None:
    with failing("INVALID_REQUEST") as caught:
        await ada.create(new_workout(squat, id="my-workout"))

    assert [each.field for each in caught.value.violations] == ["workout.id"]


async def test_sets_with_unknown_exercises_are_named(ada: Athlete, world: World, squat: str) -> None:
    unknown = world.new_id()
    workout = new_workout(
        squat, sets=[WorkoutSet(exercise_id=each, reps=5) for each in (squat, unknown, squat, unknown)]
    )
    workout.id = world.new_id()

    with failing("SET_EXERCISE_UNKNOWN") as caught:
        await ada.create(workout)

    assert [each.field for each in caught.value.violations] == [
        "workout.sets[1].exerciseId",
        "workout.sets[3].exerciseId",
    ]
    with failing("WORKOUT_NOT_FOUND"):
        await ada.get(workout.id)
    assert await world.events(workout.id) == []


async def test_a_workout_that_ends_before_it_starts_is_refused(ada: Athlete, squat: str) -> None:
    workout = new_workout(squat)
    workout.end_time.seconds = workout.start_time.seconds - 1

    with failing("WORKOUT_TIME_INVALID"):
        await ada.create(workout)


@pytest.mark.parametrize(
    "moment", ["0001-01-01T00:00:00Z", "1969-12-31T23:59:59.999999Z", "9999-12-31T23:59:59.999999Z"]
)
async def test_times_at_the_edges_come_back_as_sent(ada: Athlete, squat: str, moment: str) -> None:
    workout = new_workout(squat)
    workout.start_time.FromJsonString(moment)

    created = await ada.create(workout)

    assert (await ada.get(created.id)).start_time.ToJsonString() == moment


@pytest.mark.parametrize(
    ("broken", "field"),
    [
        (Workout(title=" "), "workout.title"),
        (Workout(title="x" * 201), "workout.title"),
        (Workout(notes="x" * 5001), "workout.notes"),
        (Workout(notes="a\0b"), "workout.notes"),
        (Workout(start_time=Timestamp(seconds=253_402_300_800)), "workout.startTime"),
        (Workout(start_time=Timestamp(nanos=-1)), "workout.startTime"),
        (Workout(sets=[WorkoutSet(exercise_id="squat")]), "workout.sets[3].exerciseId"),
        (Workout(sets=[WorkoutSet(reps=-1)]), "workout.sets[3].reps"),
        (Workout(sets=[WorkoutSet(weight=float("nan"))]), "workout.sets[3].weight"),
        (Workout(sets=[WorkoutSet(weight=float("inf"))]), "workout.sets[3].weight"),
        (Workout(sets=[WorkoutSet(rpe=10.5)]), "workout.sets[3].rpe"),
        (Workout(sets=[WorkoutSet(weight_unit=9)]), "workout.sets[3].weightUnit"),  # type: ignore[arg-type]
        (Workout(sets=[WorkoutSet(set_type=12)]), "workout.sets[3].setType"),  # type: ignore[arg-type]
        (Workout(sets=[WorkoutSet(rir=10.5)]), "workout.sets[3].rir"),
        (Workout(sets=[WorkoutSet(superset=-1)]), "workout.sets[3].superset"),
        (Workout(sets=[WorkoutSet(rest_seconds=-1)]), "workout.sets[3].restSeconds"),
        (Workout(sets=[WorkoutSet(duration_seconds=-0.5)]), "workout.sets[3].durationSeconds"),
        (Workout(sets=[WorkoutSet(distance=float("nan"))]), "workout.sets[3].distance"),
        (Workout(sets=[WorkoutSet(distance_unit=5)]), "workout.sets[3].distanceUnit"),  # type: ignore[arg-type]
        (Workout(session_rpe=11), "workout.sessionRpe"),
        (Workout(source="Strong App"), "workout.source"),
    ],
)
async def test_what_the_rules_refuse(ada: Athlete, squat: str, broken: Workout, field: str) -> None:
    workout = new_workout(squat)
    workout.MergeFrom(broken)

    with failing("INVALID_REQUEST") as caught:
        await ada.create(workout)

    assert field in [each.field for each in caught.value.violations]


async def test_a_workout_is_required(ada: Athlete) -> None:
    with failing("INVALID_REQUEST") as caught:
        await ada.create(None)

    assert [each.field for each in caught.value.violations] == ["workout"]


async def test_a_repeat_under_the_same_key_gets_the_first_answer(ada: Athlete, world: World, squat: str) -> None:
    workout = new_workout(squat)

    first = await ada.create(workout, key="create-1")
    second = await ada.create(workout, key="create-1")

    assert first == second
    assert len((await ada.list()).workouts) == 1
    assert len(await world.events(first.id)) == 1


async def test_repeats_at_the_same_time_store_one_workout(ada: Athlete, squat: str) -> None:
    workout = new_workout(squat)

    answers = await asyncio.gather(*(ada.create(workout, key="create-2") for _ in range(8)), return_exceptions=True)

    done = [answer for answer in answers if isinstance(answer, Workout)]
    refused = [answer for answer in answers if not isinstance(answer, Workout)]
    assert done
    assert {answer.id for answer in done} == {done[0].id}
    assert {getattr(answer, "reason", answer) for answer in refused} <= {"IDEMPOTENCY_KEY_IN_FLIGHT"}
    assert len((await ada.list()).workouts) == 1


async def test_another_request_under_the_same_key_is_refused(ada: Athlete, squat: str) -> None:
    await ada.create(new_workout(squat), key="create-3")

    with failing("IDEMPOTENCY_KEY_REUSED"):
        await ada.create(new_workout(squat, notes="other"), key="create-3")


async def test_a_refused_create_leaves_its_key_free(ada: Athlete, world: World, squat: str) -> None:
    with failing("SET_EXERCISE_UNKNOWN"):
        await ada.create(new_workout(world.new_id()), key="create-4")

    created = await ada.create(new_workout(squat), key="create-4")

    assert await ada.get(created.id) == created


async def test_keys_are_each_users_own(ada: Athlete, bob: Athlete, squat: str) -> None:
    workout = new_workout(squat)

    assert (await ada.create(workout, key="create-5")).id != (await bob.create(workout, key="create-5")).id


WHOLE = WorkoutSet(
    reps=5,
    weight=225,
    weight_unit=WEIGHT_UNIT_LB,
    rpe=8.5,
    notes="felt light",
    set_type=SET_TYPE_DROPSET,
    rir=1.5,
    superset=3,
    rest_seconds=90,
    duration_seconds=12.5,
    distance=2,
    distance_unit=DISTANCE_UNIT_MILE,
)


async def test_a_set_is_kept_whole_and_in_si_units(ada: Athlete, world: World, squat: str) -> None:
    sent = WorkoutSet(exercise_id=squat)
    sent.MergeFrom(WHOLE)

    created = await ada.create(new_workout(squat, sets=[sent], session_rpe=7.5, source="hevy"))

    assert (created.session_rpe, created.source) == (7.5, "hevy")
    [kept] = created.sets
    assert kept.distance_meters == 3218.688
    assert kept.weight_kg == pytest.approx(102.05828325)
    [row] = await world.owner_rows("SELECT * FROM workout.workout_sets WHERE workout_id = $1", created.id)
    assert (str(row["user_id"]), row["start_time"]) == (ada.user_id, created.start_time.ToDatetime(UTC))
    columns = ("reps", "rpe", "set_type", "rir", "superset", "rest_seconds", "duration_seconds", "distance_meters")
    assert [row[name] for name in columns] == [5, 8.5, SET_TYPE_DROPSET, 1.5, 3, 90, 12.5, 3218.688]
    kept.ClearField("distance_meters")
    kept.ClearField("weight_kg")
    assert kept == sent


async def test_a_set_says_how_much_in_any_way(ada: Athlete, squat: str) -> None:
    sets = [WorkoutSet(reps=0), WorkoutSet(duration_seconds=0), WorkoutSet(distance=0), WorkoutSet(reps=1, superset=9)]
    for each in sets:
        each.exercise_id = squat

    assert len((await ada.create(new_workout(squat, sets=sets))).sets) == 4


async def test_sets_that_say_nothing_or_contradict_themselves_are_named(ada: Athlete, world: World, squat: str) -> None:
    sets = [
        WorkoutSet(exercise_id=squat, reps=5, rpe=8, rir=2.5),
        WorkoutSet(exercise_id=squat, weight=100),
        WorkoutSet(exercise_id=squat, reps=5, rpe=8, rir=1),
    ]
    workout = new_workout(squat, sets=sets, id=world.new_id())

    with failing("SET_INVALID") as caught:
        await ada.create(workout)

    assert [each.field for each in caught.value.violations] == ["workout.sets[1]", "workout.sets[2]"]
    assert await world.events(workout.id) == []


async def test_only_exercises_that_the_caller_can_use(ada: Athlete, bob: Athlete) -> None:
    own = await exercises.create(ada, exercises.own_exercise())
    assert (await ada.create(new_workout(own.id))).sets
    with failing("SET_EXERCISE_UNKNOWN"):
        await bob.create(new_workout(own.id))
    await exercises.delete(ada, own.id)

    with failing("SET_EXERCISE_UNKNOWN") as caught:
        await ada.create(new_workout(own.id))

    assert [each.field for each in caught.value.violations] == [f"workout.sets[{each}].exerciseId" for each in range(3)]


async def test_a_create_is_four_statements(ada: Athlete, squat: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """BEGIN, the workout with its sets and its number, the event, COMMIT."""
    run = WriteSession._run
    statements: list[Statement] = []

    async def counted(session: WriteSession, method: Any, statement: Statement, values: dict[str, Any]) -> Any:
        statements.append(statement)
        return await run(session, method, statement, values)

    monkeypatch.setattr(WriteSession, "_run", counted)

    await ada.create(new_workout(squat))

    assert statements == [CREATE_WORKOUT, insert_one("workout")]
