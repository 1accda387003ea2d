"""A law of the parsers: sessions that are written as an export and read again are the same sessions."""

import csv
import tempfile
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from fitnesshub.workout.v1 import workout_pb2 as pb
from hypothesis import given, settings
from hypothesis import strategies as st

from cli.workouts.formats import recognise
from cli.workouts.sessions import sessions
from cli.workouts.table import open_table
from cli.workouts.values import Units

ZONE = ZoneInfo("Europe/Berlin")
HEVY_TYPES = {
    pb.SET_TYPE_NORMAL: "normal",
    pb.SET_TYPE_WARMUP: "warmup",
    pb.SET_TYPE_DROPSET: "dropset",
    pb.SET_TYPE_FAILURE: "failure",
}
STRONG_TYPES = {
    pb.SET_TYPE_NORMAL: "1",
    pb.SET_TYPE_WARMUP: "W",
    pb.SET_TYPE_DROPSET: "D",
    pb.SET_TYPE_FAILURE: "F",
}
HEVY = (
    *("title", "start_time", "end_time", "description", "exercise_title", "superset_id", "exercise_notes", "set_index"),
    *("set_type", "weight_kg", "reps", "distance_km", "duration_seconds", "rpe"),
)
STRONG = (
    *("Date", "Workout Name", "Duration", "Exercise Name", "Set Order", "Weight", "Reps", "Distance", "Seconds"),
    *("Notes", "Workout Notes", "RPE"),
)
STRONG_NUMBERED = (
    *("Workout #", "Date", "Workout Name", "Duration (sec)", "Exercise Name", "Set Order", "Weight (kg)", "Reps"),
    *("RPE", "Distance (meters)", "Seconds", "Notes", "Workout Notes"),
)


class Told(NamedTuple):
    """A session as an app knows it."""

    title: str
    start: datetime
    minutes: int
    notes: str
    sets: list[tuple[str, pb.WorkoutSet]]


# Cells are read without space around them; NUL is in no text of ours.
texts = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=30).map(str.strip)
names = texts.filter(lambda text: bool(text) and "(assisted" not in text.lower())
measures = st.decimals(min_value=1, max_value=900, places=2).map(float)


@st.composite
def sets(draw: st.DrawFn) -> pb.WorkoutSet:
    """One set, with a unit wherever there is a number."""
    done = pb.WorkoutSet(set_type=draw(st.sampled_from(list(HEVY_TYPES))))
    kind = draw(st.sampled_from(["reps", "hold", "run"]))
    if kind == "reps":
        done.reps = draw(st.integers(0, 10_000))
    if kind != "reps":
        done.duration_seconds = draw(measures)
    if kind == "run":
        done.distance, done.distance_unit = draw(measures), pb.DISTANCE_UNIT_KILOMETER
    elif draw(st.booleans()):
        done.weight, done.weight_unit = draw(measures), pb.WEIGHT_UNIT_KG
    if draw(st.booleans()):
        done.rpe = draw(st.sampled_from([1.0, 6.5, 8.0, 10.0]))
    return done


@st.composite
def told(draw: st.DrawFn, *, supersets: bool) -> list[Told]:
    """Sessions on different days, at hours that come once."""
    days = draw(st.lists(st.integers(0, 3000), unique=True, min_size=1, max_size=4))
    made = []
    for day in days:
        start = datetime(2018, 1, 1, 12, 30, tzinfo=ZONE) + timedelta(days=day)
        exercises = draw(st.lists(names, min_size=1, max_size=3, unique=True))
        taken = []
        for number, name in enumerate(exercises, 1):
            note = draw(texts)
            for position, done in enumerate(draw(st.lists(sets(), min_size=1, max_size=4))):
                if position == 0:
                    done.notes = note
                if supersets and draw(st.booleans()):
                    done.superset = number
                taken.append((name, done))
        made.append(Told(draw(names), start, draw(st.integers(0, 300)), draw(texts), taken))
    return made


def cell(done: pb.WorkoutSet, name: Any) -> str:
    return str(getattr(done, name)) if done.HasField(name) else ""


def hevy_row(session: Told, exercise: str, done: pb.WorkoutSet) -> list[str]:
    end = session.start + timedelta(minutes=session.minutes)
    when = [f"{time.day} {time:%b %Y, %H:%M}" for time in (session.start, end)]
    note = next(each.notes for name, each in session.sets if name == exercise)
    superset = str(done.superset - 1) if done.HasField("superset") else ""
    return [
        *(session.title, *when, session.notes, exercise, superset, note, "0", HEVY_TYPES[done.set_type]),
        *(cell(done, name) for name in ("weight", "reps", "distance", "duration_seconds", "rpe")),
    ]


def strong_row(session: Told, exercise: str, done: pb.WorkoutSet) -> list[str]:
    hours, minutes = divmod(session.minutes, 60)
    zeros = [cell(done, name) or "0" for name in ("weight", "reps", "distance", "duration_seconds")]
    return [
        *(f"{session.start:%Y-%m-%d %H:%M:%S}", session.title, f"{hours}h {minutes}m", exercise),
        *(STRONG_TYPES[done.set_type], *zeros, done.notes, session.notes, cell(done, "rpe")),
    ]


def strong_numbered_row(session: Told, exercise: str, done: pb.WorkoutSet) -> list[str]:
    date, title, _, _, order, weight, reps, distance, seconds, notes, workout_notes, rpe = strong_row(
        session, exercise, done
    )
    comma = [each.replace(".", ",") for each in (weight, reps, rpe, distance, seconds)]
    return ["1", date, title, str(session.minutes * 60), exercise, order, *comma, notes, workout_notes]


def again(
    made: list[Told], columns: tuple[str, ...], row: Callable[[Told, str, pb.WorkoutSet], list[str]], separator: str
) -> list[Told]:
    """What is read of what was written."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "export.csv"
        with file.open("w", newline="") as out:
            rows = [row(session, *each) for session in made for each in session.sets]
            csv.writer(out, delimiter=separator).writerows([columns, *rows])
        with open_table(file) as table:
            reader = recognise(table.columns).reader(table, Units(pb.WEIGHT_UNIT_KG, pb.DISTANCE_UNIT_KILOMETER))
            found = list(sessions(table, reader, ZONE))
    assert [session.refused for session in found] == [[]] * len(found)
    return [
        Told(
            each.workout.title,
            each.workout.start_time.ToDatetime(UTC).astimezone(ZONE),
            each.workout.end_time.seconds // 60 - each.workout.start_time.seconds // 60,
            each.workout.notes,
            [(entry.exercise, entry.done) for entry in each.entries],
        )
        for each in found
    ]


@settings(max_examples=60, deadline=None)
@given(told(supersets=True))
def test_hevy(made: list[Told]) -> None:
    assert again(made, HEVY, hevy_row, ",") == made


@settings(max_examples=60, deadline=None)
@given(told(supersets=False))
def test_strong(made: list[Told]) -> None:
    assert again(made, STRONG, strong_row, ",") == made


@settings(max_examples=60, deadline=None)
@given(told(supersets=False))
def test_strong_numbered(made: list[Told]) -> None:
    for session in made:
        for _, done in session.sets:
            if done.HasField("distance"):
                done.distance_unit = pb.DISTANCE_UNIT_METER
    assert again(made, STRONG_NUMBERED, strong_numbered_row, ";") == made
