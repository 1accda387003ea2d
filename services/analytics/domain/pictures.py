"""What the charts of training show, and how they say it in words."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date

from fitnesshub.analytics.v1 import analytics_pb2 as pb
from fitnesshub.analytics.v1 import analytics_service_pb2 as service_pb
from fitnesshub.analytics.v1.analytics_pb2 import ExercisePeriod, TrainedMuscle, TrainingPeriod, TrainingTotals
from fitnesshub.workout.v1.exercise_pb2 import Muscle

from services.analytics.domain.charts import Text, bars, line, number_text, rows

_EACH: dict[int, tuple[str, str]] = {
    pb.GRANULARITY_DAY: ("day", "days"),
    pb.GRANULARITY_WEEK: ("week", "weeks"),
    pb.GRANULARITY_MONTH: ("month", "months"),
    pb.GRANULARITY_YEAR: ("year", "years"),
}


@dataclass(frozen=True, slots=True)
class _Measure:
    name: str
    unit: str
    read: Callable[[TrainingTotals], float]
    whole: bool = False


_MEASURES: dict[int, _Measure] = {
    service_pb.CHART_MEASURE_VOLUME: _Measure("Volume", "kg", lambda totals: totals.volume_kg),
    service_pb.CHART_MEASURE_WORKOUTS: _Measure("Workouts", "workouts", lambda totals: totals.workouts, whole=True),
    service_pb.CHART_MEASURE_SETS: _Measure("Sets", "sets", lambda totals: totals.sets, whole=True),
    service_pb.CHART_MEASURE_DURATION: _Measure("Time", "hours", lambda totals: totals.duration_seconds / 3600),
    service_pb.CHART_MEASURE_DISTANCE: _Measure("Distance", "km", lambda totals: totals.distance_meters / 1000),
}


def training_chart(measure: int, granularity: int, periods: Sequence[TrainingPeriod]) -> str:
    """Training as bars, one a period."""
    shown = _MEASURES[measure]
    one, many = _EACH[granularity]
    values = [(each.name, shown.read(each.totals)) for each in periods]
    span = f"{len(values)} {one if len(values) == 1 else many}, {periods[0].start_date} to {periods[-1].end_date}"
    best = max(values, key=lambda each: each[1])
    if best[1]:
        whole = number_text(sum(value for _, value in values))
        told = f"{span}. Together {whole} {shown.unit}; most in {best[0]}: {number_text(best[1])} {shown.unit}."
    else:
        told = f"{span}. Nothing was logged."
    text = Text(f"{shown.name} by {one}", told, shown.unit, "Nothing was logged in this time")
    return bars(text, values, whole=shown.whole)


_MUSCLE_MEASURES: dict[int, tuple[str, str, Callable[[TrainedMuscle], float]]] = {
    service_pb.MUSCLE_MEASURE_SETS: ("Sets", "sets", lambda muscle: muscle.sets),
    service_pb.MUSCLE_MEASURE_REPS: ("Repetitions", "repetitions", lambda muscle: muscle.reps),
    service_pb.MUSCLE_MEASURE_VOLUME: ("Volume", "kg", lambda muscle: muscle.volume_kg),
}


def muscle_chart(measure: int, muscles: Sequence[TrainedMuscle]) -> str:
    """Training by muscle as bars, one a muscle."""
    name, unit, read = _MUSCLE_MEASURES[measure]
    values = [(_muscle_name(each.muscle), read(each)) for each in muscles]
    told = ", ".join(f"{muscle} {number_text(value)}" for muscle, value in values)
    counted = f"{told}. A set counts whole for the muscles that do most of the work and half for those that help."
    text = Text(
        f"{name} by muscle", counted if told else "Nothing was logged.", unit, "Nothing was logged in this time"
    )
    return rows(text, values)


def _muscle_name(muscle: Muscle.ValueType) -> str:
    return Muscle.Name(muscle).removeprefix("MUSCLE_").replace("_", " ").capitalize() if muscle else "Unknown"


def progress_chart(name: str, periods: Sequence[ExercisePeriod]) -> str:
    """The estimated one-repetition maximum of an exercise as a line. name: empty when nobody knows it."""
    points = [(date.fromisoformat(each.start_date), each.e1rm_kg) for each in periods if each.HasField("e1rm_kg")]
    if points:
        best = max(points, key=lambda each: each[1])
        (first, start), (last, end) = points[0], points[-1]
        told = (
            f"{number_text(start)} kg on {first.isoformat()}, {number_text(end)} kg on {last.isoformat()};"
            f" highest {number_text(best[1])} kg on {best[0].isoformat()}. Estimated by Epley from sets of up to 12."
        )
    else:
        told = "No set of 1 to 12 repetitions with a weight was logged."
    heading = f"{name or 'Exercise'}: estimated one-repetition maximum"
    return line(Text(heading, told, "kg", "No set allows an estimate in this time"), points)
