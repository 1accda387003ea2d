"""What people are found by: keys that a query is the beginning of, so that a sorted index answers it.

A key is a username, or a shown name from one of its words on, as `ada lovelace` and `lovelace`.
"""

import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum

MAX_WORDS = 8
"""Words of a shown name that count. More are no name, and each costs a row."""
MAX_KEY = 100
"""Characters of a key and of a query. A shown name has as many; taken apart (as ligatures are) it may have more."""

# Letters that Unicode doesn't take apart into a base and a mark, by what people without them type.
_LETTERS = {"ø": "o", "ł": "l", "đ": "d", "ð": "d", "ħ": "h", "ŧ": "t", "æ": "ae", "œ": "oe", "þ": "th"}
_DOTLESS_I = {"\u0131": "i"}
_DROPPED = dict.fromkeys("'`’\u02bc", "")
"""Apostrophes: whoever looks for O'Brien may type one or not."""
_REPLACED = str.maketrans(_LETTERS | _DOTLESS_I | _DROPPED)


class Kind(IntEnum):
    """What a key comes from. Lower kinds are better matches."""

    USERNAME = 0
    NAME = 1


@dataclass(frozen=True, slots=True)
class SearchKey:
    """One thing that a person is found by."""

    kind: Kind
    key: str
    covered: int
    """Queries no longer than this that find the key find the person by something better, too, and pass over the key:
    the length of what it has in common with the username, or with a key of the same kind that comes before it."""


@dataclass(frozen=True, slots=True)
class Query:
    """What is looked for, by kind. Empty: nothing of that kind can match."""

    username: str
    name: str


def fold(text: str) -> str:
    """Text without regard to case, accents and punctuation; dots and underscores stay."""
    plain = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", text).casefold()).translate(_REPLACED)
    kept = "".join(each if _is_kept(each) else " " for each in plain if not unicodedata.combining(each))
    return " ".join(kept.split())


def query(text: str) -> Query:
    """What a query looks for."""
    folded = fold(text).strip(" .")[:MAX_KEY]
    return Query("" if " " in folded else folded, _without_dots(folded))


def keys(username: str, shown_name: str) -> list[SearchKey]:
    """The keys of a person; an empty name has none."""
    found = [SearchKey(Kind.USERNAME, username, 0)] if username else []
    earlier: list[str] = []
    for key in sorted(_names(shown_name)):
        covered = max((_common(key, better) for better in (username, *earlier)), default=0)
        found.append(SearchKey(Kind.NAME, key, covered))
        earlier.append(key)
    return found


def _names(shown_name: str) -> Iterator[str]:
    words = _without_dots(fold(shown_name)).split()[:MAX_WORDS]
    for first in range(len(words)):
        yield " ".join(words[first:])[:MAX_KEY]


def _without_dots(folded: str) -> str:
    return " ".join(folded.replace(".", " ").split())


def _is_kept(character: str) -> bool:
    # Marks that aren't dropped are vowels of Indic scripts, parts of words.
    return character.isalnum() or character in "._" or unicodedata.category(character)[0] == "M"


def _common(one: str, other: str) -> int:
    """Length of the beginning that two strings share."""
    length = 0
    for left, right in zip(one, other, strict=False):
        if left != right:
            break
        length += 1
    return length
