"""The demo's player: what it prints of a call, and that any answer that isn't as expected ends it with 1."""

import json
import threading
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from cli import demo
from cli.demo import Player
from cli.demo_steps import DAY, Step


class Api:
    """Answers every call with the next of its answers, and the last one from then on."""

    def __init__(self) -> None:
        self.answers: list[tuple[int, dict[str, str], bytes]] = []
        self.requests: list[tuple[str, str, dict[str, str], Any]] = []
        self.url = ""

    def says(self, status: int, content: Any = None, **headers: str) -> None:
        body = (
            b"" if content is None else content.encode() if isinstance(content, str) else json.dumps(content).encode()
        )
        self.answers.append((status, headers, body))


@pytest.fixture
def api() -> Iterator[Api]:
    made = Api()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            size = int(self.headers.get("content-length", 0))
            headers = {key.lower(): value for key, value in self.headers.items()}
            made.requests.append((self.command, self.path, headers, json.loads(self.rfile.read(size) or "null")))
            status, more, body = made.answers[0] if len(made.answers) == 1 else made.answers.pop(0)
            self.send_response(status)
            for key, value in more.items():
                self.send_header(key.replace("_", "-"), value)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_POST = do_PATCH = do_DELETE = do_GET  # noqa: N815 - the library's names

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


SIGN_UP = Step("Signs up.", "POST", "/signup", 200, body={}, keep={"token": "access_token"}, signed_in=False)
STEP = Step(
    "Looks.", "GET", "/things?user={email}", 200, expect={"things.0.name": "Curl"}, keep={"thing": "things.0.id"}
)
GOOD = {"things": [{"name": "Barbell Curl", "id": 7}]}


def play(api: Api, *steps: Step) -> int:
    return Player(api.url).play((SIGN_UP, *steps))


def test_what_a_step_keeps_stands_in_later_ones(api: Api, capsys: pytest.CaptureFixture[str]) -> None:
    api.says(200, {"access_token": "abc"})
    api.says(200, GOOD)
    api.says(201, {"a": 1}, x_again="yes")
    after = replace(
        Step("Adds.", "POST", "/things/{thing}", 201, body=[{"it's": "{thing}"}], headers={"key": "k-{thing}"}),
        expect={"a": 1},
        expect_headers={"x-again": "yes"},
    )

    assert play(api, STEP, after) == 0

    method, path, headers, body = api.requests[-1]
    assert (method, path, body) == ("POST", "/things/7", [{"it's": "7"}])
    assert (headers["authorization"], headers["key"]) == ("Bearer abc", "k-7")
    assert "authorization" not in api.requests[0][2]
    lines = capsys.readouterr().out.splitlines()
    assert "3. Adds." in lines
    called = '$ curl "$API/things/7" -H "authorization: Bearer $TOKEN" '
    assert called + """-H 'key: k-7' -H 'content-type: application/json' -d '[{"it'"'"'s": "7"}]'""" in lines
    assert {"201 Created", "x-again: yes", '  "a": 1'} <= set(lines)
    assert lines[-1].startswith("All 3 answers were as expected, in ")
    assert "\x1b" not in "".join(lines)  # no colours where nobody sees them


@pytest.mark.parametrize(
    ("status", "content", "problem"),
    [
        (500, GOOD, "expected the status 200"),
        (200, {"things": []}, "expected things.0.name to be 'Curl', not None"),
        (200, {"things": [{"name": "Press"}]}, "expected things.0.name to be 'Curl', not 'Press'"),
        (200, {"things": [{"name": "Curl"}]}, "expected the answer to have things.0.id"),
        (200, "<html>", "expected things.0.name to be 'Curl', not None"),
    ],
)
def test_an_answer_that_is_not_as_expected_ends_it_with_1(
    api: Api, capsys: pytest.CaptureFixture[str], status: int, content: Any, problem: str
) -> None:
    api.says(200, {"access_token": "abc"})
    api.says(status, content)
    assert play(api, STEP, STEP) == 1
    assert len(api.requests) == 2
    assert capsys.readouterr().out.splitlines()[-1] == f"✗ {problem}"


def test_a_missing_header_and_a_server_that_is_gone_end_it_with_1(api: Api, capsys: pytest.CaptureFixture[str]) -> None:
    api.says(200, {"access_token": "abc"})
    assert play(api, Step("Looks.", "GET", "/", 200, expect_headers={"x-again": "yes"})) == 1
    assert capsys.readouterr().out.endswith("✗ expected the header x-again: yes\n")
    api.url = "http://127.0.0.1:1"
    assert play(api) == 1


def test_a_step_that_may_take_a_moment_is_tried_again(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(demo, "PAUSE", 0.01)
    api.says(200, {"access_token": "abc"})
    api.says(200, {"things": []})
    api.says(200, {"things": []})
    api.says(200, GOOD)
    assert play(api, replace(STEP, within=10)) == 0
    assert len(api.requests) == 4


def test_a_stream_is_read_up_to_its_first_message(api: Api, capsys: pytest.CaptureFixture[str]) -> None:
    events = [{"control": {"heartbeat": {}}}, {"things": [{"name": "Curl", "id": 1}]}, {"things": []}]
    api.says(200, {"access_token": "abc"})
    api.says(200, "".join(f"data: {json.dumps(event)}\n\n" for event in events))
    assert play(api, replace(STEP, streams=True)) == 0
    api.answers = []
    api.says(200, {"access_token": "abc"})
    api.says(403, {"message": "no"})
    assert play(api, replace(STEP, streams=True)) == 1
    assert '  "message": "no"' in capsys.readouterr().out


def test_long_answers_are_cut_visibly(api: Api, capsys: pytest.CaptureFixture[str]) -> None:
    api.says(200, {"access_token": "x" * 500})
    resource = {"name": "Curl", "id": 1, "a": 1, "b": 2, "c": 3, "d": 4}
    api.says(200, {"things": [resource] * 5} | {f"field{n}": n for n in range(50)})
    assert play(api, STEP) == 0
    lines = capsys.readouterr().out.splitlines()
    assert f'  "access_token": "{"x" * demo.SHOWN_CHARACTERS}… (500 characters)"' in lines
    assert lines.count('      "…": "2 more"') == 3
    assert '    "… 2 more"' in lines
    assert "  … 39 more lines" in lines


def test_the_day_uses_no_name_before_it_is_kept() -> None:
    known = {"email", "username", "day"}
    for step in DAY:
        text = json.dumps([step.path, step.body, dict(step.headers), dict(step.expect)])
        used = {name for name in {*known, *(name for each in DAY for name in each.keep)} if f"{{{name}}}" in text}
        assert used <= known, step.sentence
        assert not step.signed_in or "token" in known
        known |= set(step.keep)
