"""UpdateExercise."""

import asyncio

import pytest
from fitnesshub.workout.v1.events_pb2 import ExerciseUpdated
from fitnesshub.workout.v1.exercise_pb2 import EXERCISE_LEVEL_EXPERT, MUSCLE_CHEST, Exercise

from chassis.errors import Aborted
from services.workout.domain.exercise_changes import UPDATABLE
from tests.integration.workout.exercises import create, delete, every, found, get, own_exercise, update
from tests.integration.workout.world import Athlete, Importer, World, failing, new_exercise


@pytest.fixture
def admin(world: World) -> Athlete:
    """An administrator."""
    return Athlete(world, roles=("admin",))


async def test_present_fields_change_and_nothing_else(ada: Athlete, world: World) -> None:
    before = await create(ada, own_exercise(aliases=["Hang Curl"]))

    after = await update(ada, before.id, Exercise(level=EXERCISE_LEVEL_EXPERT))

    assert after.etag != before.etag
    before.level, before.etag = EXERCISE_LEVEL_EXPERT, after.etag
    before.update_time.CopyFrom(world.timestamp())
    assert after == before
    assert await get(ada, before.id) == after


async def test_a_mask_clears(ada: Athlete) -> None:
    made = await create(ada, own_exercise(aliases=["Hang Curl"], met=4))

    changed = await update(ada, made.id, Exercise(), ["aliases", "met"])

    assert list(changed.aliases) == []
    assert not changed.HasField("met")


async def test_muscles_of_an_own_one_may_become_unknown_and_known(ada: Athlete) -> None:
    made = await create(ada, own_exercise())

    assert list((await update(ada, made.id, Exercise(), ["primary_muscles"])).primary_muscles) == []
    assert await every(ada, own=True, muscle=MUSCLE_CHEST) == []
    await update(ada, made.id, Exercise(primary_muscles=[MUSCLE_CHEST]))
    assert [each.id for each in await every(ada, own=True, muscle=MUSCLE_CHEST)] == [made.id]


async def test_muscles_of_the_library_are_known(admin: Athlete, squat: str) -> None:
    before = await get(admin, squat)

    with failing("INVALID_REQUEST") as caught:
        await update(admin, squat, Exercise(), ["primary_muscles"])

    assert [each.field for each in caught.value.violations] == ["exercise.primaryMuscles"]
    assert await get(admin, squat) == before


async def test_everything_that_can_change_is_named_by_the_star(ada: Athlete) -> None:
    made = await create(ada, own_exercise(aliases=["Hang Curl"]))

    changed = await update(ada, made.id, own_exercise("Other", met_source="2011:02050"), ["*"])

    assert (changed.name, list(changed.aliases), changed.met_source) == ("Other", [], "2011:02050")
    assert (changed.id, changed.owner_id, changed.create_time) == (made.id, made.owner_id, made.create_time)
    fixed = {"id", "owner_id", "source", "source_id", "etag", "create_time", "update_time", "display_name"}
    assert {field.name for field in Exercise.DESCRIPTOR.fields} - UPDATABLE == fixed


async def test_filters_and_search_follow(ada: Athlete) -> None:
    made = await create(ada, own_exercise("Zzyzx Pull"))

    await update(ada, made.id, Exercise(name="Qwop Push", primary_muscles=[MUSCLE_CHEST]))

    assert "Qwop Push" not in await found(ada, "zzyzx")
    assert (await found(ada, "qwop push"))[0] == "Qwop Push"
    assert [each.id for each in await every(ada, own=True, muscle=MUSCLE_CHEST)] == [made.id]


async def test_it_is_told_with_the_next_version(ada: Athlete, world: World) -> None:
    made = await create(ada, own_exercise())

    changed = await update(ada, made.id, Exercise(name="Other"))

    event = (await world.events(made.id))[-1]
    said = ExerciseUpdated()
    assert event.data.Unpack(said)
    assert said.exercise == changed
    assert (event.aggregate_version, event.subject_user_id) == (2, ada.user_id)


async def test_what_changes_nothing_says_nothing(ada: Athlete, world: World) -> None:
    made = await create(ada, own_exercise())

    assert await update(ada, made.id, Exercise(name=" Towel  Curl")) == made
    assert len(await world.events(made.id)) == 1


async def test_an_old_etag_is_refused(ada: Athlete) -> None:
    old = await create(ada, own_exercise())
    new = await update(ada, old.id, Exercise(name="Other"))

    with failing("EXERCISE_ETAG_MISMATCH") as caught:
        await update(ada, old.id, Exercise(name="Third"), etag=old.etag)

    assert caught.value.metadata == {"exerciseId": old.id, "etag": new.etag}
    assert (await update(ada, old.id, Exercise(name="Third"), etag=new.etag)).name == "Third"


async def test_an_etag_in_the_exercise_counts_as_one_beside_it(ada: Athlete) -> None:
    old = await create(ada, own_exercise())
    new = await update(ada, old.id, Exercise(name="Other", etag=old.etag))

    for beside in ("", new.etag):
        with failing("EXERCISE_ETAG_MISMATCH") as caught:
            await update(ada, old.id, Exercise(name="Third", etag=old.etag), etag=beside)
        assert caught.value.metadata == {"exerciseId": old.id, "etag": new.etag}
    for mask in ([], ["*"]):
        same = await update(ada, old.id, new, mask)
        assert same == new
    changed = await update(ada, old.id, Exercise(name="Third", etag=new.etag))
    assert changed.etag not in (old.etag, new.etag)
    assert await get(ada, old.id) == changed


async def test_of_changes_of_one_etag_at_the_same_time_one_wins(ada: Athlete) -> None:
    made = await create(ada, own_exercise())

    answers = await asyncio.gather(
        *(update(ada, made.id, Exercise(name=f"Name {number}"), etag=made.etag) for number in range(4)),
        return_exceptions=True,
    )

    assert sum(isinstance(answer, Aborted) for answer in answers) == 3


async def test_changes_of_different_fields_at_the_same_time_all_stay(ada: Athlete) -> None:
    made = await create(ada, own_exercise())
    changes = [Exercise(name="Other"), Exercise(level=EXERCISE_LEVEL_EXPERT), Exercise(aliases=["x"]), Exercise(met=5)]

    await asyncio.gather(*(update(ada, made.id, change) for change in changes))

    after = await get(ada, made.id)
    assert (after.name, after.level, list(after.aliases), after.met) == ("Other", EXERCISE_LEVEL_EXPERT, ["x"], 5)


async def test_a_taken_name_is_refused(ada: Athlete) -> None:
    first = await create(ada, own_exercise("First"))
    second = await create(ada, own_exercise("Second"))

    with failing("EXERCISE_ALREADY_EXISTS") as caught:
        await update(ada, second.id, Exercise(name="FIRST"))

    assert caught.value.metadata == {"exerciseId": first.id}
    assert (await update(ada, first.id, Exercise(name="first"))).name == "first"


async def test_somebody_elses_is_not_there(ada: Athlete, bob: Athlete, admin: Athlete) -> None:
    made = await create(ada, own_exercise())

    for other in (bob, admin):
        with failing("EXERCISE_NOT_FOUND"):
            await update(other, made.id, Exercise(name="Other"))


async def test_the_library_is_changed_by_administrators(ada: Athlete, admin: Athlete, world: World, squat: str) -> None:
    with failing("EXERCISE_NOT_YOURS") as caught:
        await update(ada, squat, Exercise(name="Other"))
    assert caught.value.metadata == {"exerciseId": squat}

    changed = await update(admin, squat, Exercise(name="Other"))

    assert await get(ada, squat) == changed
    assert (await world.events(squat))[-1].subject_user_id == ""


async def test_a_name_of_the_library_is_not_given_twice(admin: Athlete, importer: Importer, world: World) -> None:
    taken = f"Taken {world.new_id()}"
    first, second = await importer.run([new_exercise("first", taken), new_exercise("second")])

    with failing("EXERCISE_ALREADY_EXISTS") as caught:
        await update(admin, second.exercise_id, Exercise(name=taken.upper()))

    assert caught.value.metadata == {"exerciseId": first.exercise_id}


async def test_a_deleted_one_is_not_there(ada: Athlete) -> None:
    made = await create(ada, own_exercise())
    await delete(ada, made.id)

    with failing("EXERCISE_NOT_FOUND"):
        await update(ada, made.id, Exercise(name="Other"))


@pytest.mark.parametrize(
    ("change", "mask", "reason"),
    [
        (Exercise(), ["name"], "INVALID_REQUEST"),
        (Exercise(name=" "), [], "INVALID_REQUEST"),
        (Exercise(source="x"), ["source"], "UPDATE_MASK_INVALID"),
        (Exercise(), ["owner_id"], "UPDATE_MASK_INVALID"),
        (Exercise(), ["shoes"], "UPDATE_MASK_INVALID"),
    ],
)
async def test_what_breaks_a_rule_is_refused(ada: Athlete, change: Exercise, mask: list[str], reason: str) -> None:
    made = await create(ada, own_exercise())

    with failing(reason):
        await update(ada, made.id, change, mask)

    assert await get(ada, made.id) == made
