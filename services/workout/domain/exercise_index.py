"""What queries need to know of an exercise, derived from its message: filter columns, searched names, trigrams."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple
from zlib import crc32

from fitnesshub.workout.v1.exercise_pb2 import Exercise

from services.workout.domain.exercise_names import compared_words, one_line, trigrams, unique_form

FORM = 1
"""To be raised when any of the columns is derived in another way: the upkeep then writes them anew in all rows."""
SIGNATURE_BITS = 1024
"""A name with aliases and translations has 30 to 200 trigrams: two of them share a bit in 3 to 20 % of cases."""
NAME = "n"
ALIAS = "a"
WHOLE = "="
"""Before a whole name among the trigrams. Neither blank nor letter, so no trigram begins so."""
LETTERS = "~"
"""Before the sorted letters of a word among the trigrams."""
SWAPPABLE = 4
"""Letters of a word from which two swapped ones are taken for a typing error: `ohp` and `hop` are two words."""


class Term(NamedTuple):
    """One name of an exercise."""

    kind: str
    """NAME or ALIAS."""
    language: str
    """Empty for English."""
    text: str

    def encode(self) -> str:
        """As it is stored."""
        return f"{self.kind}{self.language} {self.text}"

    @staticmethod
    def decode(stored: str) -> "Term":
        """Reads what `encode` gave."""
        head, _, text = stored.partition(" ")
        return Term(head[0], head[1:], text)


@dataclass(frozen=True, slots=True)
class ExerciseIndex:
    """Columns beside the wire form."""

    unique_name: str
    category: int
    level: int
    equipment: int
    movement: int
    muscles: list[int]
    """Primary ones first, each once."""
    variation_group: str
    terms: list[str]
    """Every name of it, encoded."""
    grams: list[str]
    """What `grams_of` gives for all names. None for a person's own exercise: few enough to be looked at one by one."""
    signature: str
    """`grams` as bits, so that the database counts quickly how many of them a query shares."""


def index_of(exercise: Exercise) -> ExerciseIndex:
    """The columns of an exercise."""
    names = list(_terms(exercise))
    grams = [] if exercise.owner_id else sorted(frozenset().union(*(grams_of(name.text) for name in names)))
    return ExerciseIndex(
        unique_name=unique_form(exercise.name),
        category=exercise.category,
        level=exercise.level,
        equipment=exercise.equipment,
        movement=exercise.movement,
        muscles=list(dict.fromkeys((*exercise.primary_muscles, *exercise.secondary_muscles))),
        variation_group=exercise.variation_group,
        terms=[name.encode() for name in names],
        grams=grams,
        signature=signature_of(grams),
    )


def grams_of(name: str) -> frozenset[str]:
    """What of a name is looked up.

    The trigrams of its words and of each two neighbours written as one, so that `pullup` is found in `Wide Pull-Up`;
    the sorted letters of each word, which a word with two letters swapped shares; and the whole of it without blanks.
    """
    words = compared_words(name)
    if not words:
        return frozenset()
    grams = {gram for word in (*words, *joined(words)) for gram in trigrams(word)}
    grams.update(LETTERS + letters(word) for word in words if len(word) >= SWAPPABLE)
    grams.add(WHOLE + "".join(words))
    return frozenset(grams)


def joined(words: Sequence[str]) -> list[str]:
    """Each two neighbouring words written as one."""
    return [first + second for first, second in pairwise(words)]


def letters(word: str) -> str:
    """The letters of a word, sorted."""
    return "".join(sorted(word))


def signature_of(grams: Iterable[str]) -> str:
    """SIGNATURE_BITS digits 0 and 1, one set for each gram."""
    bits = bytearray(b"0" * SIGNATURE_BITS)
    for gram in grams:
        bits[crc32(gram.encode()) % SIGNATURE_BITS] = 0x31
    return bits.decode()


def _terms(exercise: Exercise) -> Iterator[Term]:
    yield Term(NAME, "", one_line(exercise.name))
    for alias in exercise.aliases:
        yield Term(ALIAS, "", one_line(alias))
    for translation in exercise.translations:
        yield Term(NAME, translation.language, one_line(translation.name))
        for alias in translation.aliases:
            yield Term(ALIAS, translation.language, one_line(alias))
