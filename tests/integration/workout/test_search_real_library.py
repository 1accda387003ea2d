"""What people type, over the catalogue and the public library merged with it: the right exercises come first."""

import os
from pathlib import Path

import pytest
from fitnesshub.workout.v1.exercise_pb2 import MUSCLE_BICEPS, Exercise
from google.protobuf.json_format import ParseDict

from chassis.clock import SystemIds
from cli import imports
from services.workout.api.catalogue_upkeep import CatalogueUpkeep
from tests.integration.workout.exercises import found, search
from tests.integration.workout.world import Importer, Visitor, World

ROOT = Path(__file__).parents[3]
LIBRARY = ROOT / os.environ.get("FITNESSHUB_VECTORS", "../shared/vectors") / "exercises/free-exercise-db.json"


@pytest.fixture(scope="module")
async def library(world: World) -> Visitor:
    """Somebody before the catalogue and, where there is one, the public library."""
    await world.clear()
    await CatalogueUpkeep(world.db, world.clock, SystemIds()).keep()
    if LIBRARY.exists():
        rows, _ = imports.map_rows(imports.read_rows(LIBRARY))
        await Importer(world, "free-exercise-db").run([ParseDict(row, Exercise()) for row in rows])
    return Visitor(world)


@pytest.mark.parametrize(
    ("query", "first"),
    [
        ("biceps curl", "Dumbbell Biceps Curl"),
        ("squat", "Barbell Back Squat"),
        ("bench press", "Barbell Bench Press"),
        ("bench", "Barbell Bench Press"),
        ("ohp", "Barbell Overhead Press"),
        ("rdl", "Barbell Romanian Deadlift"),
        ("romanian dead lift", "Barbell Romanian Deadlift"),
        ("pull up", "Pull-Up"),
        ("pullups", "Pull-Up"),
        ("push-ups", "Push-Up"),
        ("deadlift", "Barbell Deadlift"),
        ("lat pulldown", "Lat Pulldown"),
        ("leg press", "Machine Leg Press"),
        ("plank", "Plank"),
        ("farmers walk", "Farmer's Walk"),
        ("db bench", "Dumbbell Bench Press"),
        ("hammer curl", "Dumbbell Hammer Curl"),
        ("curl hammer", "Dumbbell Hammer Curl"),
        ("incline press bench", "Barbell Incline Bench Press"),
        # Typing errors.
        ("bicep crul", "Dumbbell Biceps Curl"),
        ("bech press", "Barbell Bench Press"),
        ("dedlift", "Barbell Deadlift"),
        ("sqaut", "Barbell Back Squat"),
        ("pul up", "Pull-Up"),
        ("lat pulldwon", "Lat Pulldown"),
    ],
)
async def test_what_is_meant_comes_first(library: Visitor, query: str, first: str) -> None:
    assert (await found(library, query))[0] == first


@pytest.mark.parametrize(
    ("language", "query", "first"),
    [
        ("de", "klimmzug", "Pull-Up"),
        ("de", "Klimmzüge", "Pull-Up"),
        ("de", "liegestütze", "Push-Up"),
        ("de-AT", "bankdrücken", "Barbell Bench Press"),
        ("de", "bankdrucken", "Barbell Bench Press"),
        ("de", "kreuzheben", "Barbell Deadlift"),
        ("fr", "pompes", "Push-Up"),
    ],
)
async def test_in_other_languages(library: Visitor, language: str, query: str, first: str) -> None:
    assert (await found(library, query, language=language))[0] == first


async def test_curl_finds_the_curls_for_the_biceps_and_the_plain_ones_first(library: Visitor) -> None:
    matches = (await search(library, "curl", page_size=20)).matches

    assert {"Barbell Curl", "Dumbbell Biceps Curl", "EZ-Bar Curl"} <= {each.exercise.name for each in matches[:5]}
    assert all(MUSCLE_BICEPS in each.exercise.primary_muscles for each in matches)
    assert all(each.score >= 2 for each in matches)


async def test_curl_finds_every_curl(library: Visitor) -> None:
    matches = (await search(library, "curl", page_size=100)).matches

    names = {each.exercise.name for each in matches}
    assert {"Lying Leg Curl", "Barbell Wrist Curl", "Nordic Hamstring Curl", "Alternating Dumbbell Curl"} <= names
    assert all("curl" in each.matched_name.lower() for each in matches)
