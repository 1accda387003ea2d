"""`fitnesshub import exercises`: the real library goes through the edge, and again."""

import os
from pathlib import Path

import pytest

from tests.e2e.stack import Stack

ROOT = Path(__file__).parents[2]
LIBRARY = ROOT / os.environ.get("FITNESSHUB_VECTORS", "../shared/vectors") / "exercises/free-exercise-db.json"
SAMPLE = ROOT / "tests/data/exercises/sample.json"


@pytest.mark.skipif(not LIBRARY.exists(), reason=f"no public test data: {LIBRARY} (FITNESSHUB_VECTORS)")
def test_a_second_import_of_the_whole_library_adds_none(stack: Stack) -> None:
    first = stack.run("import", "exercises", str(LIBRARY))
    assert first.returncode == 0, first.stderr + first.stdout
    second = stack.run("import", "exercises", str(LIBRARY))

    assert first.stdout == "873 exercises: 873 created, 0 updated, 0 unchanged, 0 refused\n"
    assert second.stdout == "873 exercises: 0 created, 0 updated, 873 unchanged, 0 refused\n"
    assert second.returncode == 0, second.stderr


def test_rows_that_cannot_be_mapped_are_refused_by_name_and_the_others_stored(stack: Stack) -> None:
    done = stack.run("import", "exercises", str(SAMPLE))

    lines = done.stdout.splitlines()
    assert done.returncode == 1
    assert "refused Moon Walk: category 'dancing' is unknown" in lines
    assert lines[-1].startswith("12 exercises: ")
    assert lines[-1].endswith(", 10 refused")


def test_a_malformed_file_ends_with_one_sentence(stack: Stack, tmp_path: Path) -> None:
    file = tmp_path / "broken.json"
    file.write_text("[{")

    done = stack.run("import", "exercises", str(file))

    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith(f"{file} isn't a JSON file: ")
    assert done.stderr.count("\n") == 1
