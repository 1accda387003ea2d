"""Which exercise of our catalogue a row of another library is, and what it adds to it.

Precision comes first: two exercises kept apart are a nuisance, two different ones made one are a lie in every log.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any

from fitnesshub.workout.v1.exercise_pb2 import (
    EQUIPMENT_BANDS,
    EQUIPMENT_BARBELL,
    EQUIPMENT_BODY_WEIGHT,
    EQUIPMENT_CABLE,
    EQUIPMENT_DUMBBELL,
    EQUIPMENT_EXERCISE_BALL,
    EQUIPMENT_EZ_CURL_BAR,
    EQUIPMENT_FOAM_ROLLER,
    EQUIPMENT_KETTLEBELL,
    EQUIPMENT_MACHINE,
    EQUIPMENT_MEDICINE_BALL,
    EQUIPMENT_OTHER,
    EQUIPMENT_UNSPECIFIED,
    EXERCISE_CATEGORY_STRETCHING,
    Exercise,
)

from services.workout.domain.exercise_names import normal

SPELLINGS = {
    # One thing, written in one word or two, or in short.
    "push up": "pushup",
    "pull up": "pullup",
    "chin up": "chinup",
    "sit up": "situp",
    "step up": "stepup",
    "get up": "getup",
    "muscle up": "muscleup",
    "pull down": "pulldown",
    "push down": "pushdown",
    "pull over": "pullover",
    "pull through": "pullthrough",
    "kick back": "kickback",
    "cross over": "crossover",
    "roll out": "rollout",
    "dead lift": "deadlift",
    "skull crusher": "skullcrusher",
    "wood chop": "woodchop",
    "kettle bell": "kettlebell",
    "dumb bell": "dumbbell",
    "body weight": "bodyweight",
    "db": "dumbbell",
    "bb": "barbell",
    "kb": "kettlebell",
    "banded": "band",
    "resistance band": "band",
    "medicine ball": "medicineball",
    "stability ball": "exerciseball",
    "swiss ball": "exerciseball",
    "exercise ball": "exerciseball",
    "physioball": "exerciseball",
    "foam roller": "foamroll",
    "foam roll": "foamroll",
    "ez curl bar": "ez",
    "e z curl bar": "ez",
    "ez bar": "ez",
    "e z bar": "ez",
    "smith machine": "smith",
    "tyre": "tire",
    # One limb, in turns, and how wide: the same in other words.
    "one arm": "singlearm",
    "single arm": "singlearm",
    "one armed": "singlearm",
    "one leg": "singleleg",
    "single leg": "singleleg",
    "one legged": "singleleg",
    "single legged": "singleleg",
    "alternate": "alternating",
    "narrow grip": "closegrip",
    "close grip": "closegrip",
    "stiff legged": "stiffleg",
    "stiff leg": "stiffleg",
    "straight leg": "straightleg",
    "straight legged": "straightleg",
    "deltoid": "delt",
    # The usual grip goes without saying.
    "medium grip": "",
}
"""Words that mean the same, by their stems. Names that people really use for one exercise are its aliases instead."""
NOISE = frozenset({"a", "an", "and", "attachment", "exercise", "of", "style", "the", "using", "version", "with"})
"""Words that tell no exercise from another."""
STEMS = {"calves": "calf", "flies": "fly", "flye": "fly", "flyes": "fly", "ups": "up"}
"""Plurals and spellings that no rule finds."""
EQUIPMENT_WORDS: Mapping[int, str] = {
    EQUIPMENT_BODY_WEIGHT: "bodyweight",
    EQUIPMENT_BARBELL: "barbell",
    EQUIPMENT_DUMBBELL: "dumbbell",
    EQUIPMENT_CABLE: "cable",
    EQUIPMENT_MACHINE: "machine",
    EQUIPMENT_KETTLEBELL: "kettlebell",
    EQUIPMENT_BANDS: "band",
    EQUIPMENT_MEDICINE_BALL: "medicineball",
    EQUIPMENT_EXERCISE_BALL: "exerciseball",
    EQUIPMENT_FOAM_ROLLER: "foamroll",
    EQUIPMENT_EZ_CURL_BAR: "ez",
}
"""How names say what an exercise is done with."""
ALIKE: Sequence[frozenset[int]] = (
    # A bar to hang from is "something else" to one library and nothing to another.
    frozenset({EQUIPMENT_OTHER, EQUIPMENT_BODY_WEIGHT}),
    # An E-Z bar is a barbell to some; whether the name says E-Z still has to agree.
    frozenset({EQUIPMENT_BARBELL, EQUIPMENT_EZ_CURL_BAR}),
)
"""Kinds of equipment that don't contradict each other."""

OURS = "fitnesshub"
"""Source of our own catalogue."""
MOST_ALIASES = 20
MOST_TRANSLATIONS = 20
"""As the contract allows."""
_LIBRARYS = {"id", "source", "source_id", "etag", "create_time", "update_time", "owner_id", "display_name"}
_FIELDS = [field for field in Exercise.DESCRIPTOR.fields if field.name not in _LIBRARYS]
FACTS = tuple(field.name for field in _FIELDS)
"""Fields that say what the exercise is; the others are the library's own bookkeeping."""
_REPEATED = frozenset(field.name for field in _FIELDS if field.is_repeated)
_OPTIONAL = frozenset(field.name for field in _FIELDS if field.has_presence)

Key = tuple[str, str]
"""A source, and an id in it."""
Words = tuple[str, ...]
_SPELLING = re.compile(r"\b(?:" + "|".join(sorted(SPELLINGS, key=len, reverse=True)) + r")\b")
_BRACKETS = re.compile(r"(.*?)(\S+) *\(([^()]+)\)([^()]*)")
_FROM_TO = re.compile(r"(\w+) to (\w+)")


class Catalogue:
    """Our own exercises, and which of them a row is."""

    def __init__(self, entries: Iterable[Exercise]) -> None:
        """entries: with id, `source` and `source_id`."""
        self.entries: Mapping[str, Exercise] = {entry.id: entry for entry in entries}
        """By id."""
        self.ids: Mapping[Key, str] = {(entry.source, entry.source_id): entry.id for entry in self.entries.values()}
        """Of the entries."""
        self._by_words: defaultdict[Words, dict[str, Exercise]] = defaultdict(dict)
        for entry in self.entries.values():
            for name in (entry.name, *entry.aliases):
                self._by_words[compared(name, entry.equipment)][entry.id] = entry

    def match(self, row: Exercise) -> Exercise | None:
        """The entry that the row is; None when there is none, or more than one."""
        for name in (row.name, *row.aliases):
            entry = self._called(name, row) or self._called_both(name, row)
            if entry is not None:
                return entry
        return None

    def _called(self, name: str, row: Exercise) -> Exercise | None:
        """The entry of that name or alias that agrees with the row."""
        equipment = equipment_of(row)
        same = self._by_words.get(compared(name, equipment), {})
        found = [each for each in same.values() if _go_together(equipment, each.equipment) and _agree(row, each)]
        if len(found) > 1:
            found = [each for each in found if each.equipment == equipment]
        return found[0] if len(found) == 1 else None

    def _called_both(self, name: str, row: Exercise) -> Exercise | None:
        """The entry of a name and another in brackets, as `Hyperextension (Back Extension)`, if both are names of it.

        What is in brackets may also stand for the word before, as in `Shoulder (Military) Press`.
        """
        brackets = _BRACKETS.fullmatch(name)
        if brackets is None:
            return None
        before, word, inside, after = brackets.groups()
        entry = self._called(f"{before} {word} {after}", row)
        if entry is None or entry not in (self._called(inside, row), self._called(f"{before} {inside} {after}", row)):
            return None
        return entry


@lru_cache(maxsize=8192)
def compared(name: str, equipment: int) -> Words:
    """The words that tell the exercise from others, in the order of the alphabet.

    The word for `equipment` is left out, so that `Curl, Dumbbell` and, of dumbbell exercises, `Curl` are the same; an
    E-Z bar is always named, because it goes together with a barbell.
    """
    text = " ".join(_stem(word) for word in normal(name).split())
    text = _FROM_TO.sub(r"\1>\2", _SPELLING.sub(lambda match: SPELLINGS[match[0]], text))
    words = [word for word in text.split() if word not in NOISE]
    word = EQUIPMENT_WORDS.get(equipment)
    if equipment == EQUIPMENT_EZ_CURL_BAR:
        words = [*dict.fromkeys([*words, "ez"])]
    elif word is not None and word in words and len(words) > 1:
        words.remove(word)
    return tuple(sorted(words))


def equipment_of(row: Exercise) -> int:
    """What the row is done with: as it says, else the one kind that its name says."""
    if row.equipment not in (EQUIPMENT_UNSPECIFIED, EQUIPMENT_OTHER):
        return row.equipment
    words = compared(row.name, EQUIPMENT_UNSPECIFIED)
    named = [kind for kind, word in EQUIPMENT_WORDS.items() if word in words]
    return named[0] if len(named) == 1 else row.equipment


def composed(said: Mapping[Key, Exercise]) -> Exercise:
    """The exercise that sources tell of: what the first says, and what it lacks from the others.

    said: facts, by source and id in it. The catalogue comes first, then those that call the exercise as the first does,
    then the others, each in the order of their keys, so that the order of imports makes no difference.
    """
    first = min(said, key=lambda key: (key[0] != OURS, key))
    words = _words(said[first].name)
    others = sorted(said.keys() - {first}, key=lambda key: (_words(said[key].name) != words, key))
    exercise = Exercise()
    exercise.CopyFrom(said[first])
    for key in others:
        _add(exercise, said[key])
    return exercise


def with_edits(stored: Exercise, before: Exercise, after: Exercise) -> Exercise:
    """`after`, with the fields in which `stored` differs from `before` as they are stored: somebody has edited them.

    before, after: what the sources said when `stored` was written, and what they say now.
    """
    exercise = Exercise()
    exercise.CopyFrom(after)
    for field in FACTS:
        if _value(stored, field) != _value(before, field):
            _copy(field, stored, exercise)
    return exercise


def facts(row: Exercise) -> Exercise:
    """The row without what the library decides."""
    exercise = Exercise()
    for field in FACTS:
        _copy(field, row, exercise)
    return exercise


def _add(exercise: Exercise, other: Exercise) -> None:
    known = {normal(name) for name in (exercise.name, *exercise.aliases)}
    for name in (other.name, *other.aliases):
        if normal(name) not in known and len(exercise.aliases) < MOST_ALIASES:
            known.add(normal(name))
            exercise.aliases.append(name)
    if not exercise.instructions:
        exercise.instructions.extend(other.instructions)
    languages = {each.language for each in exercise.translations}
    for translation in other.translations:
        if translation.language not in languages and len(exercise.translations) < MOST_TRANSLATIONS:
            exercise.translations.append(translation)
    if not exercise.HasField("met") and other.HasField("met"):
        exercise.met = other.met
        exercise.met_source = other.met_source


def _agree(row: Exercise, entry: Exercise) -> bool:
    """Whether two exercises of one name can be one.

    A main muscle of one is trained by the other. Where one library calls it a stretch and the other doesn't, main
    muscles and equipment are the same.
    """
    if (row.category == EXERCISE_CATEGORY_STRETCHING) != (entry.category == EXERCISE_CATEGORY_STRETCHING):
        return row.equipment == entry.equipment and {*row.primary_muscles} == {*entry.primary_muscles}
    of_row = {*row.primary_muscles, *row.secondary_muscles}
    of_entry = {*entry.primary_muscles, *entry.secondary_muscles}
    return not (of_entry.isdisjoint(row.primary_muscles) and of_row.isdisjoint(entry.primary_muscles))


def _go_together(one: int, other: int) -> bool:
    return one == other or EQUIPMENT_UNSPECIFIED in (one, other) or {one, other} in ALIKE


def _stem(word: str) -> str:
    if word in STEMS:
        return STEMS[word]
    if word.endswith(("sses", "ches", "shes", "xes")):
        return word[:-2]
    return word[:-1] if len(word) > 3 and word.endswith("s") and not word.endswith("ss") else word


def _words(name: str) -> Words:
    return compared(name, EQUIPMENT_UNSPECIFIED)


def _value(exercise: Any, field: str) -> object:
    value = getattr(exercise, field)
    if field in _REPEATED:
        return list(value)
    return (exercise.HasField(field), value) if field in _OPTIONAL else value


def _copy(field: str, source: Any, target: Any) -> None:
    target.ClearField(field)
    if field in _REPEATED:
        getattr(target, field).extend(getattr(source, field))
    elif field not in _OPTIONAL or source.HasField(field):
        setattr(target, field, getattr(source, field))
