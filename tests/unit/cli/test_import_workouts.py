"""`fitnesshub import workouts` towards an edge that answers this or that: what is sent, stored, made and told."""

import itertools
import json
import threading
import uuid
from argparse import Namespace
from collections.abc import Callable, Iterator
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import parse_qs, urlsplit
from zoneinfo import ZoneInfo

import pytest

from cli.edge import ATTEMPTS, Edge, EdgeError
from cli.workouts import command, importer
from cli.workouts.table import open_table

SAMPLES = Path(__file__).parents[3] / "tests/data/workouts"
BERLIN = ZoneInfo("Europe/Berlin")
HEVY = "title,start_time,exercise_title,set_type,weight_kg,reps"
BATCH = "/api/v1/workouts:batchCreate"
LIBRARY: dict[str, dict[str, Any]] = {
    "Barbell Bench Press": {"equipment": "EQUIPMENT_BARBELL"},
    "Barbell Back Squat": {"equipment": "EQUIPMENT_BARBELL", "aliases": ["Squat"]},
    "Running": {"category": "EXERCISE_CATEGORY_CARDIO"},
    "Pull-Up": {"equipment": "EQUIPMENT_BODY_WEIGHT"},
    "Deadlift": {"translations": [{"language": "de", "name": "Kreuzheben mit der Langhantel"}]},
}
AGAIN = "Run it again: what is stored already stays as it is.\n"
Answer = tuple[int, dict[str, str], Any]
MADE = {"category": "EXERCISE_CATEGORY_STRENGTH", "level": "EXERCISE_LEVEL_BEGINNER"}
"""What is said of every exercise that an import makes."""


def refusal(status: int, reason: str, message: str, **headers: str) -> Answer:
    details = [{"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": reason, "domain": "fitnesshub.dev"}]
    return status, headers, {"code": 1, "message": message, "details": details}


class Backend:
    """Enough of FitnessHub: a library in pages of two, own exercises, workouts by id."""

    def __init__(self) -> None:
        self.library = [
            {"id": str(uuid.UUID(int=number)), "name": name, **MADE, **more}
            for number, (name, more) in enumerate(LIBRARY.items())
        ]
        self.workouts: dict[str, Any] = {}
        self.requests: list[tuple[str, str, dict[str, str], Any]] = []
        self.next: list[Answer] = []
        """Answers to the next writes, before any other."""
        self.most_own = 99
        self.preferences = {"timeZone": "UTC", "weightUnit": "WEIGHT_UNIT_KG"}
        self.url = ""

    def answer(self, method: str, path: str, query: dict[str, str], body: Any) -> Answer:
        if method == "POST" and self.next:
            return self.next.pop(0)
        match path:
            case "/api/v1/users/me":
                return 200, {}, {"id": "0198c0de-0000-7000-8000-000000000001"}
            case "/api/v1/users/me/preferences":
                return 200, {}, self.preferences
            case "/api/v1/exercises" if method == "GET":
                first = int(query.get("pageToken") or 0)
                page = {"exercises": self.library[first : first + 2], "nextPageToken": str(first + 2)}
                return 200, {}, page if first + 2 < len(self.library) else {**page, "nextPageToken": ""}
            case "/api/v1/exercises":
                return self.make(body)
            case "/api/v1/workouts:batchCreate":
                return 200, {}, {"outcomes": [self.store(workout) for workout in body["workouts"]]}
        return refusal(404, "ROUTE_NOT_FOUND", "no such path")

    def make(self, exercise: Any) -> Answer:
        if sum("ownerId" in each for each in self.library) == self.most_own:
            return refusal(429, "EXERCISE_RATE_LIMITED", "100 exercises an hour")
        made = exercise | {"id": str(uuid.uuid4()), "ownerId": "me"}
        self.library.append(made)
        return 201, {}, made

    def store(self, workout: Any) -> Any:
        if workout["title"] == "refuse me":
            problems = ["sets[1].reps: must be lucky", "title: is odd"]
            return {"workoutId": workout["id"], "result": "WORKOUT_RESULT_REFUSED", "problems": problems}
        known = workout["id"] in self.workouts
        self.workouts.setdefault(workout["id"], workout)
        return {"workoutId": workout["id"], "result": f"WORKOUT_RESULT_{'EXISTED' if known else 'CREATED'}"}

    def sent(self, path: str, method: str = "POST") -> list[Any]:
        return [body for each, where, _, body in self.requests if (each, where) == (method, path)]


@pytest.fixture
def backend() -> Iterator[Backend]:
    made = Backend()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.reply("GET", None)

        def do_POST(self) -> None:
            self.reply("POST", json.loads(self.rfile.read(int(self.headers["content-length"]))))

        def reply(self, method: str, body: Any) -> None:
            url = urlsplit(self.path)
            headers = {key.lower(): value for key, value in self.headers.items()}
            made.requests.append((method, url.path, headers, body))
            query = {key: values[0] for key, values in parse_qs(url.query).items()}
            status, more, content = made.answer(method, url.path, query, body)
            self.send_response(status)
            for key, value in more.items():
                self.send_header(key.replace("_", "-"), value)
            self.end_headers()
            self.wfile.write(json.dumps(content).encode())

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    made.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield made
    server.shutdown()
    thread.join()
    server.server_close()


Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(backend: Backend, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs the command as if a stack ran here; returns exit code, output and errors."""
    monkeypatch.setattr(command, "load", lambda _: SimpleNamespace(edge_url=backend.url))
    monkeypatch.setattr(command, "issue", lambda email, _, **_asked: f"token of {email}")

    def call(file: Path, **chosen: Any) -> tuple[int, str, str]:
        defaults = {"email": "ada@example.org", "time_zone": None, "unit": None, "dry_run": False, "partial": False}
        code = command.run(Namespace(file=file, **(defaults | chosen)))
        out, err = capsys.readouterr()
        return code, out, err

    return call


def hevy(tmp_path: Path, *rows: str) -> Path:
    file = tmp_path / "hevy.csv"
    file.write_text("\n".join([HEVY, *rows]))
    return file


def days(count: int, exercise: str = "Squat") -> list[str]:
    return [f"Day {n},2024-01-01 {n // 60:02}:{n % 60:02},{exercise},normal,100,5" for n in range(count)]


def test_stores_every_session_once_however_often_it_runs(backend: Backend, run: Run) -> None:
    code, out, _ = run(SAMPLES / "hevy_kg.csv", time_zone=BERLIN)
    assert (code, out.splitlines()) == (
        0,
        [
            "Hevy's export, units as in the file, times in Europe/Berlin",
            "3 sessions",
            "exercises: 4 found in the library, 2 made",
            "  made: Lateral Raise (Dumbbell), muscles unknown",
            "  made: Triceps Pushdown, muscles unknown",
            "3 stored, 0 there already, 0 not stored; 10 sets in all",
        ],
    )
    stored = dict(backend.workouts)
    code, out, _ = run(SAMPLES / "hevy_kg.csv", time_zone=BERLIN)
    assert code == 0
    assert out.splitlines()[-2:] == [
        "exercises: 6 found in the library, 0 made",
        "0 stored, 3 there already, 0 not stored; 10 sets in all",
    ]
    assert backend.workouts == stored
    first, second = (headers["idempotency-key"] for _, path, headers, _ in backend.requests if path == BATCH)
    assert first != second  # a second run is done, not answered with what the first was told


def test_another_time_zone_stores_nothing_a_second_time(backend: Backend, run: Run, tmp_path: Path) -> None:
    run(hevy(tmp_path, *days(1)))
    run(hevy(tmp_path, *days(1)), time_zone=BERLIN)
    assert len(backend.workouts) == 1


def test_sends_workouts_of_the_contract(backend: Backend, run: Run) -> None:
    run(SAMPLES / "hevy_kg.csv", time_zone=BERLIN)
    push = backend.sent(BATCH)[0]["workouts"][0]
    assert push["source"] == "hevy"
    assert push["startTime"] == "2025-03-28T16:29:00Z"
    assert push["sets"][0] == {
        "exerciseId": str(uuid.UUID(int=0)),
        "reps": 10,
        "weight": 40.0,
        "weightUnit": "WEIGHT_UNIT_KG",
        "setType": "SET_TYPE_WARMUP",
        "notes": "Narrow grip",
    }
    assert {headers["authorization"] for _, _, headers, _ in backend.requests} == {"Bearer token of ada@example.org"}


def test_makes_what_is_missing_of_what_the_file_tells(backend: Backend, run: Run, tmp_path: Path) -> None:
    rows = [f"A,2024-01-01 10:00,{name},normal,20,10" for name in ("Chest Thing (Cable)", "Xyzzy (Odd)")]
    code, out, _ = run(hevy(tmp_path, *rows))
    assert code == 0
    assert [line for line in out.splitlines() if "made: " in line] == [
        "  made: Chest Thing (Cable), muscles unknown",
        "  made: Xyzzy (Odd), muscles unknown",
    ]
    assert backend.sent("/api/v1/exercises") == [
        MADE | {"name": "Chest Thing (Cable)", "equipment": "EQUIPMENT_CABLE"},
        MADE | {"name": "Xyzzy (Odd)"},
    ]


def test_an_exercise_over_a_distance_is_cardio(backend: Backend, run: Run, tmp_path: Path) -> None:
    file = tmp_path / "strong.csv"
    file.write_text("Date,Workout Name,Exercise Name,Set Order,Reps,Distance\n2024-01-01 10:00:00,A,Sledging,1,0,3\n")
    run(file)
    assert backend.sent("/api/v1/exercises")[0]["category"] == "EXERCISE_CATEGORY_CARDIO"


def test_what_cannot_be_made_is_refused_with_its_session(backend: Backend, run: Run, tmp_path: Path) -> None:
    long = "x" * 201
    rows = ["A,2024-01-01 10:00,Squat,normal,100,5", f"A,2024-01-01 10:00,{long},normal,20,10", *days(1)]
    code, out, _ = run(hevy(tmp_path, *rows))
    assert code == 1
    assert out.splitlines()[1:] == [
        f"refused line 3: the exercise's name '{long[:59]}…' is longer than 200 characters",
        "not stored: session of line 2, 2024-01-01 10:00 'A': 1 of its 2 rows refused",
        "2 sessions; 1 rows refused, which holds back 1 sessions",
        "exercises: 1 found in the library, 0 made",
        "1 stored, 0 there already, 1 not stored; 1 set in all",
    ]
    assert backend.sent("/api/v1/exercises") == []


def test_over_the_limit_of_exercises_the_rest_is_stored_and_a_later_run_goes_on(
    backend: Backend, run: Run, tmp_path: Path
) -> None:
    backend.most_own = 2
    file = hevy(tmp_path, *(f"{n},2024-01-0{n} 10:00,Own {n},normal,20,10" for n in range(1, 6)))
    code, out, _ = run(file)
    assert code == 1
    assert "refused line 4: exercise 'Own 3' can't be made: 100 exercises an hour; import again later" in out
    assert out.endswith("2 stored, 0 there already, 3 not stored; 2 sets in all\n")
    assert len(backend.sent("/api/v1/exercises")) == 3  # once refused, no more are tried
    backend.most_own = 99
    code, out, _ = run(file)
    assert (code, out.splitlines()[-1]) == (0, "3 stored, 2 there already, 0 not stored; 5 sets in all")
    assert len(backend.workouts) == 5


def test_partial_stores_sessions_without_their_refused_rows(backend: Backend, run: Run, tmp_path: Path) -> None:
    rows = ["A,2024-01-01 10:00,Squat,normal,100,5", "A,2024-01-01 10:00,Squat,normal,100,-5"]
    file = hevy(tmp_path, *rows, "B,2024-01-02 10:00,Squat,normal,100,-5", "C,never,Squat,normal,100,5")
    code, _, _ = run(file)
    assert (code, backend.workouts) == (1, {})
    code, out, _ = run(file, partial=True)
    assert code == 1
    assert out.splitlines()[-1] == "1 stored, 0 there already, 2 not stored; 1 set in all"
    assert [len(each["sets"]) for each in backend.workouts.values()] == [1]


def test_a_dry_run_stores_and_makes_nothing(backend: Backend, run: Run) -> None:
    code, out, _ = run(SAMPLES / "hevy_kg.csv", time_zone=BERLIN, dry_run=True)
    assert (code, backend.workouts) == (0, {})
    assert all(method == "GET" for method, *_ in backend.requests)
    assert out.splitlines()[-3:] == [
        "  would be made: Lateral Raise (Dumbbell), muscles unknown",
        "  would be made: Triceps Pushdown, muscles unknown",
        "3 sessions with 10 sets would be sent; nothing was stored (--dry-run)",
    ]


def test_the_users_preferences_are_the_default_and_said_aloud(backend: Backend, run: Run) -> None:
    backend.preferences = {"timeZone": "America/New_York", "weightUnit": "WEIGHT_UNIT_LB"}
    _, out, _ = run(SAMPLES / "strong_app.csv")
    assert out.splitlines()[0] == (
        "Strong's export, weights in lb, distances in miles (the file doesn't say; the user's preference; --unit says "
        "otherwise), times in America/New_York (the user's preference; --time-zone says otherwise)"
    )
    workout = backend.sent(BATCH)[0]["workouts"][0]
    assert (workout["startTime"], workout["sets"][0]["weightUnit"]) == ("2023-01-15T23:12:02Z", "WEIGHT_UNIT_LB")
    _, out, _ = run(SAMPLES / "strong_app.csv", unit="kg", time_zone=ZoneInfo("UTC"))
    assert out.splitlines()[0] == "Strong's export, weights in kg, distances in km, times in UTC"


def test_a_unit_for_a_file_that_has_its_own_is_refused(backend: Backend, run: Run) -> None:
    code, out, err = run(SAMPLES / "hevy_kg.csv", unit="lb")
    assert (code, out) == (2, "")
    assert err.endswith("hevy_kg.csv: it says its units itself; leave --unit out.\n")


def test_an_unusable_file_is_2_and_one_sentence(backend: Backend, run: Run, tmp_path: Path) -> None:
    file = tmp_path / "x.csv"
    file.write_text("a,b\n")
    code, out, err = run(file)
    assert (code, out, backend.requests) == (2, "", [])
    assert err.startswith(f"fitnesshub: {file}: its header 'a,b' is no known export: Strong's has ")
    assert err.count("\n") == 1


def test_what_the_edge_refuses_is_told_with_its_lines(backend: Backend, run: Run, tmp_path: Path) -> None:
    row = "refuse me,2024-01-01 10:00,Squat,normal,100,5"
    code, out, _ = run(hevy(tmp_path, row, row, *days(1)))
    assert code == 1
    assert (
        "not stored: session of line 2, 2024-01-01 10:00 'refuse me': line 3 reps: must be lucky; title: is odd\n"
        in out
    )
    assert out.endswith("1 stored, 0 there already, 1 not stored; 3 sets in all\n")


def test_a_session_that_breaks_a_rule_of_workouts_is_told(backend: Backend, run: Run, tmp_path: Path) -> None:
    long, many = "x" * 201, [f"many,2024-01-01 10:00,Squat,normal,100,{n}" for n in range(501)]
    code, out, _ = run(hevy(tmp_path, f"{long},2024-01-01 10:00,Squat,normal,100,5", *many))
    assert (code, backend.workouts) == (1, {})
    assert "'xxxx" in out
    assert "title must be at most 200 characters\n" in out
    assert "not stored: session of line 3, 2024-01-01 10:00 'many': sets must have at most 500 elements\n" in out


def test_batches_by_number_and_by_size(
    backend: Backend, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(hevy(tmp_path, *days(201)))
    assert [len(body["workouts"]) for body in backend.sent(BATCH)] == [100, 100, 1]
    backend.requests.clear()
    monkeypatch.setattr(importer, "BATCH_BYTES", 1000)
    run(hevy(tmp_path, *days(10)))
    sizes = [len(json.dumps(body["workouts"])) for body in backend.sent(BATCH)]
    assert len(sizes) > 1
    assert max(sizes) < 1100


def test_the_progress_is_a_line_each_tenth_without_a_terminal(run: Run, tmp_path: Path) -> None:
    _, _, err = run(hevy(tmp_path, *days(3000)))
    lines = err.splitlines()
    assert lines == [f"{n}0 % of the file" for n in range(1, 10) if f"{n}0 % of the file" in lines]
    assert len(lines) > 5


def test_waits_when_told_to_and_repeats_the_same_call(
    backend: Backend, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits: list[float] = []
    monkeypatch.setattr("cli.edge.time.sleep", waits.append)
    backend.next = [
        refusal(429, "RATE_LIMITED", "slow down", retry_after="3"),
        refusal(409, "WRITE_CONFLICT", "try again"),
        (503, {"retry_after": "1000"}, {"message": "no healthy upstream"}),
    ]
    code, _, _ = run(hevy(tmp_path, *days(1)))
    assert (code, waits) == (0, [3.0, 2.0, 60.0])
    keys = {headers["idempotency-key"] for _, path, headers, _ in backend.requests if path == BATCH}
    assert len(keys) == 1


def test_an_edge_that_fails_or_is_gone_is_1_and_one_sentence(
    backend: Backend, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cli.edge.time.sleep", lambda _: None)
    file = hevy(tmp_path, *days(1))
    backend.next = [refusal(400, "INVALID_REQUEST", "workouts is odd")]
    told = f"fitnesshub: The import stopped: the edge answered 400, workouts is odd. {AGAIN}"
    assert run(file)[0::2] == (1, told)
    backend.next = [(503, {}, {"message": "no healthy upstream"})] * ATTEMPTS
    code, _, err = run(file)
    assert code == 1
    assert "the edge answered 503, no healthy upstream, 8 times." in err
    backend.next = [(200, {}, {"outcomes": []})]
    assert run(file)[0] == 1
    with (
        Edge("http://127.0.0.1:1", "x") as edge,
        pytest.raises(EdgeError, match=r"http://127\.0\.0\.1:1.* can't be reached"),
    ):
        edge.get("/")


def test_a_very_long_file_is_read_in_little_memory(tmp_path: Path) -> None:
    file = tmp_path / "long.csv"
    with file.open("w") as out:
        out.write(f"{HEVY}\n")
        out.writelines(f"Day {n},2024-01-01 10:00,Squat,normal,100,5\n" for n in range(200_000))
    with open_table(file) as table:
        for _ in itertools.islice(table.rows(), 1000):
            pass
        assert table.position < table.size / 50


def test_ids_differ_by_user_app_time_and_title() -> None:
    start = datetime(2024, 1, 1, 10)  # noqa: DTZ001 - on the wall
    ids = [
        importer.workout_id("ada", "hevy", start, "A"),
        importer.workout_id("bob", "hevy", start, "A"),
        importer.workout_id("ada", "strong", start, "A"),
        importer.workout_id("ada", "hevy", start.replace(hour=11), "A"),
        importer.workout_id("ada", "hevy", start, "B"),
    ]
    assert len(set(ids)) == 5
    assert ids[0] == "76cc2d6f-ccfa-5ff4-b3fd-d486bd38c309"  # fixed: a change would store everybody's history twice
