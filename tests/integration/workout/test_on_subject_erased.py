"""Of an erased person no workout and no exercise is left, and everybody else's stay."""

from typing import Any

import pytest
from fitnesshub.workout.v1.workout_pb2 import Workout

from services.workout.domain.exercise_changes import NOBODY
from services.workout.store import consistency, erasure
from tests.integration.workout import exercises
from tests.integration.workout.world import Athlete, World, new_workout


async def left(world: World, person: Athlete) -> list[Any]:
    return await world.owner_rows("SELECT id FROM workout.workouts WHERE user_id = $1", person.user_id)


async def test_the_workouts_of_an_erased_person_go(
    world: World, ada: Athlete, bob: Athlete, squat: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(erasure, "BATCH", 3)
    made = [await ada.create(new_workout(squat)) for _ in range(7)]
    await ada.update(made[0].id, Workout(notes="changed"))
    await ada.delete(made[1].id)
    kept = await bob.create(new_workout(squat))
    sets = await world.owner_value("SELECT count(*) FROM workout.workout_sets")
    assert world.service.erase is not None

    await world.service.erase(ada.user_id)

    assert await left(world, ada) == []
    assert await world.owner_value("SELECT count(*) FROM workout.workout_sets") == sets - 6 * len(made[0].sets)
    assert await bob.get(kept.id) == kept
    await world.service.erase(ada.user_id)


async def test_numbers_of_changes_go_with_the_workouts(world: World, ada: Athlete, squat: str) -> None:
    await ada.create(new_workout(squat))
    assert world.service.erase is not None
    await world.service.erase(ada.user_id)
    counters = await world.owner_rows("SELECT last FROM workout.change_counters WHERE user_id = $1", ada.user_id)
    assert counters == []


async def test_of_the_persons_own_exercises_only_ids_are_left(
    world: World, ada: Athlete, bob: Athlete, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(erasure, "BATCH", 2)
    canary = "canary-of-ada"
    texts = {"aliases": [f"alias {canary}"], "instructions": [canary], "variation_group": canary}
    made = [await exercises.create(ada, exercises.own_exercise(f"{canary} {number}", **texts)) for number in range(3)]
    await exercises.update(ada, made[0].id, exercises.own_exercise(f"{canary} changed"))
    await exercises.delete(ada, made[1].id, replaced_by=made[2].id)
    await ada.create(new_workout(made[2].id))
    kept = await exercises.create(bob, exercises.own_exercise(f"{canary} 0"))
    assert world.service.erase is not None

    await world.service.erase(ada.user_id)

    found = await world.owner_rows(
        "SELECT owner_id::text, name, deleted_at FROM workout.exercises WHERE id = ANY($1::uuid[])",
        [each.id for each in made],
    )
    assert {(row["owner_id"], row["name"]) for row in found} == {(NOBODY, "")}
    assert all(row["deleted_at"] for row in found)
    search = "SELECT id::text FROM workout.exercises AS e WHERE e::text ~ $1 OR e::text ~ $2"
    with_canary = await world.owner_rows(search, canary, canary.encode().hex())
    assert [row["id"] for row in with_canary] == [kept.id]
    assert await exercises.every(ada, own=True) == []
    assert await exercises.get(bob, kept.id) == kept
    await world.service.erase(ada.user_id)
    assert await consistency.differences(world.db) == []
