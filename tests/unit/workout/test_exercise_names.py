"""How names of exercises are compared and shown."""

import pytest
from fitnesshub.workout.v1.exercise_pb2 import Exercise, ExerciseTranslation

from services.workout.domain.exercise_names import (
    compared_words,
    display_name,
    normal,
    singular,
    trigrams,
    unique_form,
)


@pytest.mark.parametrize(
    ("name", "compared"),
    [
        ("Pull-Up", "pull up"),
        ("  Bench   PRESS (wide) ", "bench press wide"),
        ("Farmer's Walk", "farmers walk"),
        ("Farmer\u2019s Walk", "farmers walk"),
        ("Liegestütze", "liegestutze"),
        ("Liegestu\u0308tze", "liegestutze"),
        ("Fußheben", "fussheben"),
        ("3/4 Sit-Up", "3 4 sit up"),
        ("Приседание", "приседание"),
        ("スクワット", "スクワット"),
        ("\U0001f3cb !?", ""),
        ("", ""),
    ],
)
def test_without_case_accents_and_punctuation(name: str, compared: str) -> None:
    assert normal(name) == compared


@pytest.mark.parametrize("name", ["Pull-Up", "Liegestütze", "3/4 Sit-Up", "İ", "ǰ", "Fußheben"])
def test_what_is_compared_stays_so(name: str) -> None:
    assert normal(normal(name)) == normal(name)


def test_a_name_without_letters_is_unique_by_itself() -> None:
    assert unique_form("\U0001f3cb  \U0001f3cb") == "\U0001f3cb \U0001f3cb"
    assert unique_form("Pull-Up") == unique_form("pull up")
    assert unique_form("Curl") != unique_form("Curls")


@pytest.mark.parametrize(
    ("word", "one"),
    [("curls", "curl"), ("biceps", "bicep"), ("ups", "up"), ("press", "press"), ("s", "s"), ("is", "is"), ("", "")],
)
def test_english_plurals(word: str, one: str) -> None:
    assert singular(word) == one


def test_what_lifters_write_in_short() -> None:
    assert compared_words("DB Bench Presses") == ("dumbbell", "bench", "presse")


def test_trigrams_know_where_a_word_begins_and_ends() -> None:
    assert trigrams("curl") == {"  c", " cu", "cur", "url", "rl "}
    assert trigrams("a") == {"  a", " a "}


@pytest.mark.parametrize(
    ("language", "name"),
    [("de", "Kniebeuge"), ("de-AT", "Kniebeuge"), ("pt-BR", "Agachamento"), ("pt-PT", "Squat"), ("fr", "Squat")],
)
def test_a_name_falls_back_to_the_language_and_to_english(language: str, name: str) -> None:
    translations = [
        ExerciseTranslation(language="de", name="Kniebeuge"),
        ExerciseTranslation(language="pt-BR", name="Agachamento"),
    ]

    assert display_name(Exercise(name="Squat", translations=translations), language) == name
