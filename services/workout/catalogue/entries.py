"""The entries of `exercises.json`: facts that we know ourselves, an exercise a line, by slug.

A slug is never changed and never given to another exercise: the id is made of it, on every installation the same.
MET values are those of the Compendium of Physical Activities (Ainsworth et al. 2011, Herrmann et al. 2024); `met_code`
is edition and code of the activity that is nearest.
"""

import json
from functools import cache
from pathlib import Path
from typing import Any
from uuid import UUID, uuid5

from fitnesshub.workout.v1 import exercise_pb2 as pb

from services.workout.domain.exercise_merging import OURS, Catalogue

FILE = Path(__file__).with_name("exercises.json")
NAMESPACE = UUID("d8bbf750-0b7e-4d52-baaf-1af96f5df39c")
LANGUAGES = ("de", "es", "fr")


@cache
def load() -> Catalogue:
    """The catalogue. Takes some 40 ms of CPU once. Raises KeyError or ValueError when the file is wrong."""
    return Catalogue(entry(row) for row in json.loads(FILE.read_bytes()))


def entry(row: dict[str, Any]) -> pb.Exercise:
    """One row of the file as an exercise, without etag and times. Raises KeyError or ValueError."""
    left = dict(row)
    slug = left.pop("slug")
    exercise = pb.Exercise(
        id=str(uuid5(NAMESPACE, slug)),
        source=OURS,
        source_id=slug,
        name=left.pop("name"),
        aliases=left.pop("aliases", []),
        variation_group=left.pop("group"),
        category=_category(left.pop("category")),
        level=pb.ExerciseLevel.Value(f"EXERCISE_LEVEL_{left.pop('level').upper()}"),
        equipment=pb.Equipment.Value(f"EQUIPMENT_{left.pop('equipment').upper()}"),
        movement=pb.MovementPattern.Value(f"MOVEMENT_PATTERN_{left.pop('movement', 'unspecified').upper()}"),
        force=pb.Force.Value(f"FORCE_{left.pop('force', 'unspecified').upper()}"),
        mechanic=pb.Mechanic.Value(f"MECHANIC_{left.pop('mechanic', 'unspecified').upper()}"),
        primary_muscles=_muscles(left.pop("primary")),
        secondary_muscles=_muscles(left.pop("secondary", [])),
        met=left.pop("met"),
        met_source=left.pop("met_code"),
        translations=[
            pb.ExerciseTranslation(language=language, name=left.pop(language))
            for language in LANGUAGES
            if language in left
        ],
    )
    if left:
        raise ValueError(f"{slug} has unknown fields: {', '.join(left)}")
    return exercise


def _category(word: str) -> "pb.ExerciseCategory.ValueType":
    return pb.ExerciseCategory.Value(f"EXERCISE_CATEGORY_{word.upper()}")


def _muscles(words: list[str]) -> "list[pb.Muscle.ValueType]":
    return [pb.Muscle.Value(f"MUSCLE_{word.upper()}") for word in words]
