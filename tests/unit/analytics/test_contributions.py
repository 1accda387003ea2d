"""What one workout contributes."""

from datetime import UTC, datetime, timedelta

import pytest
from fitnesshub.workout.v1.workout_pb2 import SET_TYPE_FAILURE, SET_TYPE_WARMUP, Workout, WorkoutSet

from services.analytics.domain.contributions import add_up, epley, shares, totals


def workout(*sets: WorkoutSet) -> Workout:
    made = Workout(sets=sets)
    made.start_time.FromDatetime(datetime(2026, 3, 1, tzinfo=UTC))
    return made


@pytest.mark.parametrize(
    ("reps", "expected"), [(0, None), (1, 100), (2, 100 * (1 + 2 / 30)), (12, 140), (13, None), (-1, None)]
)
def test_estimated_maximum(reps: int, expected: float | None) -> None:
    assert epley(100, reps) == expected


def test_warm_ups_dont_count_and_other_kinds_do() -> None:
    found = shares(
        workout(
            WorkoutSet(exercise_id="a", reps=10, weight_kg=200, set_type=SET_TYPE_WARMUP),
            WorkoutSet(exercise_id="b", reps=10, set_type=SET_TYPE_WARMUP),
            WorkoutSet(exercise_id="a", reps=5, weight_kg=100, set_type=SET_TYPE_FAILURE),
        )
    )
    assert list(found) == ["a"]
    assert (found["a"].sets, found["a"].reps, found["a"].volume_kg) == (1, 5, 500)
    assert found["a"].heaviest
    assert found["a"].heaviest.value_kg == 100


def test_sets_without_repetitions_count_as_sets_alone() -> None:
    held = WorkoutSet(exercise_id="a", duration_seconds=60, weight_kg=20)
    (share,) = shares(workout(held)).values()
    assert (share.sets, share.volume_kg, share.heaviest, share.duration_seconds) == (1, 0, None, 60)


def test_help_is_no_volume_and_no_best_but_has_a_row_of_its_own() -> None:
    (share,) = shares(workout(WorkoutSet(exercise_id="a", reps=8, weight_kg=-20))).values()
    assert (share.volume_kg, share.heaviest, share.most_reps) == (0, None, {-20.0: 8})


def test_more_repetitions_win_among_equals() -> None:
    sets = [WorkoutSet(exercise_id="a", reps=reps, weight_kg=100) for reps in (3, 5, 4)]
    (share,) = shares(workout(*sets)).values()
    assert share.heaviest
    assert (share.heaviest.reps, share.most_reps) == (5, {100.0: 5})


def test_time_of_workouts_without_an_end() -> None:
    open_end = workout()
    assert totals(open_end, ()).duration_seconds == 0
    open_end.end_time.FromDatetime(datetime(2026, 3, 1, tzinfo=UTC) + timedelta(minutes=90))
    both = add_up([totals(open_end, ()), totals(workout(), ())])
    assert (both.workouts, both.duration_seconds) == (2, 5400)
