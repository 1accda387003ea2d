"""`fitnesshub import exercises`: the real library goes through the edge, and again."""

import os
import re
from pathlib import Path

import pytest

from tests.e2e.stack import Stack

ROOT = Path(__file__).parents[2]
LIBRARY = ROOT / os.environ.get("FITNESSHUB_VECTORS", "../shared/vectors") / "exercises/free-exercise-db.json"
SAMPLE = ROOT / "tests/data/exercises/sample.json"


@pytest.mark.skipif(not LIBRARY.exists(), reason=f"no public test data: {LIBRARY} (FITNESSHUB_VECTORS)")
def test_the_whole_library_is_merged_with_ours_and_a_second_import_adds_none(stack: Stack, tmp_path: Path) -> None:
    report = tmp_path / "merges.txt"

    first = stack.run("import", "exercises", str(LIBRARY), "--report", str(report))
    second = stack.run("import", "exercises", str(LIBRARY))

    assert first.returncode == 0, first.stderr + first.stdout
    counted = re.fullmatch(
        r"873 exercises: (\d+) created, (\d+) merged, 0 updated, 0 unchanged, 0 refused\n", first.stdout
    )
    assert counted, first.stdout
    created, merged = map(int, counted.groups())
    assert merged >= 480
    assert created == 873 - merged
    lines = report.read_text().splitlines()
    assert len(lines) == merged
    assert "Dumbbell Bicep Curl -> Dumbbell Biceps Curl" in lines
    assert second.stdout == "873 exercises: 0 created, 0 merged, 0 updated, 873 unchanged, 0 refused\n"
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
