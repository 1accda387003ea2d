"""`fitnesshub import workouts`: exports of both apps go through the edge, and again; what the API then says of them."""

import uuid
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.e2e.stack import Stack

SAMPLES = Path(__file__).parents[2] / "tests/data/workouts"
Json = dict[str, Any]


@pytest.fixture
def email(stack: Stack) -> str:
    """Somebody who has signed up and has no workouts."""
    address = f"{uuid.uuid4().hex}@example.org"
    stack.token(email=address)
    return address


async def test_nobody_is_made_for_an_address_that_never_signed_up(stack: Stack, http: httpx.AsyncClient) -> None:
    address = f"{uuid.uuid4().hex}@example.org"
    refused = stack.run("import", "workouts", str(SAMPLES / "hevy_kg.csv"), "--email", address)
    assert (refused.returncode, refused.stdout) == (1, "")
    assert refused.stderr == f"fitnesshub: there is no user {address}\n"
    answer = await http.post("/auth/v1/signup", json={"email": address, "password": "correct horse battery"})
    assert answer.status_code == 200, answer.text


def test_an_address_that_is_none_is_told_by_its_field(stack: Stack) -> None:
    refused = stack.run("import", "workouts", str(SAMPLES / "hevy_kg.csv"), "--email", "notanaddress")
    assert (refused.returncode, refused.stdout) == (1, "")
    assert refused.stderr.startswith("fitnesshub: the user service gives no token: email must be an e-mail address")


async def workouts_of(http: httpx.AsyncClient, stack: Stack, email: str) -> list[Json]:
    headers = {"authorization": f"Bearer {stack.token(email=email)}"}
    answer = await http.get("/api/v1/workouts?pageSize=100", headers=headers)
    assert answer.status_code == 200, answer.text
    found: list[Json] = answer.json()["workouts"]
    return found


async def test_hevy_twice(stack: Stack, http: httpx.AsyncClient, email: str) -> None:
    words = ("import", "workouts", str(SAMPLES / "hevy_kg.csv"), "--email", email, "--time-zone", "Europe/Berlin")

    first = stack.run(*words)
    assert first.returncode == 0, first.stderr + first.stdout
    stored = await workouts_of(http, stack, email)
    second = stack.run(*words)
    assert second.returncode == 0, second.stderr + second.stdout

    assert first.stdout.splitlines()[-1] == "3 stored, 0 there already, 0 not stored; 10 sets in all"
    assert second.stdout.splitlines()[-1] == "0 stored, 3 there already, 0 not stored; 10 sets in all"
    assert await workouts_of(http, stack, email) == stored
    push, run, pull = stored  # newest first
    assert (push["title"], push["source"], push["startTime"]) == ("Evening push 💪", "hevy", "2025-03-28T16:29:00Z")
    assert [each.get("superset") for each in push["sets"]] == [None, None, None, 1, 1, 1, 1]
    assert push["sets"][1]["weightKg"] == 82.5
    assert (run["startTime"], run["endTime"]) == ("2024-10-27T00:50:00Z", "2024-10-27T01:10:00Z")
    assert run["sets"][0]["distanceMeters"] == 3500
    assert pull["sets"][0]["weightKg"] == -21


async def test_strong_twice_in_pounds(stack: Stack, http: httpx.AsyncClient, email: str) -> None:
    words = ("import", "workouts", str(SAMPLES / "strong_app.csv"), "--email", email, "--unit", "lb")

    first = stack.run(*words)
    second = stack.run(*words)

    assert first.returncode == 0, first.stderr + first.stdout
    assert first.stdout.splitlines()[0] == (
        "Strong's export, weights in lb, distances in miles, times in UTC "
        "(the user's preference; --time-zone says otherwise)"
    )
    assert first.stdout.splitlines()[-1] == "2 stored, 0 there already, 0 not stored; 7 sets in all"
    assert second.stdout.splitlines()[-1] == "0 stored, 2 there already, 0 not stored; 7 sets in all"
    run, push = await workouts_of(http, stack, email)
    assert run["sets"][0]["distanceMeters"] == pytest.approx(5.2 * 1609.344)
    assert push["startTime"] == "2023-01-15T18:12:02Z"
    assert push["sets"][1]["weightKg"] == pytest.approx(80 * 0.45359237)
    assert push["sets"][1]["restSeconds"] == 120


async def test_names_of_the_apps_find_the_library_and_what_is_missing_is_made_once(
    stack: Stack, http: httpx.AsyncClient, email: str, tmp_path: Path
) -> None:
    known = (
        "Bench Press (Barbell)",
        "Squat (Barbell)",
        "Pull Up (Assisted)",
        "Running",
        "Plank",
        "Lat Pulldown (Cable)",
    )
    rows = [f"A,2024-01-01 10:00,{name},normal,20,5" for name in (*known, "Sideways Bench Press (Cable)")]
    file = tmp_path / "hevy.csv"
    file.write_text("\n".join(["title,start_time,exercise_title,set_type,weight_kg,reps", *rows]))

    first = stack.run("import", "workouts", str(file), "--email", email)
    file.write_text(file.read_text().replace("A,2024", "B,2024"))
    second = stack.run("import", "workouts", str(file), "--email", email)

    assert first.returncode == second.returncode == 0, first.stdout + first.stderr + second.stdout
    lines = first.stdout.splitlines()
    assert "exercises: 6 found in the library, 1 made" in lines
    assert "  made: Sideways Bench Press (Cable), muscles unknown" in lines
    assert "exercises: 7 found in the library, 0 made" in second.stdout.splitlines()
    headers = {"authorization": f"Bearer {stack.token(email=email)}"}
    own = (await http.get("/api/v1/exercises?own=true", headers=headers)).json()["exercises"]
    made = [(each["name"], each["equipment"], each["primaryMuscles"]) for each in own]
    assert made == [("Sideways Bench Press (Cable)", "EQUIPMENT_CABLE", [])]


async def test_hostile_rows_are_refused_with_their_lines_and_the_good_session_stored(
    stack: Stack, http: httpx.AsyncClient, email: str
) -> None:
    done = stack.run("import", "workouts", str(SAMPLES / "hevy_hostile.csv"), "--email", email)

    assert done.returncode == 1
    lines = done.stdout.splitlines()
    assert "refused line 3: reps must be at least 0" in lines
    assert "refused line 7: has 3 fields where the header has 14" in lines
    assert lines[-1].startswith("1 stored, 0 there already, ")
    [good] = await workouts_of(http, stack, email)
    assert (good["title"], good["notes"]) == ("Day 1", "=cmd()")


def test_an_unusable_file_is_2(stack: Stack, tmp_path: Path) -> None:
    file = tmp_path / "notes.csv"
    file.write_text("day,lift\nmonday,squat\n")
    done = stack.run("import", "workouts", str(file))
    assert (done.returncode, done.stdout) == (2, "")
    assert "is no known export: Strong's has date, " in done.stderr
    assert done.stderr.count("\n") == 1
