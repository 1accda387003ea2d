"""ListWorkoutChanges."""

import asyncio
from datetime import UTC, timedelta
from typing import Any

import asyncpg
import pytest
from fitnesshub.workout.v1.workout_pb2 import Workout
from fitnesshub.workout.v1.workout_service_pb2 import WorkoutChange
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from chassis.errors import Failure
from chassis.sessions import WriteSession
from tests.integration.workout.world import Athlete, World, failing, new_workout
from tests.stack.databases import TestDatabase


async def follow(athlete: Athlete, cursor: str = "", page_size: int = 0) -> tuple[list[WorkoutChange], str]:
    """All changes since a cursor, and where they end."""
    found: list[WorkoutChange] = []
    while True:
        page = await athlete.changes(cursor, page_size)
        assert page.next_cursor
        found += page.changes
        cursor = page.next_cursor
        if not page.has_more:
            return found, cursor


async def test_a_user_without_workouts_gets_a_cursor(ada: Athlete, squat: str) -> None:
    found, cursor = await follow(ada)
    assert found == []

    created = await ada.create(new_workout(squat))

    assert (await follow(ada, cursor))[0] == [WorkoutChange(upserted=created)]


async def test_each_workout_comes_once_with_its_last_change_oldest_first(ada: Athlete, squat: str) -> None:
    one, two, three = [await ada.create(new_workout(squat)) for _ in range(3)]
    one = await ada.update(one.id, Workout(title="Leg day"))
    two = await ada.update(two.id, Workout(notes="heavy"))

    found, _ = await follow(ada)

    assert found == [WorkoutChange(upserted=each) for each in (three, one, two)]


async def test_what_was_deleted_leaves_a_tombstone(ada: Athlete, world: World, squat: str) -> None:
    workout = await ada.create(new_workout(squat))
    _, cursor = await follow(ada)
    await ada.delete(workout.id)

    [change] = (await follow(ada, cursor))[0]

    assert change.deleted.workout_id == workout.id
    assert change.deleted.delete_time == world.timestamp()
    assert change.deleted.undelete_until.ToDatetime(UTC) == world.clock.time + timedelta(hours=24)
    assert (await follow(ada))[0] == [change]


async def test_what_was_brought_back_comes_whole(ada: Athlete, squat: str) -> None:
    workout = await ada.create(new_workout(squat))
    await ada.delete(workout.id)
    _, cursor = await follow(ada)

    back = await ada.undelete(workout.id)

    assert (await follow(ada, cursor))[0] == [WorkoutChange(upserted=back)]


async def test_a_change_of_nothing_is_no_change(ada: Athlete, squat: str) -> None:
    workout = await ada.create(new_workout(squat))
    _, cursor = await follow(ada)
    await ada.update(workout.id, Workout(title=workout.title))

    page = await ada.changes(cursor)

    assert (list(page.changes), page.has_more) == ([], False)


@pytest.mark.parametrize("size", [1, 2, 3, 6, 7])
async def test_pages_join_without_gaps_and_repeats(ada: Athlete, squat: str, size: int) -> None:
    workouts = [await ada.create(new_workout(squat)) for _ in range(6)]

    found, cursor = await follow(ada, page_size=size)

    assert found == [WorkoutChange(upserted=each) for each in workouts]
    assert (await follow(ada, cursor))[0] == []


async def test_the_page_size_is_20_and_100_at_most(ada: Athlete, squat: str) -> None:
    await ada.batch([new_workout(squat)] * 51)
    await ada.batch([new_workout(squat)] * 50)

    assert [len((await ada.changes(page_size=size)).changes) for size in (0, 100, 1000)] == [20, 100, 100]
    with failing("INVALID_REQUEST"):
        await ada.changes(page_size=-1)


async def test_only_ones_own(ada: Athlete, bob: Athlete, squat: str) -> None:
    own = await ada.create(new_workout(squat))
    await bob.create(new_workout(squat))

    assert (await follow(ada))[0] == [WorkoutChange(upserted=own)]


async def test_cursors_of_somebody_else_and_garbled_ones_are_refused(ada: Athlete, bob: Athlete, squat: str) -> None:
    await ada.create(new_workout(squat))
    await ada.create(new_workout(squat))
    cursor = (await ada.changes()).next_cursor
    page_token = (await ada.list(1)).next_page_token

    with failing("CURSOR_INVALID"):
        await bob.changes(cursor)
    for garbled in (f"{cursor}x", f"x{cursor}", "1", "\N{SNOWMAN}", page_token):
        with failing("CURSOR_INVALID"):
            await ada.changes(garbled)
    with failing("PAGE_TOKEN_INVALID"):
        await ada.list(1, cursor)


async def test_a_change_that_commits_late_holds_back_those_that_come_after_it(
    ada: Athlete, world: World, squat: str, database: TestDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Or a reader between the two commits would get the later one and a cursor past the earlier."""
    commit = WriteSession._send_commit
    reached, may_commit = asyncio.Event(), asyncio.Event()

    async def late(session: WriteSession, connection: Any) -> None:
        if not reached.is_set():
            reached.set()
            await may_commit.wait()
        await commit(session, connection)

    monkeypatch.setattr(WriteSession, "_send_commit", late)
    first = asyncio.create_task(ada.create(new_workout(squat)))
    await reached.wait()
    second = asyncio.create_task(ada.create(new_workout(squat)))
    try:
        await somebody_waits_for_a_lock(database)
        between, cursor = await follow(ada)
    finally:
        may_commit.set()
        stored = [await first, await second]

    assert between == []
    assert (await follow(ada, cursor))[0] == [WorkoutChange(upserted=each) for each in stored]


async def somebody_waits_for_a_lock(database: TestDatabase) -> None:
    waiting = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    observer = await asyncpg.connect(database.owner_url)
    async with asyncio.timeout(10):
        while not await observer.fetchval(waiting):
            await asyncio.sleep(0)
    await observer.close()


KINDS = ("create", "update", "delete", "undelete", "batch")
STEP = st.tuples(st.sampled_from(KINDS), st.integers(0, 5), st.integers(0, 3))
"""What a writer does, to which of its workouts, and for how many turns of the loop its commit is put off."""


@settings(
    max_examples=25,
    deadline=None,
    phases=[Phase.generate],  # what writers make of a turn of the loop can't be repeated, and so not be made smaller
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    writers=st.lists(st.lists(STEP, min_size=1, max_size=12), min_size=2, max_size=4),
    page_size=st.integers(1, 5),
)
async def test_whoever_follows_the_cursors_holds_an_exact_copy(
    world: World,
    squat: str,
    monkeypatch: pytest.MonkeyPatch,
    writers: list[list[tuple[str, int, int]]],
    page_size: int,
) -> None:
    athlete = Athlete(world)
    ids = [world.new_id() for _ in range(6)]
    commit = WriteSession._send_commit
    delays = iter([delay for steps in writers for _, _, delay in steps])

    async def late(session: WriteSession, connection: Any) -> None:
        for _ in range(next(delays, 0)):
            await athlete.list(1)  # a turn of the database, not only of the loop
        await commit(session, connection)

    async def write(number: int, steps: list[tuple[str, int, int]]) -> None:
        for step, (kind, target, _) in enumerate(steps):
            workout_id = ids[target]
            change = new_workout(squat, title=f"{number}/{step}")
            try:
                if kind == "create":
                    await athlete.create(new_workout(squat, id=workout_id))
                elif kind == "batch":
                    await athlete.batch([new_workout(squat, id=workout_id), change])
                elif kind == "update":
                    await athlete.update(workout_id, change)
                elif kind == "delete":
                    await athlete.delete(workout_id)
                else:
                    await athlete.undelete(workout_id)
            except Failure as failure:
                if failure.reason not in {"WORKOUT_ALREADY_EXISTS", "WORKOUT_NOT_FOUND", "WORKOUT_NOT_DELETED"}:
                    raise

    mirror: dict[str, Workout] = {}
    cursor = ""

    async def read() -> None:
        nonlocal cursor
        changes, cursor = await follow(athlete, cursor, page_size)
        for change in changes:
            if change.HasField("deleted"):
                mirror.pop(change.deleted.workout_id, None)
            else:
                mirror[change.upserted.id] = change.upserted

    with monkeypatch.context() as patched:
        patched.setattr(WriteSession, "_send_commit", late)
        writing = asyncio.gather(*(write(number, steps) for number, steps in enumerate(writers)))
        while not writing.done():
            await read()
        await writing
    await read()

    listed = {each.id: each for each in (await athlete.list(100)).workouts}
    assert mirror == listed
