"""Rules of a workout."""

from datetime import UTC, datetime, timedelta

import pytest
from fitnesshub.workout.v1.workout_pb2 import (
    DISTANCE_UNIT_KILOMETER,
    DISTANCE_UNIT_METER,
    DISTANCE_UNIT_MILE,
    DISTANCE_UNIT_UNSPECIFIED,
    DISTANCE_UNIT_YARD,
    WEIGHT_UNIT_KG,
    WEIGHT_UNIT_LB,
    WEIGHT_UNIT_UNSPECIFIED,
    DistanceUnit,
    WeightUnit,
    Workout,
    WorkoutSet,
)
from google.protobuf.timestamp_pb2 import Timestamp

from chassis.errors import InvalidArgument
from chassis.etags import version_etag
from services.workout.domain.workouts import (
    UPDATABLE,
    check_sets,
    check_times,
    derive,
    exercises_unknown,
    finish,
    new_workout,
)

NOW = datetime(2026, 3, 1, 18, 30, tzinfo=UTC)
WORKOUT_ID = "0195a3c0-0000-7000-8000-000000000001"
USER_ID = "0195a3c0-0000-7000-8000-0000000000aa"
SQUAT = "0195a3c0-0000-7000-8000-0000000000e1"
BENCH = "0195a3c0-0000-7000-8000-0000000000e2"


def settle(workout: Workout) -> None:
    derive(workout)
    check_times(workout)


def timestamp(moment: datetime) -> Timestamp:
    stamp = Timestamp()
    stamp.FromDatetime(moment)
    return stamp


def test_a_new_workout_belongs_to_its_creator_and_is_version_one() -> None:
    sent = Workout(title="Push day", start_time=timestamp(NOW - timedelta(hours=1)))

    workout = new_workout(sent, WORKOUT_ID, USER_ID, NOW)

    assert (workout.id, workout.user_id, workout.title) == (WORKOUT_ID, USER_ID, "Push day")
    assert workout.etag == version_etag(WORKOUT_ID, 1)
    assert workout.create_time.ToDatetime(UTC) == workout.update_time.ToDatetime(UTC) == NOW
    assert not sent.HasField("create_time")


def test_a_change_moves_the_update_time_and_the_etag_only() -> None:
    workout = new_workout(Workout(start_time=timestamp(NOW)), WORKOUT_ID, USER_ID, NOW)

    finish(workout, 2, NOW + timedelta(minutes=5))

    assert workout.etag == version_etag(WORKOUT_ID, 2)
    assert workout.create_time.ToDatetime(UTC) == NOW
    assert workout.update_time.ToDatetime(UTC) == NOW + timedelta(minutes=5)


@pytest.mark.parametrize(
    ("weight", "unit", "weight_kg"),
    [
        (100.0, WEIGHT_UNIT_LB, 45.359237),
        (-20.0, WEIGHT_UNIT_LB, -9.0718474),
        (0.0, WEIGHT_UNIT_LB, 0.0),
        (102.5, WEIGHT_UNIT_KG, 102.5),
        (102.5, WEIGHT_UNIT_UNSPECIFIED, 102.5),
    ],
)
def test_loads_are_kept_as_entered_and_in_kilograms(
    weight: float, unit: WeightUnit.ValueType, weight_kg: float
) -> None:
    workout = Workout(sets=[WorkoutSet(exercise_id=SQUAT, weight=weight, weight_unit=unit)])

    settle(workout)

    assert workout.sets[0].weight == weight
    assert workout.sets[0].weight_kg == pytest.approx(weight_kg, rel=1e-15)
    assert workout.sets[0].HasField("weight_kg")


def test_without_a_load_there_are_no_kilograms() -> None:
    workout = Workout(sets=[WorkoutSet(exercise_id=SQUAT, weight_unit=WEIGHT_UNIT_LB, weight_kg=12.0)])

    settle(workout)

    assert not workout.sets[0].HasField("weight_kg")


@pytest.mark.parametrize("minutes", [0, 1, 300])
def test_a_workout_may_end_when_it_starts_or_later(minutes: int) -> None:
    settle(Workout(start_time=timestamp(NOW), end_time=timestamp(NOW + timedelta(minutes=minutes))))


def test_a_workout_that_ends_before_it_starts_is_refused() -> None:
    with pytest.raises(InvalidArgument) as caught:
        settle(Workout(start_time=timestamp(NOW), end_time=timestamp(NOW - timedelta(microseconds=1))))

    assert caught.value.reason == "WORKOUT_TIME_INVALID"
    assert [violation.field for violation in caught.value.violations] == ["workout.endTime"]


def test_times_are_kept_to_the_microsecond_as_the_database_keeps_them() -> None:
    start = Timestamp(seconds=1_700_000_000, nanos=123_456_789)
    workout = Workout(start_time=start, end_time=Timestamp(seconds=start.seconds, nanos=123_456_001))

    settle(workout)

    assert workout.start_time.nanos == workout.end_time.nanos == 123_456_000


def test_a_running_workout_keeps_no_end() -> None:
    workout = Workout(start_time=timestamp(NOW))

    settle(workout)

    assert not workout.HasField("end_time")


def test_unknown_exercises_are_named_set_by_set() -> None:
    workout = Workout(sets=[WorkoutSet(exercise_id=each) for each in (SQUAT, BENCH, SQUAT)])

    failure = exercises_unknown(workout, {SQUAT})

    assert failure.reason == "SET_EXERCISE_UNKNOWN"
    assert [violation.field for violation in failure.violations] == [
        "workout.sets[0].exerciseId",
        "workout.sets[2].exerciseId",
    ]


def test_what_an_update_may_change_are_fields_of_a_workout() -> None:
    assert set(Workout.DESCRIPTOR.fields_by_name) >= UPDATABLE


def test_etags_differ_by_version_and_by_resource_and_are_short() -> None:
    etags = {version_etag(resource, version) for resource in (WORKOUT_ID, USER_ID) for version in range(1, 1000)}

    assert len(etags) == 2 * 999
    assert {len(each) for each in etags} == {12}


@pytest.mark.parametrize(
    ("distance", "unit", "meters"),
    [
        (5.2, DISTANCE_UNIT_KILOMETER, 5200.0),
        (1.0, DISTANCE_UNIT_MILE, 1609.344),
        (100.0, DISTANCE_UNIT_YARD, 91.44),
        (400.0, DISTANCE_UNIT_METER, 400.0),
        (400.0, DISTANCE_UNIT_UNSPECIFIED, 400.0),
    ],
)
def test_distances_are_kept_as_entered_and_in_metres(
    distance: float, unit: DistanceUnit.ValueType, meters: float
) -> None:
    workout = Workout(sets=[WorkoutSet(exercise_id=SQUAT, distance=distance, distance_unit=unit)])

    derive(workout)

    assert workout.sets[0].distance == distance
    assert workout.sets[0].distance_meters == pytest.approx(meters, rel=1e-15)


@pytest.mark.parametrize(
    "good",
    [
        WorkoutSet(reps=0),
        WorkoutSet(duration_seconds=60, weight=20),
        WorkoutSet(distance=50, superset=7),
        WorkoutSet(reps=5, rpe=8, rir=2),
        WorkoutSet(reps=5, rpe=8.5, rir=2),
    ],
)
def test_sets_that_say_how_much(good: WorkoutSet) -> None:
    check_sets(Workout(sets=[good]))


@pytest.mark.parametrize("bad", [WorkoutSet(), WorkoutSet(weight=100, rpe=8), WorkoutSet(reps=5, rpe=8, rir=4)])
def test_sets_that_say_nothing_or_contradict_themselves(bad: WorkoutSet) -> None:
    with pytest.raises(InvalidArgument) as caught:
        check_sets(Workout(sets=[WorkoutSet(reps=1), bad]))

    assert caught.value.reason == "SET_INVALID"
    assert [violation.field for violation in caught.value.violations] == ["workout.sets[1]"]
