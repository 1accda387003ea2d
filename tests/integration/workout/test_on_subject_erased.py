"""Of an erased person no workout is left, and everybody else's stay."""

from typing import Any

import pytest
from fitnesshub.workout.v1.workout_pb2 import Workout

from services.workout.store import erasure
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
