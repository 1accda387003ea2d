"""Names of exercises as they are compared: without case, accents and punctuation, cut into words and trigrams."""

import unicodedata
from functools import lru_cache

from fitnesshub.workout.v1.exercise_pb2 import Exercise

CACHED = 65_536
"""Names, and as many words, kept in their compared form: some 30 MiB for a library of 20,000 exercises."""
_APOSTROPHES = str.maketrans("", "", "'\u2019\u02bc`\u00b4")
"""`Farmer's` is compared as `farmers`, not as two words."""

SHORT_FOR = {"db": "dumbbell", "bb": "barbell", "kb": "kettlebell"}
"""What lifters write in short, in names as well as in queries."""


def normal(name: str) -> str:
    """The name as it is compared: lower case, no accents, words of letters and digits with one blank between.

    Empty when it has neither letters nor digits.
    """
    plain = name.translate(_APOSTROPHES)
    if not plain.isascii():
        decomposed = unicodedata.normalize("NFKD", plain)
        plain = "".join(each for each in decomposed if not unicodedata.combining(each))
    return " ".join("".join(each if each.isalnum() else " " for each in plain.casefold()).split())


def one_line(name: str) -> str:
    """The name as it is stored: single blanks between its words and none around them."""
    return " ".join(name.split())


def unique_form(name: str) -> str:
    """What may be there once among the exercises of one person; never empty for a name that isn't blank."""
    return normal(name) or " ".join(name.casefold().split())


def singular(word: str) -> str:
    """The word without the s of an English plural, so that `bicep` and `curls` are whole words of `Biceps Curl`."""
    return word[:-1] if len(word) > 2 and word.endswith("s") and not word.endswith("ss") else word


@lru_cache(maxsize=CACHED)
def compared_words(name: str) -> tuple[str, ...]:
    """The words of a name that are compared, in its order."""
    return tuple(SHORT_FOR.get(word) or singular(word) for word in normal(name).split())


@lru_cache(maxsize=CACHED)
def trigrams(word: str) -> frozenset[str]:
    """All runs of three characters in the word with two blanks before it and one behind, as pg_trgm takes them.

    So the beginning of a word counts more than its end.
    """
    padded = f"  {word} "
    return frozenset(padded[start : start + 3] for start in range(len(padded) - 2))


def display_name(exercise: Exercise, language: str) -> str:
    """The name in a language (BCP 47): as asked for, else without script and region, else in English."""
    names = {each.language: each.name for each in exercise.translations}
    return names.get(language) or names.get(base_language(language)) or exercise.name


def base_language(tag: str) -> str:
    """The language of a tag without script and region, as `pt` of `pt-BR`."""
    return tag.partition("-")[0]
