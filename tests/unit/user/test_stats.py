"""Sums that stay exact when parts are taken away again."""

from datetime import UTC, datetime
from decimal import Decimal

from fitnesshub.user.v1.stats_service_pb2 import WorkoutContribution
from hypothesis import given
from hypothesis import strategies as st

from services.user.domain.stats import NOTHING, Contribution, Totals, contribution, stats

NOW = datetime(2026, 3, 1, 12, 0, 0, 123456, tzinfo=UTC)
AMOUNTS = st.floats(0, 25_000_000_000, allow_nan=False)


def sent(volume: float, distance: float) -> WorkoutContribution:
    made = WorkoutContribution(duration_seconds=60, sets=3, reps=15, volume_kg=volume, distance_meters=distance)
    made.start_time.FromDatetime(NOW)
    return made


CONTRIBUTIONS = st.builds(contribution, st.builds(sent, AMOUNTS, AMOUNTS))


@given(st.lists(CONTRIBUTIONS, max_size=20))
def test_what_is_added_and_taken_away_leaves_nothing(parts: list[Contribution]) -> None:
    totals = Totals()
    for part in parts:
        totals = totals.plus(part)
    assert totals.workouts == len(parts)
    assert totals.volume_kg == sum((part.volume_kg for part in parts), Decimal(0))
    for part in reversed(parts):
        totals = totals.minus(part)
    assert totals == Totals()


def test_nothing_adds_nothing() -> None:
    assert Totals(workouts=2).plus(NOTHING) == Totals(workouts=2).minus(NOTHING) == Totals(workouts=2)


def test_amounts_are_kept_in_millionths_and_times_in_microseconds() -> None:
    made = sent(0.1 + 0.2, 1 / 3)
    made.start_time.nanos += 999
    kept = contribution(made)
    assert (kept.volume_kg, kept.distance_meters) == (Decimal("0.300000"), Decimal("0.333333"))
    assert kept.start_time == NOW


def test_an_answer_has_ends_only_when_there_are_workouts() -> None:
    nothing = stats("u", Totals(), None, None, NOW)
    assert not nothing.HasField("first_workout_time")
    assert not nothing.HasField("last_workout_time")
    assert nothing.update_time.ToDatetime(UTC) == NOW
    some = stats("u", Totals(1, 60, 3, 15, Decimal("0.3"), Decimal(0)), NOW, NOW, NOW)
    assert (some.volume_kg, some.last_workout_time.ToDatetime(UTC)) == (0.3, NOW)
