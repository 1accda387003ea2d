"""Rules of an import."""

from fitnesshub.workout.v1.exercise_pb2 import MUSCLE_CHEST, Exercise

from services.workout.domain.exercises import problems_of_rows


def row(source_id: str) -> Exercise:
    return Exercise(source_id=source_id, primary_muscles=[MUSCLE_CHEST])


def test_a_row_without_an_id_in_its_source_is_refused() -> None:
    assert problems_of_rows([row(" "), row("a"), row("")]) == [
        ["sourceId: is required"],
        [],
        ["sourceId: is required"],
    ]


def test_a_row_without_muscles_is_refused() -> None:
    assert problems_of_rows([Exercise(), Exercise(source_id="a", secondary_muscles=[MUSCLE_CHEST])]) == [
        ["primaryMuscles: is required", "sourceId: is required"],
        ["primaryMuscles: is required"],
    ]


def test_of_rows_with_the_same_id_the_later_ones_are_refused() -> None:
    taken = "sourceId: already used by exercises[0] of this request"

    assert problems_of_rows([row(each) for each in ("a", "b", "a", "a", "c")]) == [[], [], [taken], [taken], []]
