"""Exit codes and messages of `fitnesshub` are a contract; these need no stack."""

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from chassis.version import VERSION
from cli.main import main
from embedded.home import Home, create, lock, lock_children
from embedded.topology import service_names

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    for name in [name for name in os.environ if name.startswith("FITNESSHUB_") or name.endswith("_URL")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("FITNESSHUB_HOME", str(tmp_path / "home"))
    return Home(tmp_path / "home")


@pytest.fixture
def run(home: Home, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    def call(*words: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["fitnesshub", *words])
        try:
            code = main()
        except SystemExit as ended:
            code = int(ended.code or 0)
        out, err = capsys.readouterr()
        return code, out, err

    return call


def test_says_its_version(run: Run) -> None:
    assert run("--version") == (0, f"fitnesshub {VERSION}\n", "")


@pytest.mark.parametrize(
    "words",
    [
        *((), ("fly",), ("token", "--role", "king"), ("import",), ("import", "songs", "x.json")),
        ("import", "workouts"),
        ("import", "workouts", "x.csv", "--unit", "stone"),
        ("import", "workouts", "x.csv", "--time-zone", "Mars/Olympus"),
        ("import", "workouts", "x.csv", "--time-zone", "../../etc/passwd"),
        ("import", "workouts", "x.csv", "--time-zone", ""),
    ],
)
def test_wrong_usage_is_2(run: Run, words: tuple[str, ...]) -> None:
    code, out, err = run(*words)
    assert (code, out) == (2, "")
    assert err.startswith("usage: fitnesshub")


@pytest.mark.parametrize(
    "words",
    [
        ("events",),
        ("events", "dlq"),
        ("events", "dlq", "replay", "audit"),
        ("events", "dlq", "discard", "audit", "1-0", "--all"),
        ("events", "tail", "-n", "0"),
    ],
)
def test_wrong_usage_of_events_is_2(run: Run, words: tuple[str, ...]) -> None:
    code, out, err = run(*words)
    assert (code, out) == (2, "")
    assert err.startswith("usage: fitnesshub events")


@pytest.mark.parametrize(
    "words",
    [
        ("token",),
        ("migrate",),
        ("import", "exercises", "x.json"),
        ("import", "workouts", "x.csv"),
        ("events", "tail"),
        ("events", "lag"),
        ("events", "dlq", "list"),
        ("events", "dlq", "replay", "audit", "--all"),
    ],
)
def test_what_needs_a_stack_is_3_without_one(run: Run, home: Home, words: tuple[str, ...]) -> None:
    expected = f"fitnesshub: nothing is running in {home.root}; start it with `fitnesshub up`\n"
    assert run(*words) == (3, "", expected)


def test_status_without_a_stack(run: Run, home: Home) -> None:
    assert run("status") == (3, f"not running: {home.root}\n", "")
    code, out, _ = run("status", "--json")
    assert code == 3
    assert json.loads(out) == {
        "profile": None,
        "edge_url": None,
        "ready": False,
        "problem": "not running",
        "home": str(home.root),
        "services": [],
        "servers": [],
    }
    create(home)
    with lock(home):
        assert run("status") == (4, f"starting: {home.root}\n", "")


def test_down_and_clean_state_of_nothing_are_fine(run: Run, home: Home) -> None:
    assert run("down") == (0, f"nothing is running in {home.root}\n", "")
    assert run("clean-state") == (0, f"there is no state in {home.root}\n", "")


def test_clean_state_removes_everything(run: Run, home: Home) -> None:
    create(home)
    (home.data / "x").touch()
    with lock(home), lock_children(home):
        assert run("clean-state")[0] == 1
    assert run("clean-state") == (0, f"removed {home.root}\n", "")
    assert not home.root.exists()


def test_a_file_in_the_place_of_the_home(run: Run, home: Home) -> None:
    home.root.touch()
    assert run("up") == (1, "", f"fitnesshub: FITNESSHUB_HOME {home.root} is not a folder\n")


def test_up_names_a_wrong_setting(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FITNESSHUB_PORT", "http")
    code, out, err = run("up")
    assert (code, out) == (1, "")
    assert err.startswith("fitnesshub: FITNESSHUB_PORT is 'http'; it must be")


def test_config_shows_settings_and_no_secrets(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://owner:hunter2@db/x")
    monkeypatch.setenv("FITNESSHUB_WORKERS", "3")
    code, out, _ = run("config")
    assert code == 0
    assert {"FITNESSHUB_PORT=8080", "FITNESSHUB_WORKERS=3", "DATABASE_URL=…", "REDIS_URL="} <= set(out.splitlines())
    assert "hunter2" not in out


def test_config_of_one_service(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FITNESSHUB_USER_SIGN_UP_ENABLED", "false")
    code, out, _ = run("config", "user")
    assert code == 0
    assert "FITNESSHUB_USER_SIGN_UP_ENABLED=False" in out.splitlines()
    assert all(line.startswith("FITNESSHUB_USER_") for line in out.splitlines())
    monkeypatch.setenv("FITNESSHUB_USER_SHOE_SIZE", "43")
    assert run("config", "user") == (1, "", "fitnesshub: FITNESSHUB_USER_SHOE_SIZE: there is no such setting\n")
    expected = f"fitnesshub: there is no service 'shoes'; there are: {', '.join(service_names())}\n"
    assert run("config", "shoes") == (1, "", expected)


def test_logs(run: Run, home: Home) -> None:
    assert run("logs") == (1, "", f"fitnesshub: there are no logs in {home.logs}\n")
    create(home)
    (home.logs / "serve.log").write_text("one\ntwo\nthree\n")
    (home.logs / "user-serve.log").write_text("hello\n")
    assert run("logs", "-n", "2") == (0, "serve: two\nserve: three\nuser-serve: hello\n", "")
    assert run("logs", "user") == (0, "hello\n", "")
    assert run("logs", "shoes") == (1, "", "fitnesshub: there is no log of 'shoes'; there are: serve, user-serve\n")


def test_a_fault_of_ours_is_a_sentence_too(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_: object) -> int:
        raise ZeroDivisionError("by zero")

    monkeypatch.setattr("cli.logs.logs", broken)
    code, _, err = run("logs")
    assert code == 1
    assert err.startswith("fitnesshub: unexpected ZeroDivisionError: by zero (")
    assert err.count("\n") == 1
