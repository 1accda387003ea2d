"""What an exercise of an app is called in our library: `Bench Press (Barbell)` is the `Barbell Bench Press`."""

import re
import unicodedata
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from fitnesshub.workout.v1 import exercise_pb2 as pb

BRACKET = re.compile(r"(?P<name>.+?)\s*\((?P<equipment>[^()]+)\)")
EQUIPMENT = {
    "barbell": pb.EQUIPMENT_BARBELL,
    "dumbbell": pb.EQUIPMENT_DUMBBELL,
    "cable": pb.EQUIPMENT_CABLE,
    "machine": pb.EQUIPMENT_MACHINE,
    "kettlebell": pb.EQUIPMENT_KETTLEBELL,
    "band": pb.EQUIPMENT_BANDS,
    "resistance band": pb.EQUIPMENT_BANDS,
    "medicine ball": pb.EQUIPMENT_MEDICINE_BALL,
    "ez bar": pb.EQUIPMENT_EZ_CURL_BAR,
    "bodyweight": pb.EQUIPMENT_BODY_WEIGHT,
    "weighted": pb.EQUIPMENT_BODY_WEIGHT,
    "assisted": pb.EQUIPMENT_BODY_WEIGHT,
}
"""What the apps write in brackets. A weight or a help at a body-weight exercise is said by the set."""
SPELLINGS = {
    "pullup": "pull up",
    "chinup": "chin up",
    "pushup": "push up",
    "situp": "sit up",
    "stepup": "step up",
    "pull down": "pulldown",
    "push down": "pushdown",
    "kick back": "kickback",
    "dead lift": "deadlift",
    "flye": "fly",
    "body weight": "bodyweight",
    "e z bar": "ez bar",
    "e z curl bar": "ez bar",
    "ez curl bar": "ez bar",
}
"""Different spellings of the same words, in the singular."""
_REWRITTEN = str.maketrans({"&": " and ", "'": None, "\u2019": None, "`": None})
"""`Farmer's` is one word."""


class Known(NamedTuple):
    """An exercise of the library or of the user, as far as names matter."""

    id: str
    name: str
    equipment: str
    """Name of the enum's value."""


class Library:
    """Exercises by what they may be called."""

    def __init__(self) -> None:
        self._ranked: dict[str, list[tuple[int, str, Known]]] = {}

    def add(self, known: Known, names: Iterable[str], *, own: bool) -> None:
        """Adds an exercise with its name and then all its others."""
        for position, name in enumerate([known.name, *names]):
            # The user's own before the library's, names before aliases; at last the id, so that runs agree.
            rank = (0 if own else 2) + (1 if position else 0)
            self._ranked.setdefault(key(name), []).append((rank, known.id, known))

    def find(self, title: str) -> Known | None:
        """The exercise that has this very name, in any order of its words, or None. Nothing is guessed."""
        return next(self._matches(title), None)

    def _matches(self, title: str) -> Iterator[Known]:
        yield from self._by_key(key(title))
        base, equipment = parts(title)
        if equipment is not None:
            wanted = pb.Equipment.Name(equipment)
            yield from (known for known in self._by_key(key(base)) if known.equipment == wanted)

    def _by_key(self, name: str) -> list[Known]:
        return [known for _, _, known in sorted(self._ranked.get(name, []))] if name else []


def parts(title: str) -> tuple[str, pb.Equipment.ValueType | None]:
    """The name before the brackets, and the equipment in them; the whole title when there is none we know."""
    match = BRACKET.fullmatch(title.strip())
    equipment = EQUIPMENT.get(_plain(match["equipment"])) if match else None
    return (match["name"], equipment) if match and equipment is not None else (title, None)


def key(name: str) -> str:
    """The same for names that differ in case, accents, hyphens, plural, spelling or the order of words only."""
    return " ".join(sorted(_plain(name).split()))


def _plain(name: str) -> str:
    letters = "".join(c for c in unicodedata.normalize("NFKD", name.casefold()) if not unicodedata.combining(c))
    words = [_singular(word) for word in re.findall(r"[^\W_]+", letters.translate(_REWRITTEN))]
    plain = f" {' '.join(words)} "
    for spelling, usual in SPELLINGS.items():
        plain = plain.replace(f" {spelling} ", f" {usual} ")
    return plain.strip()


def _singular(word: str) -> str:
    return word[:-1] if len(word) > 3 and word.endswith("s") and not word.endswith("ss") else word
