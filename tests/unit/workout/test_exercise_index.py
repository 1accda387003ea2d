"""The columns that are derived from an exercise."""

from fitnesshub.workout.v1.exercise_pb2 import (
    EQUIPMENT_BARBELL,
    EXERCISE_CATEGORY_STRENGTH,
    EXERCISE_LEVEL_EXPERT,
    MOVEMENT_PATTERN_SQUAT,
    MUSCLE_CALVES,
    MUSCLE_GLUTES,
    MUSCLE_QUADRICEPS,
    Exercise,
    ExerciseTranslation,
)

from services.workout.domain.exercise_index import SIGNATURE_BITS, Term, grams_of, index_of, signature_of

SQUAT = Exercise(
    name="Back  Squat",
    category=EXERCISE_CATEGORY_STRENGTH,
    level=EXERCISE_LEVEL_EXPERT,
    equipment=EQUIPMENT_BARBELL,
    movement=MOVEMENT_PATTERN_SQUAT,
    primary_muscles=[MUSCLE_QUADRICEPS, MUSCLE_CALVES],
    secondary_muscles=[MUSCLE_GLUTES, MUSCLE_QUADRICEPS],
    variation_group="squat",
    aliases=["High-Bar"],
    translations=[ExerciseTranslation(language="de", name="Kniebeuge", aliases=["Tiefe Beuge"])],
)


def test_filters() -> None:
    index = index_of(SQUAT)

    assert (index.category, index.level, index.equipment, index.movement) == (1, 3, 2, 1)
    assert index.muscles == [MUSCLE_QUADRICEPS, MUSCLE_CALVES, MUSCLE_GLUTES]
    assert (index.unique_name, index.variation_group) == ("back squat", "squat")


def test_every_name_is_a_term() -> None:
    terms = [Term.decode(each) for each in index_of(SQUAT).terms]

    assert terms == [
        Term("n", "", "Back Squat"),
        Term("a", "", "High-Bar"),
        Term("n", "de", "Kniebeuge"),
        Term("a", "de", "Tiefe Beuge"),
    ]
    assert [each.encode() for each in terms] == index_of(SQUAT).terms


def test_names_without_letters_have_a_term_and_no_grams() -> None:
    index = index_of(Exercise(name="\U0001f3cb"))

    assert Term.decode(index.terms[0]).text == "\U0001f3cb"
    assert index.grams == []


def test_grams_hold_words_pairs_swapped_letters_and_the_whole() -> None:
    grams = grams_of("Pull-Ups, wide")

    assert {"  p", " pu", "ull", "ll ", " up", " wi"} <= grams  # the words
    assert {"llu", "lup", "pwi"} <= grams  # neighbours as one
    assert {"~llpu", "~deiw"} <= grams  # four letters and more
    assert not {"~pu", "~p"} & grams
    assert "=pullupwide" in grams


def test_own_exercises_are_not_in_the_index_of_grams() -> None:
    own = Exercise()
    own.CopyFrom(SQUAT)
    own.owner_id = "somebody"

    assert index_of(own).grams == []
    assert index_of(own).terms == index_of(SQUAT).terms


def test_the_signature_has_a_bit_for_each_gram() -> None:
    signature = signature_of(["abc", "def"])

    assert len(signature) == SIGNATURE_BITS
    assert signature.count("1") == 2
    assert signature_of(["abc"]).index("1") in (signature.index("1"), signature.rindex("1"))
    assert set(signature_of([])) == {"0"}
