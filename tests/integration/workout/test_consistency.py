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
    "change": "UPDATE workout.change_counters SET last = 0",
    "undo_wire": "UPDATE workout.workouts SET undo_wire = wire",
    "sets.position": "UPDATE workout.workout_sets SET position = 7 WHERE position = 2",
    "sets.user_id and sets.start_time": "UPDATE workout.workout_sets SET start_time = now() WHERE position = 2",
    "sets.exercise_id": "DELETE FROM workout.workout_sets WHERE position = 2",
    "sets.reps": "UPDATE workout.workout_sets SET reps = NULL WHERE position = 1",
    "sets.weight_kg": "UPDATE workout.workout_sets SET weight_kg = 1 WHERE position = 1",
    "sets.rpe": "UPDATE workout.workout_sets SET rpe = 1 WHERE position = 1",
    "sets.set_type": "UPDATE workout.workout_sets SET set_type = 3 WHERE position = 1",
    "sets.rir": "UPDATE workout.workout_sets SET rir = 3 WHERE position = 1",
    "sets.superset": "UPDATE workout.workout_sets SET superset = 3 WHERE position = 1",
    "sets.rest_seconds": "UPDATE workout.workout_sets SET rest_seconds = 3 WHERE position = 1",
    "sets.duration_seconds": "UPDATE workout.workout_sets SET duration_seconds = 3 WHERE position = 1",
    "sets.distance_meters": "UPDATE workout.workout_sets SET distance_meters = 3 WHERE position = 1",
    "sets of a deleted one": "UPDATE workout.workouts SET wire = NULL",
    "etag of the last state": "UPDATE workout.workouts SET wire = NULL, undo_wire = wire, version = version + 2",
    "isn't there and has sets": "UPDATE workout.workout_sets SET workout_id = gen_random_uuid() WHERE position = 2",
    "isn't there and is named by sets": "UPDATE workout.workout_sets SET exercise_id = gen_random_uuid()",
    "name": "UPDATE workout.exercises SET name = 'x'",
    "source": "UPDATE workout.exercises SET source = 'x'",
    "source_id": "UPDATE workout.exercises SET source_id = 'x'",
    "owner_id": "UPDATE workout.exercises SET owner_id = gen_random_uuid()",
    "etag is": "UPDATE workout.exercises SET deleted_at = now(), updated_at = now()",
    "form": "UPDATE workout.exercises SET form = 0",
    "unique_name": "UPDATE workout.exercises SET unique_name = 'x'",
    "category": "UPDATE workout.exercises SET category = 7",
    "muscles": "UPDATE workout.exercises SET muscles = '{}'",
    "terms": "UPDATE workout.exercises SET terms = terms || 'n x'::text",
    "grams": "UPDATE workout.exercises SET grams = grams[2:]",
    "signature": "UPDATE workout.exercises SET signature = ~signature",
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


async def test_a_number_that_two_changes_share_is_found(ada: Athlete, world: World, squat: str) -> None:
    await ada.create(new_workout(squat))
    other = await ada.create(new_workout(squat))

    await world.owner_value("UPDATE workout.workouts SET change = 1 WHERE id = $1", other.id)
    found = await consistency.differences(world.db)

    assert [problem for problem in found if f"change 1 of user {ada.user_id}" in problem], found
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
