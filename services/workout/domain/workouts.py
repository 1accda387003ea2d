"""Rules of a workout: what is derived, what must hold between fields, what an update may change."""

from collections.abc import Container, Sequence
from datetime import datetime

from fitnesshub.workout.v1.workout_pb2 import (
    DISTANCE_UNIT_KILOMETER,
    DISTANCE_UNIT_METER,
    DISTANCE_UNIT_MILE,
    DISTANCE_UNIT_UNSPECIFIED,
    DISTANCE_UNIT_YARD,
    WEIGHT_UNIT_LB,
    Workout,
    WorkoutSet,
)
from google.protobuf.timestamp_pb2 import Timestamp

from chassis.errors import InvalidArgument, Violation
from chassis.etags import version_etag

AGGREGATE = "workout"
"""What events about a workout are about."""
KG_PER_LB = 0.45359237
"""Exact by definition (international avoirdupois pound, 1959)."""
METERS = {
    DISTANCE_UNIT_UNSPECIFIED: 1.0,
    DISTANCE_UNIT_METER: 1.0,
    DISTANCE_UNIT_KILOMETER: 1000.0,
    DISTANCE_UNIT_MILE: 1609.344,
    DISTANCE_UNIT_YARD: 0.9144,
}
"""Metres in a unit of distance; mile and yard exact by definition (international yard, 1959)."""
RATING_TOLERANCE = 0.5
"""How far RPE and 10 - RIR may be apart: both are rated in half points, and one may be rounded."""
UPDATABLE = frozenset({"title", "notes", "start_time", "end_time", "sets", "session_rpe"})
"""What an update may change; the contract documents the same list."""


def new_workout(sent: Workout, workout_id: str, user_id: str, now: datetime) -> Workout:
    """The workout to store for one that a client sent; its first version. What breaks a rule isn't looked for."""
    workout = Workout()
    workout.CopyFrom(sent)
    workout.user_id = user_id
    workout.id = workout_id
    derive(workout)
    finish(workout, 1, now)
    workout.create_time.CopyFrom(workout.update_time)
    return workout


def finish(workout: Workout, version: int, now: datetime) -> None:
    """Makes a settled workout the given version, in place."""
    workout.etag = version_etag(workout.id, version)
    workout.update_time.FromDatetime(now)


def derive(workout: Workout) -> None:
    """Sets what follows from the sent fields, in place."""
    _truncate(workout.start_time)
    if workout.HasField("end_time"):
        _truncate(workout.end_time)
    for each in workout.sets:
        if each.HasField("weight"):
            each.weight_kg = each.weight * KG_PER_LB if each.weight_unit == WEIGHT_UNIT_LB else each.weight
        else:
            each.ClearField("weight_kg")
        if each.HasField("distance"):
            each.distance_meters = each.distance * METERS[each.distance_unit]
        else:
            each.ClearField("distance_meters")


def violations_of_times(workout: Workout) -> list[Violation]:
    """What is wrong with the times of a derived workout; paths are relative to it."""
    if workout.HasField("end_time") and _ticks(workout.end_time) < _ticks(workout.start_time):
        return [Violation("endTime", "must not be before startTime")]
    return []


def violations_of_sets(sets: Sequence[WorkoutSet]) -> list[Violation]:
    """What is wrong with sets beyond their single fields; paths are relative to the workout.

    A set in a superset of its own is no contradiction: its partner may have been deleted, and logs of others have it.
    """
    found = []
    for position, each in enumerate(sets):
        if not (each.HasField("reps") or each.HasField("duration_seconds") or each.HasField("distance")):
            found.append(Violation(f"sets[{position}]", "must have reps, durationSeconds or distance"))
        if each.HasField("rpe") and each.HasField("rir") and abs(10 - each.rir - each.rpe) > RATING_TOLERANCE:
            found.append(
                Violation(
                    f"sets[{position}]", "rpe and rir contradict each other: rpe is 10 - rir, within half a point"
                )
            )
    return found


def violations_of_exercises(sets: Sequence[WorkoutSet], missing: Container[str]) -> list[Violation]:
    """The sets whose exercise is missing; paths are relative to the workout."""
    return [
        Violation(f"sets[{position}].exerciseId", "no such exercise")
        for position, each in enumerate(sets)
        if each.exercise_id in missing
    ]


def check_times(workout: Workout) -> None:
    """Raises InvalidArgument (WORKOUT_TIME_INVALID)."""
    if found := violations_of_times(workout):
        raise InvalidArgument("WORKOUT_TIME_INVALID", "the workout ends before it starts", violations=_within(found))


def check_sets(workout: Workout) -> None:
    """Raises InvalidArgument (SET_INVALID)."""
    if found := violations_of_sets(workout.sets):
        raise InvalidArgument(
            "SET_INVALID", "sets of the workout say nothing or contradict themselves", violations=_within(found)
        )


def exercises_unknown(workout: Workout, missing: Container[str]) -> InvalidArgument:
    """The failure for a workout whose sets name exercises that its owner can't use."""
    return InvalidArgument(
        "SET_EXERCISE_UNKNOWN",
        "sets of the workout name exercises that don't exist",
        violations=_within(violations_of_exercises(workout.sets, missing)),
    )


def _within(violations: Sequence[Violation]) -> list[Violation]:
    """With paths relative to a request that holds the workout."""
    return [Violation(f"workout.{each.field}", each.description) for each in violations]


def _truncate(time: Timestamp) -> None:
    """To microseconds, which is what the database keeps: order by column and by message are then one."""
    time.nanos -= time.nanos % 1000


def _ticks(time: Timestamp) -> tuple[int, int]:
    return time.seconds, time.nanos
