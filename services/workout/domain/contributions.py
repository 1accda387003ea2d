"""What a workout adds to its owner's totals, as the user service takes it."""

from collections.abc import Iterator

from fitnesshub.user.v1.stats_service_pb2 import WorkoutContribution
from fitnesshub.workout.v1.workout_pb2 import SET_TYPE_WARMUP, Workout, WorkoutSet

LONGEST = 365 * 24 * 3600
"""Seconds, which is what the user service takes: a workout that nobody ended for years counts as one."""


def contribution(workout: Workout) -> WorkoutContribution:
    """The sums over a workout's sets. Of its duration nothing is known while it is going on."""
    found = WorkoutContribution(start_time=workout.start_time)
    if workout.HasField("end_time"):
        found.duration_seconds = min(LONGEST, max(0, workout.end_time.seconds - workout.start_time.seconds))
    for each in _counted(workout):
        found.sets += 1
        found.reps += each.reps
        found.distance_meters += each.distance_meters
        # What takes weight off the body adds none.
        found.volume_kg += max(0.0, each.weight_kg) * each.reps
    return found


def _counted(workout: Workout) -> Iterator[WorkoutSet]:
    """The sets that train: a warm-up doesn't."""
    return (each for each in workout.sets if each.set_type != SET_TYPE_WARMUP)
