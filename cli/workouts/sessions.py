"""Rows of a file put together to sessions; what is common to all apps."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal, Protocol
from zoneinfo import ZoneInfo

from fitnesshub.workout.v1 import workout_pb2 as pb

from chassis.rules import compile_rules
from cli.problems import Refusal, RowRefused, shown
from cli.workouts.table import Row, Table
from cli.workouts.values import instant

LONGEST_SET_NOTES = 500
"""Characters; longer notes go to the workout."""
UNTITLED = "Workout"
MEASURES: tuple[Literal["reps", "duration_seconds", "distance"], ...] = ("reps", "duration_seconds", "distance")

_problems_of_set = compile_rules(pb.WorkoutSet.DESCRIPTOR)


@dataclass
class Entry:
    """One set, with what the contract's set doesn't hold."""

    line: int
    exercise: str
    """As the app calls it."""
    done: pb.WorkoutSet
    """Without the exercise's id."""
    exercise_notes: str = ""


@dataclass
class Session:
    """One workout of the file."""

    line: int
    """Where its first row begins."""
    start: datetime | None = None
    """On the wall, as the file says it. None when that can't be read."""
    workout: pb.Workout = field(default_factory=pb.Workout)
    """Without id and sets."""
    entries: list[Entry] = field(default_factory=list)
    refused: list[Refusal] = field(default_factory=list)
    rows: int = 0
    """All that were read, the refused ones too."""


class Reader(Protocol):
    """What knows the rows of one app."""

    source: str
    """The app's name, as workouts keep it."""

    def key(self, cells: Mapping[str, str]) -> tuple[str, str]:
        """Start and title as written; rows with the same are one session."""
        ...

    def begin(self, session: Session, cells: Mapping[str, str], zone: ZoneInfo) -> None:
        """Fills in what the first row says about the whole session. Raises RowRefused."""
        ...

    def add(self, session: Session, line: int, cells: Mapping[str, str]) -> None:
        """Takes over what a row says. Raises RowRefused."""
        ...


def sessions(table: Table, reader: Reader, zone: ZoneInfo) -> Iterator[Session]:
    """The sessions in the order of the file, each with its refused rows. Raises Unusable."""
    seen: dict[tuple[str, str], int] = {}
    session: Session | None = None
    current: tuple[str, str] | None = None
    loose: list[Refusal] = []
    for row in table.rows():
        if row.problem:
            # Nobody can tell which session it belongs to: the one before, and the next one if that begins now.
            loose.append(Refusal(row.line, row.problem))
            continue
        key = reader.key(row.cells)
        if session is None or key != current:
            if session is not None:
                yield _closed(session, loose)
            session, current = Session(row.line), key
            first = seen.setdefault(key, row.line)
            if first != row.line:
                session.refused.append(
                    Refusal(row.line, f"belongs to the session of line {first}; the rows of a session must be together")
                )
            else:
                _begin(session, row, reader, zone)
        elif loose:
            session.refused += loose
        session.rows += 1
        loose = []
        _add(session, row, reader)
    if session is not None:
        yield _closed(session, loose)
    elif loose:
        yield Session(loose[0].line, refused=loose)


def _closed(session: Session, loose: list[Refusal]) -> Session:
    session.refused += loose
    return session


def _begin(session: Session, row: Row, reader: Reader, zone: ZoneInfo) -> None:
    try:
        reader.begin(session, row.cells, zone)
    except RowRefused as refusal:
        session.refused.append(Refusal(row.line, str(refusal)))


def _add(session: Session, row: Row, reader: Reader) -> None:
    try:
        reader.add(session, row.line, row.cells)
    except RowRefused as refusal:
        session.refused.append(Refusal(row.line, str(refusal)))


def place(session: Session, start: datetime, end: datetime | timedelta | None, zone: ZoneInfo) -> None:
    """Sets when a session was. Without an end, or a length, it ends as it begins. Raises RowRefused."""
    begin = instant(start, zone)
    # Not left open without an end: a workout without one counts as still going on.
    finish = instant(end, zone, begin) if isinstance(end, datetime) else begin + (end or timedelta())
    if finish < begin:
        raise RowRefused("the session ends before it begins")
    session.start = start
    session.workout.start_time.FromDatetime(begin)
    session.workout.end_time.FromDatetime(finish)


def describe(session: Session, source: str, title: str, notes: str) -> None:
    """Sets what a session is called."""
    session.workout.title = title or UNTITLED
    session.workout.source = source
    if notes:
        session.workout.notes = notes


def note(session: Session, entry: Entry, text: str) -> None:
    """Adds the notes of an exercise, which apps repeat with each of its sets, to the first of them."""
    entry.exercise_notes = text
    before = next((each for each in reversed(session.entries) if each.exercise == entry.exercise), None)
    if not text or (before is not None and before.exercise_notes == text):
        return
    if len(text) <= LONGEST_SET_NOTES:
        entry.done.notes = text
    else:
        add_notes(session, entry.exercise, text)


def add_notes(session: Session, exercise: str, text: str) -> None:
    """Adds notes about an exercise to those of the whole session."""
    if text:
        session.workout.notes = "\n\n".join(filter(None, [session.workout.notes, f"{exercise}: {text}"]))


def measures(
    values: Mapping[str, float | None],
    weight_unit: pb.WeightUnit.ValueType,
    distance_unit: pb.DistanceUnit.ValueType,
    exercise: str,
) -> pb.WorkoutSet:
    """A set of `reps`, `weight`, `distance`, `seconds` and `rpe`.

    The apps write 0 for what wasn't measured. Repetitions of 0 count where nothing else says what was done: a try
    that failed. The weight of an assisted exercise is what was taken off, which the contract writes as negative.
    """
    done = pb.WorkoutSet()
    reps, weight, distance, seconds = values["reps"], values["weight"], values["distance"], values["seconds"]
    if reps or (reps is not None and not seconds and not distance):
        done.reps = int(reps)
    if weight:
        done.weight = -abs(weight) if "(assisted" in exercise.lower() else weight
        done.weight_unit = weight_unit
    if distance:
        done.distance = distance
        done.distance_unit = distance_unit
    if seconds:
        done.duration_seconds = seconds
    if values["rpe"]:
        done.rpe = values["rpe"]
    return done


def check(entry: Entry) -> Entry:
    """The entry. Raises RowRefused when its set breaks a rule of the contract."""
    if not entry.exercise:
        raise RowRefused("the exercise has no name")
    problems = [each for each in _problems_of_set(entry.done) if each.field != "exerciseId"]
    if problems:
        raise RowRefused("; ".join(f"{each.field} {each.description}" for each in problems))
    if not any(entry.done.HasField(measure) for measure in MEASURES):
        raise RowRefused("says nothing of what was done: no repetitions, duration or distance")
    return entry


def word(column: str, text: str, words: Mapping[str, pb.SetType.ValueType]) -> pb.SetType.ValueType:
    """What a word of the app means. Raises RowRefused."""
    try:
        return words[text.lower()]
    except KeyError:
        raise RowRefused(f"{column} {shown(text)} is unknown") from None
