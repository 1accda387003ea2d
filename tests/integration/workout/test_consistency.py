"""The check that runs after every session must find what it is there for."""

import pytest

from services.workout.store import consistency
from tests.integration.workout.world import Athlete, Importer, World, new_exercise, new_workout

DAMAGE = {
    "user_id": "UPDATE workout.workouts SET user_id = gen_random_uuid()",
    "start_time": "UPDATE workout.workouts SET start_time = start_time + interval '1 microsecond'",
    "etag": "UPDATE workout.workouts SET version = version + 1",
    "create_time": "UPDATE workout.workouts SET created_at = now()",
    "update_time": "UPDATE workout.workouts SET updated_at = now()",
    "positions": "UPDATE workout.workout_sets SET position = 7 WHERE position = 2",
    "exercise_ids": "DELETE FROM workout.workout_sets WHERE position = 2",
    "reps": "UPDATE workout.workout_sets SET reps = NULL WHERE position = 1",
    "weights_kg": "UPDATE workout.workout_sets SET weight_kg = 1 WHERE position = 1",
    "rpes": "UPDATE workout.workout_sets SET rpe = 1 WHERE position = 1",
    "is deleted and has sets": "UPDATE workout.workouts SET wire = NULL",
    "name": "UPDATE workout.exercises SET name = 'x'",
    "source": "UPDATE workout.exercises SET source = 'x'",
    "source_id": "UPDATE workout.exercises SET source_id = 'x'",
}


@pytest.mark.parametrize(("what", "sql"), DAMAGE.items())
async def test_damage_is_found(ada: Athlete, world: World, importer: Importer, what: str, sql: str) -> None:
    await world.clear()
    [exercise] = await importer.run([new_exercise("a")])
    await ada.create(new_workout(exercise.exercise_id))
    assert await consistency.differences(world.db) == []

    await world.owner_value(sql)
    found = await consistency.differences(world.db)

    assert any(f": {what}" in problem for problem in found), found
    await world.truncate()


async def test_more_rows_than_fit_a_batch_are_all_looked_at(
    ada: Athlete, world: World, importer: Importer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(consistency, "BATCH", 2)
    await world.clear()
    [exercise] = await importer.run([new_exercise("a")])
    for _ in range(5):
        await ada.create(new_workout(exercise.exercise_id))
    await world.owner_value("UPDATE workout.workouts SET version = version + 1")

    assert len(await consistency.differences(world.db)) == 5
    await world.truncate()
