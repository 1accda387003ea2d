"""The rows that Hevy exports: one a set, newest session first, times as its user's phone writes them."""

from collections.abc import Mapping
from zoneinfo import ZoneInfo

from fitnesshub.workout.v1 import workout_pb2 as pb

from cli.workouts.sessions import Entry, Session, check, describe, measures, note, place, word
from cli.workouts.table import Table
from cli.workouts.values import Units, local_time, number, whole_number

REQUIRED = frozenset({"title", "start_time", "exercise_title", "set_type", "reps"})
SET_TYPES = {
    "normal": pb.SET_TYPE_NORMAL,
    "warmup": pb.SET_TYPE_WARMUP,
    "dropset": pb.SET_TYPE_DROPSET,
    "failure": pb.SET_TYPE_FAILURE,
}
WEIGHTS = {"weight_kg": pb.WEIGHT_UNIT_KG, "weight_lbs": pb.WEIGHT_UNIT_LB}
DISTANCES = {
    "distance_km": pb.DISTANCE_UNIT_KILOMETER,
    "distance_miles": pb.DISTANCE_UNIT_MILE,
    "distance_meters": pb.DISTANCE_UNIT_METER,
}


class Hevy:
    """Reads the rows of one file."""

    source = "hevy"

    def __init__(self, table: Table, _units: Units) -> None:
        """Its columns name their units."""
        self._separator = table.separator

    def key(self, cells: Mapping[str, str]) -> tuple[str, str]:
        return cells["start_time"], cells["title"]

    def begin(self, session: Session, cells: Mapping[str, str], zone: ZoneInfo) -> None:
        describe(session, self.source, cells["title"], cells.get("description", ""))
        end = cells.get("end_time")
        start = local_time("start_time", cells["start_time"])
        place(session, start, local_time("end_time", end) if end else None, zone)

    def add(self, session: Session, line: int, cells: Mapping[str, str]) -> None:
        exercise = cells["exercise_title"]
        weight = _filled(cells, WEIGHTS)
        distance = _filled(cells, DISTANCES)
        values = {
            "reps": whole_number("reps", cells["reps"], self._separator),
            "weight": number(weight, cells.get(weight, ""), self._separator),
            "distance": number(distance, cells.get(distance, ""), self._separator),
            "seconds": number("duration_seconds", cells.get("duration_seconds", ""), self._separator),
            "rpe": number("rpe", cells.get("rpe", ""), self._separator),
        }
        done = measures(values, WEIGHTS[weight], DISTANCES[distance], exercise)
        done.set_type = word("set_type", cells["set_type"], SET_TYPES)
        superset = whole_number("superset_id", cells.get("superset_id", ""), self._separator)
        if superset is not None:
            done.superset = superset + 1  # theirs begin with 0, ours with 1
        entry = check(Entry(line, exercise, done))
        note(session, entry, cells.get("exercise_notes", ""))
        session.entries.append(entry)


def _filled(cells: Mapping[str, str], columns: Mapping[str, int]) -> str:
    """The column that has a value, or else any: files hold one unit, and some hold a column for each."""
    return next((column for column in columns if cells.get(column)), next(iter(columns)))
