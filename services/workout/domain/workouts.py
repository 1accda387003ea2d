"""Rules of a workout: what is derived, what must hold between fields, what an update may change."""

from collections.abc import Iterable
from datetime import datetime

from fitnesshub.workout.v1.workout_pb2 import WEIGHT_UNIT_LB, Workout, WorkoutSet
from google.protobuf.timestamp_pb2 import Timestamp

from chassis.errors import InvalidArgument, Violation
from services.workout.domain.etags import etag

KG_PER_LB = 0.45359237
"""Exact by definition (international avoirdupois pound, 1959)."""
UPDATABLE = frozenset({"title", "notes", "start_time", "end_time", "sets"})
"""What an update may change; the contract documents the same list."""


def new_workout(sent: Workout, workout_id: str, user_id: str, now: datetime) -> Workout:
    """The workout to store for one that a client sent; its first version.

    Raises InvalidArgument (WORKOUT_TIME_INVALID).
    """
    workout = Workout()
    workout.CopyFrom(sent)
    workout.user_id = user_id
    workout.id = workout_id
    workout.create_time.FromDatetime(now)
    finish(workout, 1, now)
    return workout


def finish(workout: Workout, version: int, now: datetime) -> None:
    """Brings a created or merged workout into the form that is stored, in place.

    Raises InvalidArgument (WORKOUT_TIME_INVALID).
    """
    settle(workout)
    workout.etag = etag(workout.id, version)
    workout.update_time.FromDatetime(now)


def settle(workout: Workout) -> None:
    """Derives what follows from the sent fields and checks what must hold between them, in place.

    Raises InvalidArgument (WORKOUT_TIME_INVALID).
    """
    _truncate(workout.start_time)
    if workout.HasField("end_time"):
        _truncate(workout.end_time)
        if _ticks(workout.end_time) < _ticks(workout.start_time):
            raise InvalidArgument(
                "WORKOUT_TIME_INVALID",
                "the workout ends before it starts",
                violations=[Violation("workout.endTime", "must not be before workout.startTime")],
            )
    for each in workout.sets:
        _weigh(each)


def _truncate(time: Timestamp) -> None:
    """To microseconds, which is what the database keeps: order by column and by message are then one."""
    time.nanos -= time.nanos % 1000


def _ticks(time: Timestamp) -> tuple[int, int]:
    return time.seconds, time.nanos


def _weigh(each: WorkoutSet) -> None:
    if each.HasField("weight"):
        each.weight_kg = each.weight * KG_PER_LB if each.weight_unit == WEIGHT_UNIT_LB else each.weight
    else:
        each.ClearField("weight_kg")


def exercises_unknown(workout: Workout, missing: Iterable[str]) -> InvalidArgument:
    """The failure for a workout whose sets name exercises that don't exist."""
    gone = frozenset(missing)
    return InvalidArgument(
        "SET_EXERCISE_UNKNOWN",
        "sets of the workout name exercises that don't exist",
        violations=[
            Violation(f"workout.sets[{position}].exerciseId", "no such exercise")
            for position, each in enumerate(workout.sets)
            if each.exercise_id in gone
        ],
    )
