from datetime import UTC, datetime

from fitnesshub.workout.v1.workout_pb2 import Workout, WorkoutSet

from services.workout.domain.contributions import LONGEST, contribution

START = datetime(2026, 3, 1, 18, tzinfo=UTC)


def workout(*sets: WorkoutSet, seconds: int | None = None) -> Workout:
    made = Workout(sets=sets)
    made.start_time.FromDatetime(START)
    if seconds is not None:
        made.end_time.FromSeconds(int(START.timestamp()) + seconds)
    return made


def test_sums_over_the_sets() -> None:
    found = contribution(
        workout(WorkoutSet(reps=5, weight_kg=100), WorkoutSet(reps=8, weight_kg=2.5), WorkoutSet(reps=3), WorkoutSet())
    )
    assert found.start_time.ToDatetime(UTC) == START
    assert (found.sets, found.reps, found.volume_kg, found.duration_seconds) == (4, 16, 520, 0)


def test_help_takes_nothing_off_the_volume() -> None:
    assert contribution(workout(WorkoutSet(reps=5, weight_kg=-20), WorkoutSet(reps=1, weight_kg=3))).volume_kg == 3


def test_a_duration_needs_an_end_and_has_one() -> None:
    assert contribution(workout(seconds=3600)).duration_seconds == 3600
    assert contribution(workout(seconds=10 * LONGEST)).duration_seconds == LONGEST
