"""The rows that Strong exports: one a set, and others for rests and notes. Its columns have changed four times."""

from collections.abc import Mapping, Sequence
from typing import TypeVar
from zoneinfo import ZoneInfo

from fitnesshub.workout.v1 import workout_pb2 as pb

from cli.problems import RowRefused, Unusable, shown
from cli.workouts.sessions import Entry, Session, add_notes, check, describe, measures, note, place, word
from cli.workouts.table import Table
from cli.workouts.values import DISTANCE_UNITS, WEIGHT_UNITS, Units, duration, local_time, number, whole_number

REQUIRED = frozenset({"date", "workout name", "exercise name", "set order", "reps"})
SET_TYPES = {"w": pb.SET_TYPE_WARMUP, "d": pb.SET_TYPE_DROPSET, "f": pb.SET_TYPE_FAILURE}
REST, NOTE = "rest timer", "note"
Unit = TypeVar("Unit", bound=int)
LENGTHS = ("duration", "duration (sec)", "workout duration")


class Strong:
    """Reads the rows of one file."""

    source = "strong"

    def __init__(self, table: Table, units: Units) -> None:
        """`units` are what numbers are in where the file doesn't say."""
        self._separator = table.separator
        self._weight = _column(table.columns, "weight")
        self._distance = _column(table.columns, "distance")
        self._length = next((column for column in LENGTHS if column in table.columns), "")
        try:
            weight = _unit(self._weight, WEIGHT_UNITS, units.weight)
            distance = _unit(self._distance, DISTANCE_UNITS, units.distance)
        except RowRefused as refusal:
            raise Unusable(f"its header can't be used: {refusal}") from None
        self._units = Units(weight, distance)

    def key(self, cells: Mapping[str, str]) -> tuple[str, str]:
        return cells["date"], cells["workout name"]

    def begin(self, session: Session, cells: Mapping[str, str], zone: ZoneInfo) -> None:
        describe(session, self.source, cells["workout name"], cells.get("workout notes", ""))
        length = duration(self._length, cells.get(self._length, ""))
        place(session, local_time("date", cells["date"]), length, zone)

    def add(self, session: Session, line: int, cells: Mapping[str, str]) -> None:
        order = cells["set order"].lower()
        if order == REST:
            self._rest(session, cells)
        elif order == NOTE:
            add_notes(session, cells["exercise name"], cells.get("notes", ""))
        else:
            self._set(session, line, cells)

    def _set(self, session: Session, line: int, cells: Mapping[str, str]) -> None:
        exercise, order = cells["exercise name"], cells["set order"]
        values = {
            "reps": whole_number("reps", cells["reps"], self._separator),
            "weight": number("weight", cells.get(self._weight, ""), self._separator),
            "distance": number("distance", cells.get(self._distance, ""), self._separator),
            "seconds": number("seconds", cells.get("seconds", ""), self._separator),
            "rpe": number("rpe", cells.get("rpe", ""), self._separator),
        }
        weight_unit = _named(cells.get("weight unit", ""), WEIGHT_UNITS, self._units.weight)
        distance_unit = _named(cells.get("distance unit", ""), DISTANCE_UNITS, self._units.distance)
        done = measures(values, weight_unit, distance_unit, exercise)
        done.set_type = pb.SET_TYPE_NORMAL if order.isdecimal() else word("set order", order, SET_TYPES)
        entry = check(Entry(line, exercise, done))
        note(session, entry, cells.get("notes", ""))
        session.entries.append(entry)

    def _rest(self, session: Session, cells: Mapping[str, str]) -> None:
        """The rest after the set before. One that follows no set of its exercise says nothing about any set."""
        seconds = whole_number("seconds", cells.get("seconds", ""), self._separator)
        last = session.entries[-1] if session.entries else None
        if not seconds or last is None or last.exercise != cells["exercise name"]:
            return
        rested = pb.WorkoutSet()
        rested.CopyFrom(last.done)
        rested.rest_seconds = seconds
        last.done = check(Entry(last.line, last.exercise, rested)).done


def tells_units(columns: Sequence[str]) -> bool:
    """Whether a file with these columns says what its weights are in."""
    return "weight unit" in columns or _column(columns, "weight") != "weight"


def _column(columns: Sequence[str], measure: str) -> str:
    """As `weight` or `weight (kg)`."""
    return next((name for name in columns if name == measure or name.startswith(f"{measure} (")), measure)


def _unit(column: str, units: Mapping[str, Unit], otherwise: Unit) -> Unit:
    """The unit in brackets behind a column's name."""
    return _named(column.partition("(")[2].removesuffix(")"), units, otherwise)


def _named(name: str, units: Mapping[str, Unit], otherwise: Unit) -> Unit:
    """The unit of that name, `otherwise` without a name. Raises RowRefused."""
    if name and name.lower() not in units:
        raise RowRefused(f"unit {shown(name)} is unknown")
    return units[name.lower()] if name else otherwise
