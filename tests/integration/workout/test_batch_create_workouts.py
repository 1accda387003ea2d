"""BatchCreateWorkouts."""

import asyncio
import random
from contextvars import Context
from typing import Any

import pytest
from fitnesshub.workout.v1.events_pb2 import WorkoutCreated
from fitnesshub.workout.v1.workout_pb2 import Workout, WorkoutSet
from fitnesshub.workout.v1.workout_service_pb2 import (
    WORKOUT_RESULT_CREATED,
    WORKOUT_RESULT_EXISTED,
    WORKOUT_RESULT_REFUSED,
    WorkoutOutcome,
)

from chassis.errors import Failure
from chassis.sessions import WriteSession
from chassis.statements import Statement
from services.workout.api.workout_batches import SETS_AT_ONCE
from services.workout.domain import workouts
from services.workout.store import workout_batches
from tests.integration.workout import exercises
from tests.integration.workout.turns import Turns
from tests.integration.workout.world import Athlete, World, failing, new_workout

CREATED, EXISTED, REFUSED = WORKOUT_RESULT_CREATED, WORKOUT_RESULT_EXISTED, WORKOUT_RESULT_REFUSED


def results(outcomes: Any) -> list[int]:
    return [each.result for each in outcomes]


async def test_each_is_stored_as_create_stores_it(ada: Athlete, world: World, squat: str, bench: str) -> None:
    sent = [new_workout(squat, title=f"Day {number}") for number in range(3)]
    sent[1].sets.add(exercise_id=bench, duration_seconds=30)
    sent[2].ClearField("sets")
    sent[2].id = world.new_id()

    outcomes = await ada.batch(sent)

    assert results(outcomes) == [CREATED] * 3
    assert outcomes[2].workout_id == sent[2].id
    for workout, outcome in zip(sent, outcomes, strict=True):
        stored = await ada.get(outcome.workout_id)
        assert (stored.title, stored.user_id, stored.etag) == (workout.title, ada.user_id, outcome.etag)
        assert stored.create_time == stored.update_time == world.timestamp()
        alone = await ada.create(workout if not workout.id else new_workout(squat, sets=[]))
        assert stored.sets == alone.sets


async def test_events_go_out_for_each(ada: Athlete, world: World, squat: str) -> None:
    for outcome in await ada.batch([new_workout(squat)] * 2):
        [event] = await world.events(outcome.workout_id)
        said = WorkoutCreated()
        assert event.data.Unpack(said)
        assert said.workout == await ada.get(outcome.workout_id)
        assert (event.aggregate_version, event.subject_user_id) == (1, ada.user_id)


async def test_what_breaks_a_rule_is_refused_and_named_and_the_others_are_stored(
    ada: Athlete, world: World, squat: str
) -> None:
    backwards = new_workout(squat)
    backwards.end_time.seconds = backwards.start_time.seconds - 1
    backwards.sets.add(exercise_id=squat)
    nobody_knows = new_workout(squat, sets=[WorkoutSet(exercise_id=each, reps=1) for each in (squat, world.new_id())])
    sent = [
        new_workout(squat),
        Workout(title=" ", sets=[WorkoutSet(exercise_id=squat, reps=-1)]),
        backwards,
        nobody_knows,
        new_workout(squat, id="mine"),
        new_workout(squat),
    ]

    outcomes = await ada.batch(sent)

    assert results(outcomes) == [CREATED, REFUSED, REFUSED, REFUSED, REFUSED, CREATED]
    assert [[problem.partition(":")[0] for problem in each.problems] for each in outcomes[1:5]] == [
        ["title", "startTime", "sets[0].reps"],
        ["endTime", "sets[3]"],
        ["sets[1].exerciseId"],
        ["id"],
    ]
    assert [bool(each.etag) for each in outcomes] == [True, False, False, False, False, True]
    assert len((await ada.list()).workouts) == 2


async def test_a_repeated_batch_stores_nothing_twice(ada: Athlete, world: World, squat: str) -> None:
    sent = [new_workout(squat, id=world.new_id()) for _ in range(3)]
    first = await ada.batch(sent)
    changed = await ada.update(sent[1].id, Workout(title="Leg day"))
    await ada.delete(sent[2].id)

    second = await ada.batch([*sent, new_workout(squat)])

    assert results(second) == [EXISTED, EXISTED, EXISTED, CREATED]
    assert [each.etag for each in second[:3]] == [first[0].etag, changed.etag, ""]
    assert await ada.get(sent[1].id) == changed
    with failing("WORKOUT_NOT_FOUND"):
        await ada.get(sent[2].id)
    assert len(await world.events(sent[0].id)) == 1


async def test_an_id_of_somebody_else_is_taken(ada: Athlete, bob: Athlete, squat: str) -> None:
    theirs = await bob.create(new_workout(squat))

    [outcome] = await ada.batch([new_workout(squat, id=theirs.id)])

    assert outcome == WorkoutOutcome(workout_id=theirs.id, result=REFUSED, problems=["id: is taken"])
    assert await bob.get(theirs.id) == theirs


async def test_of_workouts_with_the_same_id_the_first_counts(ada: Athlete, world: World, squat: str) -> None:
    workout_id = world.new_id()
    sent = [new_workout(squat, id=workout_id, title=title) for title in ("first", "second")]

    outcomes = await ada.batch([new_workout(squat), *sent])

    assert results(outcomes) == [CREATED, CREATED, REFUSED]
    assert list(outcomes[2].problems) == ["id: already used by workouts[1] of this request"]
    assert (await ada.get(workout_id)).title == "first"


async def test_batches_with_the_same_ids_at_the_same_time_store_each_once(
    ada: Athlete, bob: Athlete, world: World, squat: str
) -> None:
    ids = [world.new_id() for _ in range(20)]

    def some() -> list[Workout]:
        return [new_workout(squat, id=each) for each in random.sample(ids, len(ids))]

    answers = await asyncio.gather(*(athlete.batch(some()) for athlete in (ada, bob, ada, bob)))

    by_id: dict[str, list[int]] = {each: [] for each in ids}
    for outcome in (outcome for answer in answers for outcome in answer):
        by_id[outcome.workout_id].append(outcome.result)
    assert {tuple(sorted(each)) for each in by_id.values()} == {(CREATED, EXISTED, REFUSED, REFUSED)}
    stored = [*(await ada.list(100)).workouts, *(await bob.list(100)).workouts]
    assert sorted(each.id for each in stored) == sorted(ids)


async def test_one_that_comes_in_between_is_seen(
    ada: Athlete, bob: Athlete, world: World, squat: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After it was asked which ids are taken, and before the workouts are stored."""
    own, foreign = world.new_id(), world.new_id()
    read_taken = workout_batches.read_taken
    stored: list[Workout] = []

    async def late(tx: WriteSession, ids: Any) -> Any:
        found = await read_taken(tx, ids)
        if not stored:
            for athlete, workout_id in ((bob, foreign), (ada, own)):
                create = athlete.create(new_workout(squat, id=workout_id))
                stored.append(await asyncio.create_task(create, context=Context()))
        return found

    monkeypatch.setattr(workout_batches, "read_taken", late)

    outcomes = await ada.batch([new_workout(squat, id=own), new_workout(squat, id=foreign), new_workout(squat)])

    assert results(outcomes) == [EXISTED, REFUSED, CREATED]
    assert outcomes[0].etag == stored[1].etag
    assert len(await world.events(own)) == 1


async def test_a_repeat_under_the_same_key_gets_the_first_answer(ada: Athlete, squat: str) -> None:
    sent = [new_workout(squat)] * 3

    assert await ada.batch(sent, key="batch-1") == await ada.batch(sent, key="batch-1")

    assert len((await ada.list()).workouts) == 3
    with failing("IDEMPOTENCY_KEY_REUSED"):
        await ada.batch(sent[:2], key="batch-1")


async def test_a_batch_has_1_to_100_workouts(ada: Athlete, squat: str) -> None:
    for size in (0, 101):
        with failing("INVALID_REQUEST") as caught:
            await ada.batch([new_workout(squat)] * size)
        assert [each.field for each in caught.value.violations] == ["workouts"]

    assert results(await ada.batch([new_workout(squat)] * 100)) == [CREATED] * 100


async def test_a_batch_is_stored_by_few_statements(ada: Athlete, squat: str, monkeypatch: pytest.MonkeyPatch) -> None:
    sets = [WorkoutSet(exercise_id=squat, reps=5, weight=100) for _ in range(20)]
    run = WriteSession._run
    statements: list[Statement] = []

    async def counted(session: WriteSession, method: Any, statement: Statement, values: dict[str, Any]) -> Any:
        statements.append(statement)
        return await run(session, method, statement, values)

    monkeypatch.setattr(WriteSession, "_run", counted)

    outcomes = await ada.batch([new_workout(squat, sets=sets) for _ in range(100)])

    assert results(outcomes) == [CREATED] * 100
    # Which ids are taken, which exercises can be used, 2,100 rows by some hundred, the events.
    assert len(statements) <= 3 + 2_100 / 80
    assert statements.count(workout_batches.CREATE_WORKOUTS) == len(statements) - 3


async def test_all_or_nothing_when_it_cannot_be_stored(
    ada: Athlete, squat: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    create_workouts = workout_batches.create_workouts
    parts = 0

    async def breaks(*arguments: Any) -> Any:
        nonlocal parts
        parts += 1
        if parts == 3:
            raise OSError
        return await create_workouts(*arguments)

    monkeypatch.setattr(workout_batches, "create_workouts", breaks)
    sets = [WorkoutSet(exercise_id=squat, reps=5)] * 90

    with pytest.raises(Failure):
        await ada.batch([new_workout(squat, sets=sets) for _ in range(4)])

    assert list((await ada.list()).workouts) == []


async def test_other_calls_get_their_turn(ada: Athlete, squat: str, world: World, turns: Turns) -> None:
    sets = [WorkoutSet(exercise_id=squat, reps=5) for _ in range(20)]
    unknown = [*sets[:-1], WorkoutSet(exercise_id=world.new_id(), reps=5)]
    sent = [new_workout(squat, sets=sets if number % 2 else unknown) for number in range(100)]
    turns.watch(workouts, "new_workout")
    turns.watch(workouts, "violations_of_exercises")
    turns.watch(WriteSession, "emit")

    outcomes = await turns.during(ada.batch(sent))

    assert results(outcomes) == [REFUSED, CREATED] * 50
    at_once = SETS_AT_ONCE // 21  # a workout counts as a set more than it has
    assert turns.most == {"new_workout": at_once, "violations_of_exercises": at_once, "emit": at_once}


async def test_only_exercises_that_can_be_used_now(ada: Athlete, bob: Athlete, world: World) -> None:
    own = await exercises.create(ada, exercises.own_exercise())
    sent = [new_workout(own.id, id=world.new_id()) for _ in range(2)]
    assert results(await bob.batch(sent)) == [REFUSED, REFUSED]
    assert results(await ada.batch(sent[:1])) == [CREATED]
    await exercises.delete(ada, own.id)

    outcomes = await ada.batch(sent)

    assert results(outcomes) == [EXISTED, REFUSED]
    assert list(outcomes[1].problems) == [f"sets[{number}].exerciseId: no such exercise" for number in range(3)]
