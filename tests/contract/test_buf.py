"""buf accepts our protos, and finds a style mistake and a broken promise when there is one."""

import shutil
from pathlib import Path

import pytest

from chassis.edge.buf import IMAGE, run
from tests.contract.source import ROOT

WORKOUT = Path("proto/fitnesshub/workout/v1/workout.proto")


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    shutil.copytree(ROOT / "proto", tmp_path / "proto")
    shutil.copy(ROOT / "buf.yaml", tmp_path)
    return tmp_path


def edit(file: Path, old: str, new: str) -> None:
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new))


def test_our_protos_are_clean(checkout: Path) -> None:
    assert run("lint", checkout) == 0


def test_nothing_released_is_broken(checkout: Path) -> None:
    assert run("breaking", checkout) == 0


def test_a_style_mistake_is_found(checkout: Path, capfd: pytest.CaptureFixture[str]) -> None:
    edit(checkout / WORKOUT, "optional string title = 3", "optional string Title = 3")
    assert run("lint", checkout) != 0
    assert "lower_snake_case" in capfd.readouterr().out


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("optional string title = 3", "reserved 3; optional string headline = 30", '"title"'),
        ("WorkoutSet sets = 7", "WorkoutSet sets = 17", '"7"'),
        ("optional int32 reps = 2", "optional string reps = 2", '"reps"'),
        ("WEIGHT_UNIT_LB = 2", "WEIGHT_UNIT_POUND = 2", "WEIGHT_UNIT_LB"),
    ],
)
def test_a_broken_promise_is_found(
    checkout: Path, capfd: pytest.CaptureFixture[str], old: str, new: str, said: str
) -> None:
    edit(checkout / WORKOUT, old, new)
    assert run("breaking", checkout) != 0
    assert said in capfd.readouterr().out


def test_an_addition_breaks_nothing_and_a_release_freezes_it(checkout: Path) -> None:
    edit(checkout / WORKOUT, "// Unit of a load", "// New.\nmessage Fresh {}\n\n// Unit of a load")
    before = (checkout / IMAGE).read_bytes()
    assert run("breaking", checkout) == 0
    assert run("image", checkout) == 0
    assert (checkout / IMAGE).read_bytes() != before
    edit(checkout / WORKOUT, "// New.\nmessage Fresh {}\n\n", "")
    assert run("breaking", checkout) != 0
