"""Rules of an import."""

from datetime import UTC, datetime, timedelta

from fitnesshub.workout.v1.exercise_pb2 import (
    EXERCISE_CATEGORY_STRENGTH,
    EXERCISE_LEVEL_BEGINNER,
    MUSCLE_GLUTES,
    Exercise,
)
from google.protobuf.timestamp_pb2 import Timestamp

from services.workout.domain.etags import etag
from services.workout.domain.exercises import imported, problems_of_ids

NOW = datetime(2026, 3, 1, 18, 30, tzinfo=UTC)
EXERCISE_ID = "0195a3c0-0000-7000-8000-0000000000e1"


def row() -> Exercise:
    return Exercise(
        name="Hip Thrust",
        source_id="Hip_Thrust",
        category=EXERCISE_CATEGORY_STRENGTH,
        level=EXERCISE_LEVEL_BEGINNER,
        primary_muscles=[MUSCLE_GLUTES],
    )


def test_a_new_row_becomes_version_one() -> None:
    exercise = imported(row(), "some-library", EXERCISE_ID, None, 1, NOW)

    assert (exercise.id, exercise.source, exercise.source_id) == (EXERCISE_ID, "some-library", "Hip_Thrust")
    assert exercise.etag == etag(EXERCISE_ID, 1)
    assert exercise.create_time.ToDatetime(UTC) == exercise.update_time.ToDatetime(UTC) == NOW


def test_the_same_row_again_is_the_stored_exercise_itself() -> None:
    stored = imported(row(), "some-library", EXERCISE_ID, None, 1, NOW)

    assert imported(row(), "some-library", EXERCISE_ID, stored, 2, NOW + timedelta(days=1)) is stored


def test_a_changed_row_keeps_the_time_it_came() -> None:
    stored = imported(row(), "some-library", EXERCISE_ID, None, 1, NOW)
    changed = row()
    changed.secondary_muscles.append(MUSCLE_GLUTES)

    exercise = imported(changed, "some-library", EXERCISE_ID, stored, 2, NOW + timedelta(days=1))

    assert list(exercise.secondary_muscles) == [MUSCLE_GLUTES]
    assert exercise.etag == etag(EXERCISE_ID, 2)
    assert exercise.create_time.ToDatetime(UTC) == NOW
    assert exercise.update_time.ToDatetime(UTC) == NOW + timedelta(days=1)


def test_what_the_server_decides_is_not_taken_from_the_row() -> None:
    forged = row()
    forged.MergeFrom(Exercise(id="mine", source="theirs", etag="x", create_time=Timestamp(seconds=1)))

    exercise = imported(forged, "some-library", EXERCISE_ID, None, 1, NOW)

    assert exercise == imported(row(), "some-library", EXERCISE_ID, None, 1, NOW)


def test_a_row_without_an_id_in_its_source_is_refused() -> None:
    assert problems_of_ids([Exercise(source_id=" "), Exercise()]) == {
        0: "sourceId: is required",
        1: "sourceId: is required",
    }


def test_of_rows_with_the_same_id_the_later_ones_are_refused() -> None:
    rows = [Exercise(source_id=each) for each in ("a", "b", "a", "a", "c")]

    assert problems_of_ids(rows) == {
        2: "sourceId: already used by exercises[0] of this request",
        3: "sourceId: already used by exercises[0] of this request",
    }
