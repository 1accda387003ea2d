"""What one workout contributes to the sums. Stored as it is, replaced whole by the next version of the workout."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from fitnesshub.analytics.v1.analytics_pb2 import TrainingTotals
from fitnesshub.workout.v1.workout_pb2 import SET_TYPE_WARMUP, Workout, WorkoutSet

MOST_E1RM_REPS = 12
"""Epley's estimate drifts away above: a set of 20 tells of endurance, not of strength."""
SECONDARY_SHARE = 0.5
"""How much a set counts for a muscle that only helps; a primary one counts it whole."""


@dataclass(slots=True)
class BestSet:
    """The best set of a workout by some measure."""

    value_kg: float
    weight_kg: float
    reps: int


@dataclass(slots=True)
class ExerciseShare:
    """What a workout contributes to one exercise."""

    sets: int = 0
    reps: int = 0
    volume_kg: float = 0.0
    distance_meters: float = 0.0
    duration_seconds: float = 0.0
    heaviest: BestSet | None = None
    largest_set: BestSet | None = None
    e1rm: BestSet | None = None
    most_reps: dict[float, int] = field(default_factory=dict)
    """Most repetitions by weight in kilograms; 0 for sets without a weight."""

    def add(self, each: WorkoutSet) -> None:
        """Counts a set."""
        self.sets += 1
        self.reps += each.reps
        self.distance_meters += each.distance_meters
        self.duration_seconds += each.duration_seconds
        if each.reps < 1:
            return
        weight = each.weight_kg
        self.most_reps[weight] = max(each.reps, self.most_reps.get(weight, 0))
        if weight <= 0:
            return
        volume = weight * each.reps
        self.volume_kg += volume
        self.heaviest = _better(self.heaviest, BestSet(weight, weight, each.reps))
        self.largest_set = _better(self.largest_set, BestSet(volume, weight, each.reps))
        if (estimate := epley(weight, each.reps)) is not None:
            self.e1rm = _better(self.e1rm, BestSet(estimate, weight, each.reps))


def epley(weight: float, reps: int) -> float | None:
    """Estimated one-repetition maximum, in the unit of the weight; None outside of 1 to 12 repetitions.

    weight x (1 + reps / 30), Boyd Epley, "Poundage Chart" (1985); what was lifted once is its own maximum.
    """
    if not 1 <= reps <= MOST_E1RM_REPS:
        return None
    return weight if reps == 1 else weight * (1 + reps / 30)


def shares(workout: Workout) -> dict[str, ExerciseShare]:
    """What the workout contributes to each exercise, by its id, in the order in which they were first done."""
    found: dict[str, ExerciseShare] = {}
    for each in workout.sets:
        if each.set_type != SET_TYPE_WARMUP:
            found.setdefault(each.exercise_id, ExerciseShare()).add(each)
    return found


def totals(workout: Workout, by_exercise: Iterable[ExerciseShare]) -> TrainingTotals:
    """What the workout contributes to its owner's sums."""
    found = TrainingTotals(workouts=1)
    if workout.HasField("end_time"):
        found.duration_seconds = max(0, workout.end_time.seconds - workout.start_time.seconds)
    for share in by_exercise:
        found.sets += share.sets
        found.reps += share.reps
        found.volume_kg += share.volume_kg
        found.distance_meters += share.distance_meters
    return found


def add_up(parts: Iterable[TrainingTotals]) -> TrainingTotals:
    """The sum."""
    whole = TrainingTotals()
    for part in parts:
        whole.workouts += part.workouts
        whole.duration_seconds += part.duration_seconds
        whole.sets += part.sets
        whole.reps += part.reps
        whole.volume_kg += part.volume_kg
        whole.distance_meters += part.distance_meters
    return whole


def _better(old: BestSet | None, new: BestSet) -> BestSet:
    """The one with the higher value, with more repetitions among equals, the first of the same."""
    return new if old is None or (new.value_kg, new.reps) > (old.value_kg, old.reps) else old
