"""`fitnesshub import exercises`: the mapping, and how it behaves towards an edge that answers this or that."""

import json
import os
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from fitnesshub.workout.v1 import exercise_pb2 as pb
from google.protobuf.descriptor import EnumDescriptor

from cli import imports

ROOT = Path(__file__).parents[3]
SAMPLE = ROOT / "tests/data/exercises/sample.json"
VECTORS = ROOT / os.environ.get("FITNESSHUB_VECTORS", "../shared/vectors")
TOKEN = "an-access-token"

Answer = tuple[int, dict[str, str], Any]


class Edge:
    """An HTTP server on this machine that answers imports as it is told, and keeps what it was sent."""

    def __init__(self) -> None:
        self.requests: list[tuple[dict[str, str], Any]] = []
        self.answers: list[Answer | Callable[[Any], Answer]] = []
        edge = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["content-length"])))
                edge.requests.append(({key.lower(): value for key, value in self.headers.items()}, body))
                assert self.path == "/api/v1/exercises:import"
                answer = edge.answers.pop(0)
                status, headers, content = answer(body) if callable(answer) else answer
                self.send_response(status)
                for key, value in headers.items():
                    self.send_header(key, value)
                self.end_headers()
                self.wfile.write(json.dumps(content).encode())

            def do_GET(self) -> None:
                answer = edge.answers.pop(0)
                assert not callable(answer)
                edge.requests.append(({"path": self.path}, None))
                self.send_response(answer[0])
                self.end_headers()
                self.wfile.write(json.dumps(answer[2]).encode())

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"


@pytest.fixture
def edge() -> Iterator[Edge]:
    edge = Edge()
    thread = threading.Thread(target=edge.server.serve_forever, args=(0.01,))
    thread.start()
    yield edge
    edge.server.shutdown()
    thread.join()
    edge.server.server_close()


def created(body: Any) -> Answer:
    outcomes = [{"sourceId": row["sourceId"], "result": "IMPORT_RESULT_CREATED"} for row in body["exercises"]]
    return 200, {}, {"outcomes": outcomes}


def write(tmp_path: Path, rows: Any) -> Path:
    file = tmp_path / "exercises.json"
    file.write_text(json.dumps(rows))
    return file


def row(name: str) -> dict[str, Any]:
    return {
        "id": name.replace(" ", "_"),
        "name": name,
        "level": "beginner",
        "category": "strength",
        "primaryMuscles": ["chest"],
        "secondaryMuscles": [],
        "instructions": [],
    }


# --- mapping ---


def test_a_row_is_mapped_field_by_field() -> None:
    mapped = imports.map_row(imports.read_rows(SAMPLE)[0])

    assert mapped == pb.Exercise(
        source_id="Towel_Row",
        name="Towel Row",
        category=pb.EXERCISE_CATEGORY_STRENGTH,
        level=pb.EXERCISE_LEVEL_BEGINNER,
        force=pb.FORCE_PULL,
        mechanic=pb.MECHANIC_COMPOUND,
        equipment=pb.EQUIPMENT_OTHER,
        primary_muscles=[pb.MUSCLE_LATS],
        secondary_muscles=[pb.MUSCLE_BICEPS, pb.MUSCLE_MIDDLE_BACK],
        instructions=["Loop a towel around a post.", "Lean back and pull yourself up."],
    )


def test_what_a_row_leaves_open_stays_unspecified() -> None:
    mapped = imports.map_row(imports.read_rows(SAMPLE)[1])

    assert (mapped.force, mapped.mechanic, mapped.equipment) == (0, 0, 0)


def test_rows_that_cannot_be_mapped_are_refused_by_name_with_the_reason() -> None:
    good, refused = imports.map_rows(imports.read_rows(SAMPLE))

    assert [each["name"] for each in good] == ["Towel Row", "Doorway Stretch"]
    assert refused == [
        ("Moon Walk", "category 'dancing' is unknown"),
        ("Ear Raise", "primaryMuscles 'auricularis' is unknown"),
        ("Anvil Toss", "force 'throw' is unknown"),
        ("Nameless", "name is missing"),
        ("Without Id", "id is missing"),
        ("No Level", "level is missing"),
        ("Wrong Shape", "category ['strength'] is unknown"),
        ("Muscles As Text", "primaryMuscles isn't a list of texts"),
        ("Number_As_Name", "name isn't a text"),
        ("row 12", "it isn't a JSON object"),
    ]


@pytest.mark.parametrize(
    ("table", "enum"),
    [
        (imports.CATEGORIES, pb.ExerciseCategory.DESCRIPTOR),
        (imports.LEVELS, pb.ExerciseLevel.DESCRIPTOR),
        (imports.FORCES, pb.Force.DESCRIPTOR),
        (imports.MECHANICS, pb.Mechanic.DESCRIPTOR),
        (imports.EQUIPMENT, pb.Equipment.DESCRIPTOR),
        (imports.MUSCLES, pb.Muscle.DESCRIPTOR),
    ],
)
def test_every_word_has_its_own_value_and_every_value_its_word(table: dict[Any, int], enum: EnumDescriptor) -> None:
    assert sorted(value for word, value in table.items() if word) == [
        each.number for each in enum.values if each.number
    ]


@pytest.mark.skipif(not VECTORS.is_dir(), reason=f"no public test data in {VECTORS} (FITNESSHUB_VECTORS)")
def test_the_real_library_is_mapped_whole() -> None:
    good, refused = imports.map_rows(imports.read_rows(VECTORS / "exercises/free-exercise-db.json"))

    assert (len(good), refused) == (873, [])
    assert len({each["sourceId"] for each in good}) == 873


def test_batches_keep_the_order_and_the_limits() -> None:
    rows = [{"name": str(number)} for number in range(2 * imports.BATCH_ROWS + 1)]

    batches = list(imports.batches(rows))

    assert [len(batch) for batch in batches] == [imports.BATCH_ROWS, imports.BATCH_ROWS, 1]
    assert [each for batch in batches for each in batch] == rows


def test_batches_are_cut_by_size_too() -> None:
    rows = [{"name": "x" * (imports.BATCH_BYTES // 2)} for _ in range(3)]

    assert [len(batch) for batch in imports.batches(rows)] == [1, 1, 1]


# --- towards the edge ---


def test_an_import_says_what_became_of_every_row(
    edge: Edge, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    results = ["CREATED", "MERGED", "UNCHANGED"]
    outcomes: list[dict[str, Any]] = [{"result": f"IMPORT_RESULT_{each}"} for each in results]
    outcomes.append({"result": "IMPORT_RESULT_REFUSED", "problems": ["name: too long", "sourceId: taken"]})
    edge.answers = [(200, {}, {"outcomes": outcomes})]
    file = write(tmp_path, [row("A"), row("B"), row("C"), row("D"), row("E") | {"level": "godlike"}])

    assert imports.import_exercises(file, edge.url, TOKEN) == 1

    assert capsys.readouterr().out.splitlines() == [
        "refused E: level 'godlike' is unknown",
        "refused D: name: too long; sourceId: taken",
        "5 exercises: 1 created, 1 merged, 0 updated, 1 unchanged, 2 refused",
    ]
    headers, body = edge.requests[0]
    assert headers["authorization"] == f"Bearer {TOKEN}"
    assert body["source"] == "free-exercise-db"
    assert [each["sourceId"] for each in body["exercises"]] == ["A", "B", "C", "D"]


def test_an_import_without_refusals_succeeds(edge: Edge, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    edge.answers = [created]

    assert imports.import_exercises(write(tmp_path, [row("A")]), edge.url, TOKEN) == 0

    assert capsys.readouterr().out == "1 exercises: 1 created, 0 merged, 0 updated, 0 unchanged, 0 refused\n"


def test_a_batch_is_sent_again_under_the_same_key_when_the_edge_says_so(edge: Edge, tmp_path: Path) -> None:
    limited = {"message": "later", "details": [{"@type": "google.rpc.ErrorInfo", "reason": "RATE_LIMITED"}]}
    edge.answers = [(429, {"retry-after": "0"}, limited), (503, {"retry-after": "0"}, {"message": "later"}), created]

    assert imports.import_exercises(write(tmp_path, [row("A")]), edge.url, TOKEN) == 0

    keys = {headers["idempotency-key"] for headers, _ in edge.requests}
    assert (len(edge.requests), len(keys)) == (3, 1)


def test_batches_and_runs_have_keys_of_their_own(edge: Edge, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(imports, "BATCH_ROWS", 1)
    edge.answers = [created] * 4
    file = write(tmp_path, [row("A"), row("B")])

    for _ in range(2):
        assert imports.import_exercises(file, edge.url, TOKEN) == 0

    assert len({headers["idempotency-key"] for headers, _ in edge.requests}) == 4


def test_a_report_names_each_row_that_is_an_exercise_of_ours(edge: Edge, tmp_path: Path) -> None:
    outcomes = [
        {"result": "IMPORT_RESULT_MERGED", "exerciseId": "1"},
        {"result": "IMPORT_RESULT_CREATED", "exerciseId": "2"},
        {"result": "IMPORT_RESULT_UNCHANGED", "exerciseId": "3"},
        {"result": "IMPORT_RESULT_REFUSED", "problems": ["name: too long"]},
    ]
    edge.answers = [
        (200, {}, {"outcomes": outcomes}),
        (
            200,
            {},
            {
                "exercises": [
                    {"id": "1", "name": "Biceps Curl", "source": "fitnesshub"},
                    {"id": "2", "name": "Moon Press", "source": "free-exercise-db"},
                ],
                "nextPageToken": "more",
            },
        ),
        (200, {}, {"exercises": [{"id": "3", "name": "Übung"}]}),
    ]
    report = tmp_path / "report.txt"
    file = write(tmp_path, [row("Curl"), row("Moon Press"), row("Thing"), row("x")])

    assert imports.import_exercises(file, edge.url, TOKEN, report) == 1

    assert report.read_text() == "Curl -> Biceps Curl\nThing -> Übung\n"
    assert [headers["path"] for headers, body in edge.requests if body is None] == [
        "/api/v1/exercises?pageSize=100&pageToken=",
        "/api/v1/exercises?pageSize=100&pageToken=more",
    ]


def test_a_report_that_cannot_be_written_stops_the_import_before_it_begins(
    edge: Edge, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    report = tmp_path / "nowhere" / "report.txt"

    assert imports.import_exercises(write(tmp_path, [row("A")]), edge.url, TOKEN, report) == 1

    assert capsys.readouterr().err == f"{report} can't be written: No such file or directory.\n"
    assert edge.requests == []


@pytest.mark.parametrize(
    ("answer", "sentence"),
    [
        (
            (403, {}, {"message": "this call needs one of the roles: admin"}),
            "403, this call needs one of the roles: admin.",
        ),
        ((500, {}, "not a status"), "500, Internal Server Error."),
        ((200, {}, {"outcomes": []}), "didn't answer as FitnessHub's edge does."),
        ((200, {}, {"outcomes": "x"}), "didn't answer as FitnessHub's edge does."),
        ((200, {}, "hello"), "didn't answer as FitnessHub's edge does."),
    ],
)
def test_an_edge_that_refuses_ends_the_import_with_one_sentence(
    edge: Edge, tmp_path: Path, capsys: pytest.CaptureFixture[str], answer: Answer, sentence: str
) -> None:
    edge.answers = [answer]

    assert imports.import_exercises(write(tmp_path, [row("A")]), edge.url, TOKEN) == 1

    shown = capsys.readouterr()
    assert shown.err.startswith("The import stopped: ")
    assert shown.err.endswith(sentence + "\n")
    assert shown.out == ""
    assert len(edge.requests) == 1


def test_an_edge_that_is_not_there_ends_the_import_with_one_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert imports.import_exercises(write(tmp_path, [row("A")]), "http://127.0.0.1:1", TOKEN) == 1

    assert capsys.readouterr().err.startswith("The import stopped: the edge at http://127.0.0.1:1 can't be reached: ")


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "isn't a JSON file: "),
        (b'[{"name": "A"', "isn't a JSON file: "),
        (b"\xff\xfe\x00", "isn't a JSON file: "),
        (b"[" * 100_000, "isn't a JSON file: "),
        (b'{"exercises": []}', "isn't a list of exercises."),
        (b"null", "isn't a list of exercises."),
    ],
)
def test_a_malformed_file_ends_the_import_with_one_sentence(
    edge: Edge, tmp_path: Path, capsys: pytest.CaptureFixture[str], content: bytes, sentence: str
) -> None:
    file = tmp_path / "exercises.json"
    file.write_bytes(content)

    assert imports.import_exercises(file, edge.url, TOKEN) == 1

    shown = capsys.readouterr()
    assert shown.err.startswith(f"{file} {sentence}")
    assert shown.err.count("\n") == 1
    assert shown.out == ""
    assert edge.requests == []


def test_a_file_that_is_not_there_ends_the_import_with_one_sentence(
    edge: Edge, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "nothing.json"

    assert imports.import_exercises(file, edge.url, TOKEN) == 1

    assert capsys.readouterr().err == f"{file} can't be read: No such file or directory.\n"
