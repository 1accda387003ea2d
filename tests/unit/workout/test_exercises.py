"""Rules of an import."""

from fitnesshub.workout.v1.exercise_pb2 import Exercise

from services.workout.domain.exercises import problems_of_ids


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
