"""The order of a search, rule by rule."""

from collections.abc import Sequence

import pytest

from services.workout.domain.exercise_index import Term, grams_of
from services.workout.domain.exercise_search import Candidate, Found, match, query_of, ranked


def exercise(name: str, *aliases: str, muscle: int = 1, in_library: bool = True, **translated: str) -> Candidate:
    terms = [Term("n", "", name), *(Term("a", "", alias) for alias in aliases)]
    terms += [Term("n", language, text) for language, text in translated.items()]
    return Candidate(f"id of {name}", [term.encode() for term in terms], muscle, in_library)


def order(query: str, candidates: Sequence[Candidate], language: str = "") -> list[Found]:
    asked = query_of(query, language)
    judged = [match(asked, each, similar=True) for each in candidates]
    return ranked([found for found in judged if found is not None])


@pytest.mark.parametrize(
    ("query", "better", "worse"),
    [
        # The whole name over its parts.
        ("plank", exercise("Plank"), exercise("Side Plank")),
        ("plank", exercise("Front Hold", "Plank"), exercise("Side Plank")),
        # The name itself over an alias.
        ("squat", exercise("Squat"), exercise("Barbell Squat", "Squat", "a", "b", "c", "d", "e")),
        # A whole word over the beginning of one.
        ("row", exercise("Inverted Row"), exercise("Rowing")),
        # What an English name ends with over what it begins with, and that over its middle.
        ("curl", exercise("Zottman Curl"), exercise("Curl Machines")),
        ("press", exercise("Press Down Machine"), exercise("Chest Press Machine")),
        # In other languages the beginning is as good.
        ("kniebeuge", exercise("a", de="Kniebeuge xx yyy"), exercise("b", de="xxx Kniebeuge Machine")),
        # Shorter names.
        ("press", exercise("Arnold Press"), exercise("Alternating Arnold Press")),
        # What has many names.
        ("curl", exercise("Hammer Curl", "Neutral Curl"), exercise("Waiter Curl")),
        # Names over aliases.
        ("curl", exercise("Drag Curl"), exercise("xxxx yyyy", "Arms Curl")),
        # Words over likeness.
        ("press", exercise("Very Long Name With Some Press In It"), exercise("Pres")),
        # The library over somebody's own.
        ("curl", exercise("Drag Curl"), exercise("Grad Curl", in_library=False)),
    ],
)
def test_what_comes_first(query: str, better: Candidate, worse: Candidate) -> None:
    language = "de" if any(Term.decode(term).language for term in better.terms) else ""

    found = [each.exercise_id for each in order(query, [worse, better], language)]

    assert found[0] == better.exercise_id


def test_the_muscle_that_most_matches_train_comes_first() -> None:
    curls = [exercise(f"{name} Curl", muscle=4) for name in ("Hammer", "Zottman", "Preacher")]

    assert order("curl", [exercise("Leg Curl", muscle=9), *curls])[-1].exercise_id == "id of Leg Curl"
    assert order("curl", [exercise("Leg Curl", muscle=9), *curls[:2]])[0].exercise_id == "id of Leg Curl"


def test_unknown_muscles_have_nothing_in_common() -> None:
    unknown = [exercise(f"{name} Curl", muscle=0) for name in ("Hammer", "Zottman", "Preacher")]

    assert order("curl", [exercise("Leg Curl", muscle=9), *unknown])[0].exercise_id == "id of Leg Curl"


@pytest.mark.parametrize(
    ("query", "name"),
    [
        ("pullup", "Wide-Grip Pull-Up"),
        ("pull up", "Pullups"),
        ("romanian dead lift", "Romanian Deadlift"),
        ("press bench", "Bench Press"),
        ("ben pre", "Bench Press"),
        ("biceps curls", "Bicep Curl"),
        ("kb swing", "Kettlebell Swing"),
        ("farmers", "Farmer's Walk"),
    ],
)
def test_what_has_all_words_scores_two_and_more(query: str, name: str) -> None:
    [found] = order(query, [exercise(name)])

    assert found.score >= 2


@pytest.mark.parametrize(
    ("query", "name"),
    [
        ("bicep crul", "Biceps Curl"),
        ("bech press", "Bench Press"),
        ("dedlift", "Deadlift"),
        ("sqat", "Squat"),
        ("sqaut", "Squat"),
        ("lat pulldwon", "Lat Pulldown"),
        ("tricep extention", "Triceps Extension"),
    ],
)
def test_typing_errors_score_less_than_two(query: str, name: str) -> None:
    [found] = order(query, [exercise(name)])

    assert 0.8 < found.score < 2
    asked = query_of(query, "")
    assert not asked.grams.isdisjoint(grams_of(name))
    assert set(asked.telling) & grams_of(name)
    assert len(asked.grams & grams_of(name)) >= asked.least
    assert match(asked, exercise(name), similar=False) is None


@pytest.mark.parametrize(("query", "name"), [("ohp", "Hop"), ("squat", "Plank"), ("belt", "Bench"), ("curl", "Crunch")])
def test_what_is_not_similar(query: str, name: str) -> None:
    assert order(query, [exercise(name)]) == []


@pytest.mark.parametrize("name", ["Bench Press", "Pull-Up", "P", "3/4 Sit-Up", "Kniebeuge mit Langhantel"])
def test_an_exercise_is_among_the_candidates_for_its_own_name_and_any_beginning(name: str) -> None:
    for length in range(1, len(name) + 1):
        words, whole = query_of(name[:length], "").beginnings
        grams = grams_of(name)
        assert set(words) <= grams or set(whole) <= grams, name[:length]


def test_only_names_of_the_language_count() -> None:
    squat = exercise("Squat", de="Kniebeuge", fr="Accroupi")

    assert order("kniebeuge", [squat]) == []
    assert order("accroupi", [squat], "de") == []
    assert order("kniebeuge", [squat], "de-CH")[0].matched_name == "Kniebeuge"
    assert order("squat", [squat], "de")[0].matched_name == "Squat"


def test_scores_stay_in_their_tiers() -> None:
    names = ["Plank", "Side Plank", "Planking", "Palnk"]
    aliases = [f"Plank {number}" for number in range(8)]

    scores = [each.score for each in order("plank", [exercise(name, *aliases, muscle=1) for name in names])]
    assert all(2 <= score < 4 for score in scores)
    assert [int(each.score) for each in order("plank", [exercise(name) for name in names])] == [3, 2, 2, 1]


def test_equals_are_in_the_order_of_their_ids() -> None:
    twins = [Candidate(each, [Term("n", "", "Plank").encode()], 1, in_library=True) for each in "cab"]

    assert [each.exercise_id for each in order("plank", twins)] == ["a", "b", "c"]


def test_a_query_without_letters_has_no_words() -> None:
    assert query_of("!? \U0001f3cb", "").words == ()
