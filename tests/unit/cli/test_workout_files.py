"""Exports of Strong and Hevy as sessions: every generation of columns, every encoding, and what is refused."""

from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from fitnesshub.workout.v1 import workout_pb2 as pb
from google.protobuf.json_format import MessageToDict

from cli.problems import Unusable
from cli.workouts.formats import recognise
from cli.workouts.sessions import Session, sessions
from cli.workouts.table import open_table
from cli.workouts.values import Units

SAMPLES = Path(__file__).parents[3] / "tests/data/workouts"
METRIC = Units(pb.WEIGHT_UNIT_KG, pb.DISTANCE_UNIT_KILOMETER)
IMPERIAL = Units(pb.WEIGHT_UNIT_LB, pb.DISTANCE_UNIT_MILE)
HEVY = "title,start_time,exercise_title,set_type,weight_kg,reps"
STRONG = "Date,Workout Name,Exercise Name,Set Order,Weight,Reps"


def read(file: Path, units: Units = METRIC, zone: str = "Europe/Berlin") -> list[Session]:
    with open_table(file) as table:
        found = recognise(table.columns)
        return list(sessions(table, found.reader(table, units), ZoneInfo(zone)))


def written(tmp_path: Path, text: str, encoding: str = "utf-8") -> Path:
    file = tmp_path / "export.csv"
    file.write_bytes(text.encode(encoding))
    return file


def done(session: Session) -> list[tuple[str, dict[str, object]]]:
    return [(entry.exercise, MessageToDict(entry.done)) for entry in session.entries]


def times(session: Session) -> tuple[datetime, datetime]:
    workout = session.workout
    return workout.start_time.ToDatetime(UTC), workout.end_time.ToDatetime(UTC)


def refused(read_sessions: list[Session]) -> dict[int, str]:
    return {line: problem for session in read_sessions for line, problem in session.refused}


def test_strong_without_units() -> None:
    push, run = read(SAMPLES / "strong_app.csv")

    assert (push.line, push.rows, push.refused) == (2, 7, [])
    assert (push.workout.title, push.workout.source) == ("Push, heavy", "strong")
    assert push.workout.notes == 'Felt "good"\nafter a long week'
    begin = datetime(2023, 1, 15, 17, 12, 2, tzinfo=UTC)
    assert times(push) == (begin, datetime(2023, 1, 15, 18, 17, 2, tzinfo=UTC))
    bench, kg = "Bench Press (Barbell)", {"weightUnit": "WEIGHT_UNIT_KG"}
    assert done(push) == [
        (bench, {"reps": 10, "weight": 40.0, "setType": "SET_TYPE_WARMUP"} | kg),
        (
            bench,
            {"reps": 8, "weight": 80.0, "rpe": 8.0, "setType": "SET_TYPE_NORMAL", "notes": "paused\nreps"}
            | {"restSeconds": 120}
            | kg,
        ),
        (bench, {"reps": 12, "weight": 60.0, "rpe": 9.5, "setType": "SET_TYPE_DROPSET"} | kg),
        (bench, {"reps": 6, "weight": 60.0, "rpe": 10.0, "setType": "SET_TYPE_FAILURE"} | kg),
        ("Triceps Dip (Assisted)", {"reps": 8, "weight": -20.0, "setType": "SET_TYPE_NORMAL"} | kg),
        ("Plank", {"durationSeconds": 60.0, "setType": "SET_TYPE_NORMAL"}),
    ]
    assert [entry.line for entry in push.entries] == [2, 4, 8, 9, 10, 11]
    distance = {"distance": 5.2, "distanceUnit": "DISTANCE_UNIT_KILOMETER", "durationSeconds": 1800.0}
    assert done(run) == [("Running", distance | {"setType": "SET_TYPE_NORMAL"})]


def test_strong_in_the_units_that_are_said() -> None:
    push, run = read(SAMPLES / "strong_app.csv", IMPERIAL)
    assert push.entries[0].done.weight_unit == pb.WEIGHT_UNIT_LB
    assert run.entries[0].done.distance_unit == pb.DISTANCE_UNIT_MILE


def test_strong_with_a_unit_in_each_row() -> None:
    (leg,) = read(SAMPLES / "strong_units.csv")
    first, second, run = (entry.done for entry in leg.entries)
    assert (first.weight, first.weight_unit, first.rpe) == (225, pb.WEIGHT_UNIT_LB, 8)
    assert (second.weight, second.weight_unit, second.rpe) == (102.5, pb.WEIGHT_UNIT_KG, 8.5)
    assert (run.distance, run.distance_unit, run.HasField("reps")) == (1.25, pb.DISTANCE_UNIT_MILE, False)
    begin, end = times(leg)
    assert (end - begin).total_seconds() == 50 * 60


def test_strong_numbered() -> None:
    upper, lower = read(SAMPLES / "strong_numbered.csv", IMPERIAL)
    assert upper.workout.notes == "Chin Up: Full hang"
    first, second, carry = (entry.done for entry in upper.entries)
    assert (first.weight, first.weight_unit, first.rest_seconds) == (12.5, pb.WEIGHT_UNIT_KG, 90)
    assert not second.HasField("weight")
    assert (carry.distance, carry.distance_unit, carry.duration_seconds) == (20, pb.DISTANCE_UNIT_METER, 25)
    begin, end = times(upper)
    assert (end - begin).total_seconds() == 3720
    assert lower.workout.title == "Lower"


def test_hevy() -> None:
    push, run, pull = read(SAMPLES / "hevy_kg.csv")

    assert push.workout.title == "Evening push 💪"
    assert push.workout.notes == "Gym was empty\nfor once"
    kinds = [pb.SetType.Name(entry.done.set_type).removeprefix("SET_TYPE_") for entry in push.entries]
    assert kinds == ["WARMUP", "NORMAL", "FAILURE", "NORMAL", "NORMAL", "DROPSET", "DROPSET"]
    assert [entry.done.superset for entry in push.entries] == [0, 0, 0, 1, 1, 1, 1]
    assert [entry.done.notes for entry in push.entries] == ["Narrow grip", *[""] * 6]  # said once, not with each set
    assert [entry.line for entry in push.entries][:3] == [2, 4, 6]
    # The clocks went back: 02:50 was the first time, 02:10 the second.
    begin = datetime(2024, 10, 27, 0, 50, tzinfo=UTC)
    assert times(run) == (begin, datetime(2024, 10, 27, 1, 10, tzinfo=UTC))
    assert run.workout.notes == "ночью, 走る"
    # The clocks went forward: there was no 02:30.
    assert times(pull) == (datetime(2024, 3, 31, 1, 30, tzinfo=UTC), datetime(2024, 3, 31, 1, 40, tzinfo=UTC))
    assert [entry.done.weight for entry in pull.entries] == [-21, 120]
    assert not pull.entries[0].done.HasField("duration_seconds")


def test_hevy_in_pounds_and_miles() -> None:
    (intervals,) = read(SAMPLES / "hevy_lbs.csv", zone="America/New_York")
    elliptical, crunch = (entry.done for entry in intervals.entries)
    assert (elliptical.distance, elliptical.distance_unit) == (1.28, pb.DISTANCE_UNIT_MILE)
    assert (crunch.weight, crunch.weight_unit) == (175, pb.WEIGHT_UNIT_LB)
    assert times(intervals)[0] == datetime(2026, 5, 15, 23, 26, tzinfo=UTC)


HOSTILE = {
    3: "reps must be at least 0",
    4: "weight_kg 'NaN' isn't a number",
    5: "weight_kg '1e308' isn't a number",
    7: "has 3 fields where the header has 14",
    8: "start_time '31 Feb 2024, 10:00' isn't a time such as 2024-03-28 17:29:00",
    9: "set_type 'giant' is unknown",
    10: "rpe must be at most 10",
    11: "says nothing of what was done: no repetitions, duration or distance",
    12: "superset_id 'first' isn't a number",
    13: "reps '2.5' isn't a whole number",
    14: "reps '99999999999999999999' isn't a number",
    15: "the exercise has no name",
    17: "the session ends before it begins",
    18: "weight_kg '1,234' isn't a number",
    19: "not well-formed CSV: ',' expected after '\"'",
    20: "belongs to the session of line 2; the rows of a session must be together",
}


def test_hostile_rows_are_refused_one_by_one_with_line_and_reason() -> None:
    found = read(SAMPLES / "hevy_hostile.csv")

    assert refused(found) == HOSTILE
    good = found[0]
    assert good.refused == []
    assert (good.workout.notes, good.entries[0].done.notes) == ("=cmd()", "+1+1")  # text is text


def test_a_row_nobody_can_read_spoils_the_sessions_it_may_belong_to(tmp_path: Path) -> None:
    rows = [f"{title},2024-03-0{day} 10:00,Squat,normal,100,5" for title, day in (("A", 1), ("B", 2), ("C", 3))]
    first, second, third = read(written(tmp_path, "\n".join([HEVY, rows[0], "B,2024", rows[1], rows[2]])))
    assert [bool(session.refused) for session in (first, second, third)] == [True, False, False]
    (inside,) = read(written(tmp_path, "\n".join([HEVY, rows[0], "A,2024", rows[0]])))
    assert len(inside.refused) == 1
    (alone,) = read(written(tmp_path, f"{HEVY}\nA,2024\n"))
    assert refused([alone]) == {2: "has 2 fields where the header has 6"}


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_encodings_line_ends_and_separators(tmp_path: Path, encoding: str, line_end: str, separator: str) -> None:
    lines = ["", HEVY, "Día 1,2024-03-01 10:00,Присед,normal,102.5,5", "", ",,,,,"]
    text = line_end.join(lines).replace(",", separator)
    (session,) = read(written(tmp_path, text, encoding))
    assert (session.workout.title, session.line) == ("Día 1", 3)
    assert done(session)[0] == (
        "Присед",
        {"reps": 5, "weight": 102.5, "weightUnit": "WEIGHT_UNIT_KG", "setType": "SET_TYPE_NORMAL"},
    )


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"", "it is empty"),
        (b"\n\n  \n", "it is empty"),
        (b"\xff\x00\x81", "it isn't UTF-8 text"),
        (HEVY.encode() + b"\nA,2024-03-01 10:00,Caf\xe9,normal,1,5\n", "it isn't UTF-8 text"),
        (b"PK\x03\x04\x14\x00", "its header 'pk"),
        (b"x" * 50_000, "its header 'xxx"),
    ],
)
def test_what_is_no_csv_file_is_unusable(tmp_path: Path, content: bytes, problem: str) -> None:
    file = tmp_path / "export.csv"
    file.write_bytes(content)
    with pytest.raises(Unusable) as raised:
        read(file)
    assert str(raised.value).startswith(problem)


def test_a_missing_file_and_a_folder_are_unusable(tmp_path: Path) -> None:
    with pytest.raises(Unusable, match="it can't be read: No such file"):
        read(tmp_path / "none.csv")
    with pytest.raises(Unusable, match="it can't be read: Is a directory"):
        read(tmp_path)


def test_an_unknown_header_is_answered_with_what_was_looked_for(tmp_path: Path) -> None:
    with pytest.raises(Unusable) as raised:
        read(written(tmp_path, "day,lift,kg\n1,2,3\n"))
    assert str(raised.value) == (
        "its header 'day,lift,kg' is no known export: Strong's has date, exercise name, reps, set order, workout name; "
        "Hevy's has exercise_title, reps, set_type, start_time, title"
    )


def test_an_unknown_unit_in_the_header_is_unusable(tmp_path: Path) -> None:
    with pytest.raises(Unusable, match="its header can't be used: unit 'stone' is unknown"):
        read(written(tmp_path, f"{STRONG.replace('Weight', 'Weight (stone)')}\n"))


def test_a_quote_that_is_never_closed_is_refused_and_not_swallowed(tmp_path: Path) -> None:
    text = f'{HEVY}\nA,2024-03-01 10:00,Squat,normal,100,5\nA,2024-03-01 10:00,"Squat,normal,100,5\n'
    (session,) = read(written(tmp_path, text))
    assert refused([session]) == {3: "not well-formed CSV: unexpected end of data"}


def test_long_notes_of_an_exercise_go_to_the_workout(tmp_path: Path) -> None:
    text = f"{STRONG},Notes\n2024-03-01 10:00:00,A,Squat,1,100,5,{'x' * 501}\n"
    (session,) = read(written(tmp_path, text))
    assert session.entries[0].done.notes == ""
    assert session.workout.notes == f"Squat: {'x' * 501}"


def test_a_rest_that_follows_no_set_of_its_exercise_is_nobodys(tmp_path: Path) -> None:
    rows = ["Squat,Rest Timer,,,90", "Squat,1,100,5,", "Curl,Rest Timer,,,60"]
    text = "\n".join([f"{STRONG},Seconds", *(f"2024-03-01 10:00:00,A,{row}" for row in rows)])
    (session,) = read(written(tmp_path, text))
    assert not session.refused
    assert not session.entries[0].done.HasField("rest_seconds")


def test_a_failed_try_counts_and_a_hold_has_no_repetitions(tmp_path: Path) -> None:
    rows = ["Squat,1,200,0,0", "Plank,1,0,0,60"]
    text = "\n".join([f"{STRONG},Seconds", *(f"2024-03-01 10:00:00,,{row}" for row in rows)])
    (session,) = read(written(tmp_path, text))
    squat, plank = (entry.done for entry in session.entries)
    assert squat.HasField("reps")
    assert not plank.HasField("reps")
    assert session.workout.title == "Workout"
