"""The order in which a search shows exercises: what was meant comes first, typing errors included.

A name that is the query scores 3 and more, one that has words beginning with all its words 2 to 3, a similar one less.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

from services.workout.domain.exercise_index import NAME, SWAPPABLE, Term, grams_of, joined, letters
from services.workout.domain.exercise_names import CACHED, base_language, compared_words, trigrams

WHOLE_NAME = 3.0
BEGINNINGS = 2.0
LEAST_SIMILAR = 0.45
"""Mean likeness of the query's words below which a name isn't similar: `sqat` and `squat` have 0.55, `belt` and `bench`
0.36."""
SWAPPED = 0.9
"""Likeness of two words of the same letters: nearly as good as the word itself."""

ENOUGH = 20
"""Matches from which on similar names aren't looked for: what was typed is right, and they would only be noise."""

# What a match is worth within its tier; together less than 1.
WHOLE_WORDS = 0.28
"""For each word of the query being one of the name, not the beginning of one."""
HEAD = 0.15
"""For the name ending with a word of the query: an English name ends with what it is a kind of. In other languages it
may as well begin with it, as `Kniebeuge mit Langhantel`."""
START = 0.07
"""For an English name beginning with a word of the query."""
SHARE_OF_NAME = 0.18
"""For being the whole of the name, less for a part of it: shorter names come first."""
COMMON_MUSCLE = 0.17
"""For training the muscle that most of the good matches train: most curls are for the biceps, some for the legs."""
SAME_MUSCLE = 3
"""Good matches that must have a muscle in common before that says anything."""
WELL_KNOWN = 0.12
"""For having many names; what is done everywhere is called in many ways."""
OWN_NAME = 0.08
"""For a match in the exercise's name; half of it for one in an alias or in another language."""
MANY_NAMES = 6
"""Names beside the first from which on more say nothing."""
EXERCISE_ITSELF = 0.4
"""When the whole name was given: for its being the name, not an alias of another exercise."""


class Candidate(NamedTuple):
    """An exercise that may be what was meant."""

    exercise_id: str
    terms: Sequence[str]
    """Its names, encoded; the first is its name in English."""
    muscle: int
    """The first of its muscles; 0 when they are unknown."""
    in_library: bool


Order = tuple[float, int, bool, str]
"""Ascending: the better match first, then the shorter name, then the library's before people's own, then by id."""


class Found(NamedTuple):
    """An exercise that fits."""

    exercise_id: str
    score: float
    matched_name: str
    order: Order


@dataclass(frozen=True, slots=True)
class Query:
    """What somebody looks for."""

    words: tuple[str, ...]
    grams: frozenset[str]
    languages: frozenset[str]
    """Of the names to look in; the empty one is English."""

    @property
    def whole(self) -> str:
        """Without blanks."""
        return "".join(self.words)

    @property
    def beginnings(self) -> tuple[list[str], list[str]]:
        """Trigrams of a name with words that begin with all words of the query, or with all of them written as one."""
        return sorted({gram for word in self.words for gram in _beginning(word)}), sorted(_beginning(self.whole))

    @property
    def least(self) -> int:
        """How many of `grams` a similar exercise shares, given LEAST_SIMILAR: a third."""
        return -(-(len(self.grams) - 1) // 3)

    @property
    def telling(self) -> list[str]:
        """Of `grams`, those of which a similar exercise has one at least: it can lack no more than the others.

        The first and last letters of words are left out, which a third of all names share.
        """
        by_rarity = sorted(self.grams, key=lambda gram: (gram.count(" "), gram), reverse=True)
        return sorted(by_rarity[self.least - 1 :])


def query_of(text: str, language: str) -> Query:
    """The query for what was typed; without words when it has neither letters nor digits."""
    return Query(compared_words(text), grams_of(text), frozenset({"", language, base_language(language)}))


def _beginning(word: str) -> set[str]:
    padded = f"  {word}"
    return {padded[start : start + 3] for start in range(min(1, len(word) - 1), len(padded) - 2)}


class Match(NamedTuple):
    """An exercise that fits a query, before it is compared with the others that do. Plain values: it can be kept."""

    exercise_id: str
    muscle: int
    in_library: bool
    names: int
    length: int
    """Of its name in English."""
    tier: float
    worth: float
    matched_name: str


class _Fit(NamedTuple):
    """How a name fits a query."""

    tier: float
    worth: float
    term: Term


def match(query: Query, candidate: Candidate, *, similar: bool) -> Match | None:
    """How well the best of a candidate's names fits; None when none does. 2 to 8 µs.

    similar: whether names count that are only similar.
    """
    best = None
    for stored in candidate.terms:
        term = Term.decode(stored)
        if term.language in query.languages:
            found = _match(query, term, similar=similar)
            if found is not None and (best is None or found.tier + found.worth > best.tier + best.worth):
                best = found
    if best is None:
        return None
    length = len(Term.decode(candidate.terms[0]).text)
    return Match(
        candidate.exercise_id,
        candidate.muscle,
        candidate.in_library,
        len(candidate.terms),
        length,
        best.tier,
        best.worth,
        best.term.text,
    )


def ranked(found: Sequence[Match]) -> list[Found]:
    """What fits, best first."""
    muscles = Counter(each.muscle for each in found if each.tier >= BEGINNINGS and each.muscle)
    common = next((muscle for muscle, count in muscles.most_common(1) if count >= SAME_MUSCLE), None)
    return sorted((_judge(each, common) for each in found), key=lambda each: each.order)


def _judge(match: Match, common_muscle: int | None) -> Found:
    worth = match.worth + WELL_KNOWN * min(match.names - 1, MANY_NAMES) / MANY_NAMES
    if match.muscle == common_muscle:
        worth += COMMON_MUSCLE
    # Likeness decides among similar names, the rest only between equals.
    score = match.tier + (worth if match.tier >= BEGINNINGS else worth / 10)
    order = (-score, match.length, not match.in_library, match.exercise_id)
    return Found(match.exercise_id, score, match.matched_name, order)


def _match(query: Query, term: Term, *, similar: bool) -> _Fit | None:
    words = compared_words(term.text)
    if not words:
        return None
    share = min(1.0, len(query.whole) / sum(map(len, words)))
    own = term.kind == NAME and not term.language
    worth = SHARE_OF_NAME * share + (OWN_NAME if own else OWN_NAME / 2)
    if "".join(words) == query.whole:
        return _Fit(WHOLE_NAME, (EXERCISE_ITSELF if own else 0) + worth, term)
    named = {*words, *joined(words)}
    if query.whole in named or all(word in named for word in query.words):
        starts = words[0] in query.words or query.whole.startswith(words[0])
        ends = words[-1] in query.words or query.whole.endswith(words[-1])
        place = HEAD if ends or (starts and term.language) else START if starts else 0
        return _Fit(BEGINNINGS, WHOLE_WORDS + place + worth, term)
    if all(any(each.startswith(word) for each in named) for word in query.words):
        return _Fit(BEGINNINGS, worth, term)
    if not similar:
        return None
    likeness = sum(max(_likeness(word, each) for each in named) for word in query.words) / len(query.words)
    return _Fit(likeness * 1.9, worth, term) if likeness >= LEAST_SIMILAR else None


@lru_cache(maxsize=CACHED)
def _likeness(word: str, other: str) -> float:
    """How alike two words are, 0 to 1: Dice's coefficient of their trigrams."""
    if other.startswith(word):
        return 1.0
    ours, theirs = trigrams(word), trigrams(other)
    likeness = 2 * len(ours & theirs) / (len(ours) + len(theirs))
    if likeness < SWAPPED and len(word) >= SWAPPABLE and letters(word) == letters(other):
        return SWAPPED
    return likeness
