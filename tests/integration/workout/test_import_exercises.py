"""ImportExercises."""

import asyncio
from datetime import UTC, timedelta

import pytest
from fitnesshub.workout.v1.events_pb2 import ExerciseImported
from fitnesshub.workout.v1.exercise_pb2 import MUSCLE_BICEPS, MUSCLE_CHEST, Exercise

from chassis.errors import PermissionDenied, Unauthenticated
from chassis.sessions import WriteSession
from services.workout.api import exercise_import, exercise_intake
from services.workout.api.exercise_intake import ROWS_AT_ONCE, ExerciseIntake
from services.workout.domain import exercise_index
from services.workout.domain.exercise_merging import Catalogue
from services.workout.store.exercise_writes import AT_ONCE
from tests.integration.workout.turns import Turns
from tests.integration.workout.world import (
    CREATED,
    REFUSED,
    UNCHANGED,
    UPDATED,
    Athlete,
    Importer,
    Visitor,
    World,
    failing,
    new_exercise,
)


async def test_new_rows_are_created_and_answered_in_order(importer: Importer, world: World, visitor: Visitor) -> None:
    rows = [new_exercise(each) for each in ("c", "a", "b")]

    outcomes = await importer.run(rows)

    assert [(each.source_id, each.result) for each in outcomes] == [("c", CREATED), ("a", CREATED), ("b", CREATED)]
    for row, outcome in zip(rows, outcomes, strict=True):
        stored = await visitor.get_exercise(outcome.exercise_id)
        assert (stored.name, stored.source, stored.source_id) == (row.name, importer.source, row.source_id)
        assert stored.create_time == stored.update_time == world.timestamp()


async def test_the_same_rows_again_write_nothing_and_say_nothing(importer: Importer, world: World) -> None:
    rows = [new_exercise("a"), new_exercise("b")]
    first = await importer.run(rows)
    before = await world.owner_rows("SELECT xmin, * FROM workout.exercises ORDER BY id")
    world.clock.time += timedelta(days=1)

    second = await importer.run(rows)

    assert [each.result for each in second] == [UNCHANGED, UNCHANGED]
    assert [each.exercise_id for each in second] == [each.exercise_id for each in first]
    assert await world.owner_rows("SELECT xmin, * FROM workout.exercises ORDER BY id") == before
    assert [len(await world.events(each.exercise_id)) for each in first] == [1, 1]


async def test_a_changed_row_is_updated_alone(importer: Importer, world: World, visitor: Visitor) -> None:
    first = await importer.run([new_exercise("a"), new_exercise("b")])
    before = await visitor.get_exercise(first[1].exercise_id)
    world.clock.time += timedelta(days=1)
    changed = new_exercise("b", "Another Name")

    outcomes = await importer.run([new_exercise("a"), changed])

    assert [each.result for each in outcomes] == [UNCHANGED, UPDATED]
    after = await visitor.get_exercise(outcomes[1].exercise_id)
    assert (after.id, after.name, after.create_time) == (before.id, "Another Name", before.create_time)
    assert after.update_time.ToDatetime(UTC) == world.clock.time
    assert after.etag != before.etag
    assert [event.aggregate_version for event in await world.events(after.id)] == [1, 2]


async def test_events_carry_the_exercise_of_nobody(importer: Importer, world: World, visitor: Visitor) -> None:
    [outcome] = await importer.run([new_exercise("a")])

    [event] = await world.events(outcome.exercise_id)
    said = ExerciseImported()
    assert event.data.Unpack(said)
    assert said.exercise == await visitor.get_exercise(outcome.exercise_id)
    assert (event.aggregate_type, event.aggregate_version, event.subject_user_id) == ("exercise", 1, "")


async def test_sources_do_not_meet(world: World) -> None:
    one, other = Importer(world, "one"), Importer(world, "other")

    first = await one.run([new_exercise("a")])
    second = await other.run([new_exercise("a")])

    assert [each.result for each in (*first, *second)] == [CREATED, CREATED]
    assert first[0].exercise_id != second[0].exercise_id


async def test_the_source_of_a_row_is_ignored(importer: Importer, visitor: Visitor) -> None:
    row = new_exercise("a")
    row.source = "NOT A SOURCE"

    [outcome] = await importer.run([row])

    assert (await visitor.get_exercise(outcome.exercise_id)).source == importer.source


async def test_bad_rows_are_refused_and_named_and_the_others_stored(importer: Importer, world: World) -> None:
    too_much = new_exercise("muscles")
    too_much.primary_muscles.extend([MUSCLE_BICEPS, MUSCLE_CHEST, MUSCLE_BICEPS])
    rows = [
        new_exercise("good"),
        Exercise(source_id="bare"),
        new_exercise("name", "x" * 201),
        new_exercise("nul", "a\0b"),
        new_exercise(""),
        too_much,
        new_exercise("good", "A Second Good"),
        new_exercise("steps"),
    ]
    rows[7].instructions.append("x" * 2001)

    outcomes = await importer.run(rows)

    assert [each.result for each in outcomes] == [CREATED, *[REFUSED] * 7]
    assert {each.exercise_id for each in outcomes[1:]} == {""}
    paths = [[problem.partition(":")[0] for problem in each.problems] for each in outcomes]
    assert paths == [
        [],
        ["name", "category", "level", "primaryMuscles"],
        ["name"],
        ["name"],
        ["sourceId"],
        ["primaryMuscles[3]"],
        ["sourceId"],
        ["instructions[0]"],
    ]
    assert "exercises[0]" in outcomes[6].problems[0]
    assert await world.owner_value("SELECT count(*) FROM workout.exercises WHERE source = $1", importer.source) == 1


async def test_nothing_but_refused_rows_is_an_answer_too(importer: Importer) -> None:
    [outcome] = await importer.run([Exercise(source_id="bare")])

    assert outcome.result == REFUSED


@pytest.mark.parametrize(("source", "field"), [("", "source"), ("No Spaces", "source"), ("x" * 64, "source")])
async def test_the_source_must_be_a_name(world: World, source: str, field: str) -> None:
    with failing("INVALID_REQUEST") as caught:
        await Importer(world, source).run([new_exercise("a")])

    assert [each.field for each in caught.value.violations] == [field]


@pytest.mark.parametrize("count", [0, 1001])
async def test_a_request_has_1_to_1000_rows(importer: Importer, count: int) -> None:
    with failing("INVALID_REQUEST") as caught:
        await importer.run([new_exercise(str(number)) for number in range(count)])

    assert [each.field for each in caught.value.violations] == ["exercises"]


async def test_a_thousand_rows_at_once(importer: Importer, world: World) -> None:
    outcomes = await importer.run([new_exercise(str(number)) for number in range(1000)])

    assert {each.result for each in outcomes} == {CREATED}
    assert await world.owner_value("SELECT count(*) FROM workout.exercises WHERE source = $1", importer.source) == 1000


async def test_a_large_import_lets_other_calls_have_their_turn(importer: Importer, turns: Turns) -> None:
    rows = [new_exercise(str(number)) for number in range(100)]
    # A function of each pass: checked, reduced to facts, matched, given a home, composed, told.
    turns.watch(exercise_import, "ExerciseImportOutcome")
    turns.watch(exercise_import, "facts")
    turns.watch(Catalogue, "match")
    turns.watch(ExerciseIntake, "_home")
    turns.watch(exercise_intake, "composed")
    turns.watch(WriteSession, "emit")
    passes = set(turns.most)
    turns.watch(exercise_index, "index_of")

    outcomes = await turns.during(importer.run(rows))

    assert [each.result for each in outcomes] == [CREATED] * 100
    assert turns.most == dict.fromkeys(passes, ROWS_AT_ONCE) | {"index_of": AT_ONCE}


async def test_imports_at_the_same_time_store_a_row_once(importer: Importer, world: World) -> None:
    rows = [new_exercise(str(number)) for number in range(50)]

    answers = await asyncio.gather(*(importer.run(order) for order in (rows, rows[::-1], rows, rows[::-1])))

    results = sorted(answer.result for outcomes in answers for answer in outcomes)
    assert results == [CREATED] * 50 + [UNCHANGED] * 150
    assert await world.owner_value("SELECT count(*) FROM workout.exercises WHERE source = $1", importer.source) == 50


async def test_a_repeat_under_the_same_key_gets_the_first_answer(importer: Importer) -> None:
    first = await importer.run([new_exercise("a")], key="import-1")
    second = await importer.run([new_exercise("a")], key="import-1")

    assert first == second
    assert first[0].result == CREATED


async def test_only_admins_import(world: World, ada: Athlete, visitor: Visitor) -> None:
    with pytest.raises(PermissionDenied):
        await Importer(world, "x", ada).run([new_exercise("a")])
    with pytest.raises(Unauthenticated):
        await Importer(world, "x", visitor).run([new_exercise("a")])
