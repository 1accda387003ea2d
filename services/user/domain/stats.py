"""Sums over workouts that stay exact: amounts are decimals, because doubles taken away again leave a rest."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from decimal import Decimal

from fitnesshub.user.v1.stats_service_pb2 import Stats, WorkoutContribution

_SMALLEST = Decimal("0.000001")
"""A milligram, a micrometre: finer than anybody measures, and the largest amounts keep within 19 digits."""


@dataclass(frozen=True, slots=True)
class Contribution:
    """What one workout adds to its owner's totals."""

    start_time: datetime | None = None
    """None when there is no workout."""
    duration_seconds: int = 0
    sets: int = 0
    reps: int = 0
    volume_kg: Decimal = Decimal(0)
    distance_meters: Decimal = Decimal(0)


NOTHING = Contribution()
"""What a deleted workout adds, and one that was never heard of."""


@dataclass(frozen=True, slots=True)
class Totals:
    """Sums over a person's contributions."""

    workouts: int = 0
    duration_seconds: int = 0
    sets: int = 0
    reps: int = 0
    volume_kg: Decimal = Decimal(0)
    distance_meters: Decimal = Decimal(0)

    def plus(self, added: Contribution) -> "Totals":
        """With one more contribution."""
        return self._combined(added, 1)

    def minus(self, taken: Contribution) -> "Totals":
        """Without one of the contributions."""
        return self._combined(taken, -1)

    def _combined(self, other: Contribution, sign: int) -> "Totals":
        return replace(
            self,
            workouts=self.workouts + sign * (other.start_time is not None),
            duration_seconds=self.duration_seconds + sign * other.duration_seconds,
            sets=self.sets + sign * other.sets,
            reps=self.reps + sign * other.reps,
            volume_kg=self.volume_kg + sign * other.volume_kg,
            distance_meters=self.distance_meters + sign * other.distance_meters,
        )


def contribution(sent: WorkoutContribution) -> Contribution:
    """A contribution as it is kept: times in microseconds, amounts in millionths."""
    return Contribution(
        sent.start_time.ToDatetime(UTC),
        sent.duration_seconds,
        sent.sets,
        sent.reps,
        Decimal(sent.volume_kg).quantize(_SMALLEST),
        Decimal(sent.distance_meters).quantize(_SMALLEST),
    )


def stats(user_id: str, totals: Totals, first: datetime | None, last: datetime | None, updated_at: datetime) -> Stats:
    """Totals as they are answered. first, last: when the first and the last workout began."""
    found = Stats(
        user_id=user_id,
        workouts=totals.workouts,
        duration_seconds=totals.duration_seconds,
        sets=totals.sets,
        reps=totals.reps,
        volume_kg=float(totals.volume_kg),
        distance_meters=float(totals.distance_meters),
    )
    if first is not None:
        found.first_workout_time.FromDatetime(first)
    if last is not None:
        found.last_workout_time.FromDatetime(last)
    found.update_time.FromDatetime(updated_at)
    return found
