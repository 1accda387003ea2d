"""Our own catalogue in the library: stored without a command, once, and kept as this version of the service has it."""

import asyncio
import json
import os
from collections.abc import AsyncIterator
from datetime import timedelta
from itertools import permutations
from pathlib import Path
from typing import Any

import pytest
from fitnesshub.workout.v1.events_pb2 import ExerciseDeleted, ExerciseImported
from fitnesshub.workout.v1.exercise_pb2 import (
    EQUIPMENT_BARBELL,
    EQUIPMENT_CABLE,
    EQUIPMENT_DUMBBELL,
    EXERCISE_CATEGORY_STRENGTH,
    EXERCISE_LEVEL_BEGINNER,
    MUSCLE_BICEPS,
    Exercise,
)

from chassis.clock import SystemIds
from chassis.db import Database
from chassis.etags import version_etag
from cli.imports import map_row
from services.workout.api import catalogue_upkeep, exercise_import
from services.workout.api.catalogue_upkeep import CatalogueUpkeep
from services.workout.catalogue.entries import entry, load
from services.workout.domain.exercise_merging import OURS, Catalogue, facts
from services.workout.store import exercise_writes
from tests.integration.workout.world import (
    CREATED,
    MERGED,
    UNCHANGED,
    UPDATED,
    Importer,
    Visitor,
    World,
    failing,
    new_exercise,
)

ROOT = Path(__file__).parents[3]
LIBRARY = ROOT / os.environ.get("FITNESSHUB_VECTORS", "../shared/vectors") / "exercises/free-exercise-db.json"
FACTS: dict[str, Any] = {
    "group": "biceps-curl",
    "category": "strength",
    "level": "beginner",
    "equipment": "dumbbell",
    "movement": "elbow_flexion",
    "mechanic": "isolation",
    "primary": ["biceps"],
    "met": 3.5,
    "met_code": "2024:02054",
}


def ours(slug: str, name: str, **more: Any) -> Exercise:
    return entry({**FACTS, "slug": slug, "name": name, **more})


def theirs(source_id: str, name: str, steps: str = "", **more: Any) -> Exercise:
    exercise = Exercise(
        source_id=source_id,
        name=name,
        category=EXERCISE_CATEGORY_STRENGTH,
        level=EXERCISE_LEVEL_BEGINNER,
        equipment=EQUIPMENT_DUMBBELL,
        primary_muscles=[MUSCLE_BICEPS],
        instructions=[steps] if steps else [],
    )
    exercise.MergeFrom(Exercise(**more))
    return exercise


CURL = ours("dumbbell-curl", "Dumbbell Curl", aliases=["Arm Curl"])
HAMMER = ours("hammer-curl", "Hammer Curl")
FIRST = Catalogue([CURL, HAMMER])


class Shelf:
    """The catalogue that this version of the service has."""

    def __init__(self, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
        self.world = world
        self._monkeypatch = monkeypatch

    def put(self, catalogue: Catalogue) -> None:
        for module in (catalogue_upkeep, exercise_import):
            self._monkeypatch.setattr(module, "load", lambda: catalogue)

    async def keep(self, catalogue: Catalogue | None = None) -> int:
        if catalogue is not None:
            self.put(catalogue)
        return await CatalogueUpkeep(self.world.db, self.world.clock, SystemIds()).keep()

    async def live(self) -> list[Exercise]:
        """The library, in the order of sources."""
        rows = await self.world.owner_rows(
            "SELECT wire FROM workout.exercises WHERE deleted_at IS NULL ORDER BY source, source_id"
        )
        return [Exercise.FromString(row["wire"]) for row in rows]

    async def said(self) -> list[tuple[str, Exercise]]:
        """What the library says of each exercise, by key; ids and times aside."""
        return [(f"{each.source}/{each.source_id}", facts(each)) for each in await self.live()]


@pytest.fixture
async def shelf(world: World, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Shelf]:
    """A library that is empty before and after, and of which nothing was told."""
    await world.clear()
    await world.owner_value("DELETE FROM workout.outbox")
    yield Shelf(world, monkeypatch)
    await world.clear()


@pytest.fixture
def library(world: World) -> Importer:
    return Importer(world, "their-library")


# --- storing ---


async def test_the_whole_catalogue_is_stored_at_once_and_told(shelf: Shelf, world: World, visitor: Visitor) -> None:
    assert await shelf.keep() == len(load().entries)

    assert await world.owner_value("SELECT count(*) FROM workout.exercises WHERE source = $1", OURS) == len(
        load().entries
    )
    squat = next(each for each in load().entries.values() if each.source_id == "barbell-back-squat")
    stored = await visitor.get_exercise(squat.id)
    assert facts(stored) == facts(squat)
    assert (stored.source, stored.source_id) == (OURS, "barbell-back-squat")
    assert stored.create_time == stored.update_time == world.timestamp()
    [event] = await world.events(squat.id)
    told = ExerciseImported()
    assert event.data.Unpack(told)
    assert (told.exercise, event.aggregate_version, event.subject_user_id) == (stored, 1, "")
    assert await world.owner_value("SELECT count(DISTINCT xmin::text) FROM workout.exercises") == 1


async def test_what_is_stored_costs_one_query(shelf: Shelf, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    await shelf.keep()
    before = await world.owner_rows("SELECT xmin, id FROM workout.exercises ORDER BY id")
    asked: list[str] = []
    rows = Database.rows

    async def counted(self: Database, statement: Any, /, **values: Any) -> Any:
        asked.append(statement.sql)
        return await rows(self, statement, **values)

    monkeypatch.setattr(Database, "rows", counted)
    monkeypatch.setattr(Database, "write", None)

    assert await shelf.keep() == 0
    assert len(asked) == 1
    assert await world.owner_rows("SELECT xmin, id FROM workout.exercises ORDER BY id") == before


async def test_two_processes_at_once_store_it_once(shelf: Shelf, world: World) -> None:
    stored = await asyncio.gather(*(shelf.keep() for _ in range(4)))

    assert sorted(stored) == [0, 0, 0, len(load().entries)]
    assert await world.owner_value("SELECT max(version) FROM workout.exercises") == 1


async def test_a_worker_keeps_it_and_goes_on_waiting(shelf: Shelf, world: World) -> None:
    shelf.put(FIRST)
    worker = asyncio.create_task(CatalogueUpkeep(world.db, world.clock, SystemIds()).keep_forever())

    async with asyncio.timeout(10):
        while len(await shelf.live()) < 2:
            await asyncio.sleep(0.01)

    assert not worker.done()
    worker.cancel()


async def test_changed_and_new_entries_alone_are_written(shelf: Shelf, world: World) -> None:
    await shelf.keep(FIRST)
    world.clock.time += timedelta(days=1)

    assert (
        await shelf.keep(Catalogue([CURL, ours("hammer-curl", "Dumbbell Hammer Curl"), ours("curl-3", "Curl 3")])) == 2
    )

    versions = await world.owner_rows("SELECT source_id, version FROM workout.exercises ORDER BY source_id")
    assert [tuple(row) for row in versions] == [("curl-3", 1), ("dumbbell-curl", 1), ("hammer-curl", 2)]
    [_, _, hammer] = await shelf.live()
    assert hammer.name == "Dumbbell Hammer Curl"
    assert hammer.create_time != hammer.update_time == world.timestamp()


async def test_an_entry_that_has_gone_from_the_catalogue_stays_in_the_library(shelf: Shelf, library: Importer) -> None:
    await shelf.keep(FIRST)
    await library.run([theirs("1", "Hammer Curls")])

    assert await shelf.keep(Catalogue([CURL, ours("x", "Cable Curl", equipment="cable")])) == 1

    assert [each.source_id for each in await shelf.live()] == ["dumbbell-curl", "hammer-curl", "x"]


# --- merging ---


async def test_a_row_that_is_ours_is_merged(shelf: Shelf, library: Importer, world: World, visitor: Visitor) -> None:
    await shelf.keep(FIRST)
    world.clock.time += timedelta(days=1)

    merged, created = await library.run(
        [theirs("Curl", "Curls, Dumbbell", "Curl it."), theirs("Other", "Cable Curl", equipment=EQUIPMENT_CABLE)]
    )

    assert (merged.result, merged.exercise_id) == (MERGED, CURL.id)
    assert created.result == CREATED
    exercise = await visitor.get_exercise(CURL.id)
    assert exercise.name == "Dumbbell Curl"
    assert list(exercise.aliases) == ["Arm Curl", "Curls, Dumbbell"]
    assert list(exercise.instructions) == ["Curl it."]
    assert exercise.met == CURL.met
    assert exercise.update_time == world.timestamp()
    assert [event.aggregate_version for event in await world.events(CURL.id)] == [1, 2]
    assert len(await shelf.live()) == 3


async def test_the_same_import_again_changes_nothing(shelf: Shelf, library: Importer, world: World) -> None:
    await shelf.keep(FIRST)
    rows = [theirs("1", "Curl", "Curl it."), theirs("2", "Arm Curl"), theirs("3", "Nothing of Ours")]
    first = await library.run(rows)
    before = await world.owner_rows("SELECT xmin, * FROM workout.exercises ORDER BY id")

    second = await library.run(rows)

    assert [each.result for each in first] == [MERGED, MERGED, CREATED]
    assert [each.result for each in second] == [UNCHANGED] * 3
    assert [each.exercise_id for each in second] == [each.exercise_id for each in first]
    assert await world.owner_rows("SELECT xmin, * FROM workout.exercises ORDER BY id") == before


async def test_a_merged_row_that_changes_gives_what_we_lack(shelf: Shelf, library: Importer, visitor: Visitor) -> None:
    await shelf.keep(FIRST)
    await library.run([theirs("1", "Curl", "Curl it.")])

    [better] = await library.run([theirs("1", "Curl", "Curl it slowly.")])
    [same] = await library.run([theirs("1", "Curl", "Curl it slowly.", secondary_muscles=[MUSCLE_BICEPS])])

    assert (better.result, same.result) == (MERGED, UNCHANGED)
    assert list((await visitor.get_exercise(CURL.id)).instructions) == ["Curl it slowly."]


async def test_nobody_imports_as_our_catalogue(world: World) -> None:
    with failing("INVALID_REQUEST") as caught:
        await Importer(world, OURS).run([new_exercise("a")])

    assert [each.field for each in caught.value.violations] == ["source"]


async def test_an_import_before_the_first_start_of_the_worker_stores_the_entries_it_needs(
    shelf: Shelf, library: Importer
) -> None:
    shelf.put(FIRST)

    [merged] = await library.run([theirs("1", "Curl")])

    assert (merged.result, merged.exercise_id) == (MERGED, CURL.id)
    assert [each.source_id for each in await shelf.live()] == ["dumbbell-curl"]
    assert await shelf.keep() == 1
    assert len(await shelf.live()) == 2


async def test_what_was_imported_before_is_merged_when_the_catalogue_knows_it(
    shelf: Shelf, library: Importer, world: World
) -> None:
    await shelf.keep(Catalogue([HAMMER]))
    [created] = await library.run([theirs("1", "Curls", "Curl it.")])

    await shelf.keep(FIRST)

    assert [(each.source_id, list(each.instructions)) for each in await shelf.live()] == [
        ("dumbbell-curl", ["Curl it."]),
        ("hammer-curl", []),
    ]
    [_, event] = await world.events(created.exercise_id)
    told = ExerciseDeleted()
    assert event.data.Unpack(told)
    assert (told.exercise.id, told.replaced_by, event.aggregate_version) == (created.exercise_id, CURL.id, 2)
    [again] = await library.run([theirs("1", "Curls", "Curl it.")])
    assert (again.result, again.exercise_id) == (UNCHANGED, CURL.id)


async def test_a_merge_that_the_catalogue_takes_back_gives_the_exercise_back(
    shelf: Shelf, library: Importer, world: World
) -> None:
    await shelf.keep(Catalogue([HAMMER]))
    [created] = await library.run([theirs("1", "Arm Curl", "Curl it.")])
    await shelf.keep(FIRST)
    assert len(await shelf.live()) == 2

    await shelf.keep(Catalogue([HAMMER, ours("dumbbell-curl", "Dumbbell Curl")]))

    assert {each.id for each in await shelf.live()} == {CURL.id, HAMMER.id, created.exercise_id}
    [curl, _, arm] = await shelf.live()
    assert (list(curl.aliases), list(curl.instructions)) == ([], [])
    assert (arm.name, list(arm.instructions)) == ("Arm Curl", ["Curl it."])
    assert [event.aggregate_version for event in await world.events(created.exercise_id)] == [1, 2, 3]


BIGGER = Catalogue(
    [
        ours("dumbbell-curl", "Dumbbell Biceps Curl", aliases=["Dumbbell Curl"], level="intermediate"),
        HAMMER,
        ours("arm-curl", "Arm Curl"),
    ]
)
ROWS = [
    theirs("1", "Curls, Dumbbell", "One."),
    theirs("2", "Arm Curl", "Two."),
    theirs("3", "Hammer Curls", "Three."),
    theirs("4", "Biceps Curl", "Four."),
    theirs("5", "Nothing of Ours", "Five."),
    theirs("6", "Curl", "Six.", equipment=EQUIPMENT_BARBELL),
]
STEPS = ("first", "bigger", "import")


@pytest.mark.parametrize("order", [each for size in (1, 2, 3) for each in permutations(STEPS, size)], ids="-".join)
async def test_whatever_came_first_the_library_ends_the_same(
    shelf: Shelf, library: Importer, order: tuple[str, ...]
) -> None:
    await shelf.keep(BIGGER)
    await library.run(ROWS)
    expected = await shelf.said()
    assert [key for key, _ in expected] == [
        "fitnesshub/arm-curl",
        "fitnesshub/dumbbell-curl",
        "fitnesshub/hammer-curl",
        "their-library/5",
        "their-library/6",
    ]
    await shelf.world.clear()

    for step in (*order, "bigger", "import", "bigger"):
        if step == "import":
            await library.run(ROWS)
        else:
            await shelf.keep(FIRST if step == "first" else BIGGER)

    assert await shelf.said() == expected
    assert {each.result for each in await library.run(ROWS)} == {UNCHANGED}


# --- what people do with it ---


async def test_what_somebody_edited_survives_imports_and_new_catalogues(shelf: Shelf, library: Importer) -> None:
    await shelf.keep(FIRST)
    [curl, _] = await shelf.live()
    await edit(shelf.world, curl, name="My Curl")

    await library.run([theirs("1", "Curl", "Curl it.")])
    await shelf.keep(BIGGER)

    edited = next(each for each in await shelf.live() if each.id == CURL.id)
    assert (edited.name, list(edited.instructions)) == ("My Curl", ["Curl it."])
    assert edited.level == BIGGER.entries[CURL.id].level


async def test_what_somebody_deleted_stays_deleted(shelf: Shelf, library: Importer, world: World) -> None:
    await shelf.keep(FIRST)
    await delete(world, CURL.id, HAMMER.id)

    [outcome] = await library.run([theirs("1", "Curl", "Curl it.")])
    await shelf.keep(BIGGER)
    await library.run([theirs("1", "Curl", "Curl it.")])

    assert outcome.exercise_id == HAMMER.id
    assert CURL.id not in {each.id for each in await shelf.live()}


async def test_what_the_version_before_imported_is_known(shelf: Shelf, library: Importer, world: World) -> None:
    """It wrote no line in exercise_sources."""
    await shelf.keep(Catalogue([HAMMER]))
    rows = [theirs("1", "Curl", "One."), theirs("2", "Else", "Two."), theirs("3", "More", "Three.")]
    first = await library.run(rows)
    await world.owner_value("DELETE FROM workout.exercise_sources WHERE source = 'their-library'")
    shelf.put(FIRST)

    merged, same, changed = await library.run([*rows[:2], theirs("3", "More", "Four.")])

    assert (merged.result, merged.exercise_id) == (MERGED, CURL.id)
    assert (same.result, same.exercise_id) == (UNCHANGED, first[1].exercise_id)
    assert (changed.result, changed.exercise_id) == (UPDATED, first[2].exercise_id)
    assert first[0].exercise_id not in {each.id for each in await shelf.live()}


async def edit(world: World, exercise: Exercise, **values: Any) -> None:
    """As an administrator does."""
    exercise.MergeFrom(Exercise(**values))
    version = await world.owner_value("SELECT version FROM workout.exercises WHERE id = $1", exercise.id)
    async with world.db.write() as tx:
        stored = exercise_writes.StoredExercise(exercise, version + 1)
        exercise.etag = version_etag(exercise.id, version + 1)
        assert await exercise_writes.update_exercises(tx, [stored])


async def delete(world: World, exercise_id: str, replaced_by: str) -> None:
    """As an administrator does."""
    async with world.db.write() as tx:
        assert await exercise_writes.delete_exercise(tx, exercise_id, 1, replaced_by, world.clock.time)


# --- the real library ---


@pytest.mark.skipif(not LIBRARY.exists(), reason=f"no public test data: {LIBRARY} (FITNESSHUB_VECTORS)")
async def test_the_real_library_is_merged_and_again(shelf: Shelf, world: World) -> None:
    rows = [map_row(each) for each in json.loads(LIBRARY.read_bytes())]
    library = Importer(world, "free-exercise-db")
    await shelf.keep()

    first = await library.run(rows)
    second = await library.run(rows)

    results = [each.result for each in first]
    assert results.count(MERGED) >= 480
    assert results.count(MERGED) + results.count(CREATED) == len(rows) == 873
    assert {each.result for each in second} == {UNCHANGED}
    assert [each.exercise_id for each in second] == [each.exercise_id for each in first]
    assert len(await shelf.live()) == len(load().entries) + results.count(CREATED)
