"""`fitnesshub demo` is what a newcomer sees first, and a smoke test of everything it shows."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from cli.demo_steps import DAY
from tests.e2e.stack import Stack


def test_every_answer_of_the_day_is_as_expected(stack: Stack) -> None:
    done = stack.run("demo")

    assert done.returncode == 0, done.stdout[-3000:] + done.stderr
    lines = done.stdout.splitlines()
    assert [f"{number}. {step.sentence}" for number, step in enumerate(DAY, 1)] == [
        line for line in lines if line[:1].isdigit() and ". " in line[:4]
    ]
    assert sum(line.startswith("$ curl ") for line in lines) == len(DAY)
    assert lines[-1].startswith(f"All {len(DAY)} answers were as expected, in ")
    assert "\x1b" not in done.stdout
    assert stack.status()["ready"]  # it stops no stack that it didn't start


@pytest.fixture
def own(tmp_path: Path) -> Iterator[Stack]:
    """A stack that doesn't run."""
    made = Stack(tmp_path / "home")
    yield made
    made.down()


def test_where_nothing_runs_a_stack_is_started_and_stopped(own: Stack) -> None:
    done = own.run("demo")

    assert done.returncode == 0, done.stdout[-3000:] + done.stderr
    lines = done.stdout.splitlines()
    assert lines[0].startswith("Nothing runs here, so the demo starts a stack, and stops it at the end.")
    assert lines[-1] == "stopped"
    assert own.run("status").returncode == 3
    assert own.processes() == []
