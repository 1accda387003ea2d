"""The upkeep of exercises: rows of the version before get the columns that this one derives."""

from services.workout.api.exercise_upkeep import BATCH, ExerciseUpkeep
from services.workout.store import consistency
from tests.integration.workout.exercises import create, delete, every, found, own_exercise
from tests.integration.workout.world import Athlete, Importer, Visitor, World, new_exercise

AS_BEFORE = """
    UPDATE workout.exercises SET form = 0, unique_name = '', category = 0, level = 0, equipment = 0, movement = 0,
        muscles = '{}', variation_group = '', terms = '{}', grams = '{}', signature = repeat('0', 1024)::bit(1024)
"""


async def test_rows_without_the_columns_get_them(
    world: World, importer: Importer, ada: Athlete, visitor: Visitor
) -> None:
    await world.clear()
    outcomes = await importer.run([new_exercise(str(number), f"Zzyzx {number}") for number in range(BATCH + 3)])
    await delete(Athlete(world, roles=("admin",)), outcomes[0].exercise_id)
    await create(ada, own_exercise("Zzyzx own"))
    await world.owner_value(AS_BEFORE)
    assert len(await every(visitor)) == BATCH + 2  # listed meanwhile, not found
    assert await found(ada, "zzyzx") == []
    upkeep = ExerciseUpkeep(world.db)

    assert [await upkeep.index() for _ in range(3)] == [BATCH, 4, 0]

    assert await consistency.differences(world.db) == []
    assert [(await found(ada, name))[0] for name in ("zzyzx own", "zzyzx 102")] == ["Zzyzx own", "Zzyzx 102"]


async def test_it_changes_no_version_and_tells_nobody(world: World, importer: Importer, visitor: Visitor) -> None:
    await world.clear()
    [outcome] = await importer.run([new_exercise("a")])
    before = await visitor.get_exercise(outcome.exercise_id)
    await world.owner_value(AS_BEFORE)

    await ExerciseUpkeep(world.db).index()

    assert await visitor.get_exercise(outcome.exercise_id) == before
    assert len(await world.events(outcome.exercise_id)) == 1
