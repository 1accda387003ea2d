"""A page costs the same in a log of 5,000 workouts as in one of 50, on every page and with every filter.

Counted in what PostgreSQL reads for it, which is the same on every machine and in every run; not in time.
"""

import json
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from fitnesshub.workout.v1.workout_pb2 import Workout, WorkoutSet

from chassis import uuid7
from chassis.statements import Statement
from services.workout.store.workout_changes import LIST_CHANGES
from services.workout.store.workout_lists import LIST_WORKOUTS
from tests.integration.workout.world import Athlete, Importer, World, new_exercise

FEW, MANY = 50, 5_000
ALLOWANCE = 2
"""Blocks: a page may lie across the border of two index leaves and of two heap blocks, where the other log's doesn't.
A cost that grows with the log would need some hundred more."""
PAGE = 20
PLACES = ("first", "middle", "end")
MODES = ("force_generic_plan", "force_custom_plan")
"""PostgreSQL takes either for a prepared statement, whichever it believes to be cheaper."""
START = datetime(2010, 1, 1, 17, 0, tzinfo=UTC)
RARE_EVERY = 2
"""One workout in so many has the rarer exercise: even the short log has more than a page of them."""


@dataclass
class Log:
    """Somebody's workouts, one a day."""

    athlete: Athlete
    length: int

    def start(self, number: int) -> datetime:
        return START + timedelta(days=number)


@dataclass
class Logs:
    """The short and the long one, and the exercise that only some workouts of both have."""

    short: Log
    long: Log
    rarer: str


async def log(world: World, length: int, common: str, rarer: str) -> Log:
    """A stored log, written in the order of its days, as people do."""
    made = Log(Athlete(world), length)
    workouts = []
    for number in range(length):
        second = common if number % RARE_EVERY else rarer
        sets = [WorkoutSet(exercise_id=each, reps=5, weight=100, rpe=8) for each in (common, common, second, second)]
        # Ids in the order of the days: those made in one millisecond have none, and rows are stored in theirs.
        new_id = str(uuid7.make(int(made.start(number).timestamp() * 1000)))
        workout = Workout(id=new_id, title=f"Day {number}", sets=sets)
        workout.start_time.FromDatetime(made.start(number))
        workouts.append(workout)
    for first in range(0, length, 100):
        await made.athlete.batch(workouts[first : first + 100])
    return made


@pytest.fixture(scope="module")
async def logs(world: World) -> AsyncIterator[Logs]:
    rows = await Importer(world, f"library-{world.new_id()}").run([new_exercise("common"), new_exercise("rarer")])
    common, rarer = (each.exercise_id for each in rows)
    short, long = await log(world, FEW, common, rarer), await log(world, MANY, common, rarer)
    for table, index in (("workouts", "workouts_by_change"), ("workout_sets", "workout_sets_pkey")):
        # Rows one after another, not in the gaps that earlier tests left. The lock is in nobody's way: the database is
        # this worker's alone.
        await world.owner_rows(f"CLUSTER workout.{table} USING {index}")
        # As autovacuum does: the plans are those of a database that has been up for a while.
        await world.owner_rows(f"VACUUM ANALYZE workout.{table}")
    yield Logs(short, long, rarer)
    await world.owner_rows("RESET plan_cache_mode")


async def cost(world: World, mode: str, statement: Statement, values: Mapping[str, Any]) -> tuple[int, int]:
    """Blocks that a page reads, from memory or disk, and rows that it gives."""
    await world.owner_rows(f"SET plan_cache_mode = {mode}")
    sql = f"EXPLAIN (ANALYZE, BUFFERS, TIMING OFF, FORMAT JSON) {statement.sql}"
    [row] = await world.owner_rows(sql, *statement.arguments(values))
    plan = json.loads(row["QUERY PLAN"])[0]["Plan"]
    return plan["Shared Hit Blocks"] + plan["Shared Read Blocks"], plan["Actual Rows"]


CASES = [
    (used, place)
    for used in LIST_WORKOUTS
    for place in ("first", "middle", "end")
    if ("last" in used) == (place != "first")
]


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(("used", "place"), CASES, ids=lambda case: case if case in PLACES else "+".join(sorted(case)))
async def test_a_page_of_the_list(world: World, logs: Logs, used: frozenset[str], place: str, mode: str) -> None:
    costs = []
    for each in (logs.short, logs.long):
        newest = {"first": each.length, "middle": each.length // 2 + PAGE, "end": PAGE * RARE_EVERY + 1}[place]
        filters: dict[str, Any] = {
            "start_time_from": START,
            "start_time_before": each.start(newest),
            "exercise_id": logs.rarer,
        }
        values = {name: value for name, value in filters.items() if name in used}
        values |= {"owner": each.athlete.user_id, "limit": PAGE + 1}
        if "last" in used:
            values |= {"last_start": each.start(newest), "last_id": world.new_id()}
        costs.append(await cost(world, mode, LIST_WORKOUTS[used], values))

    assert_flat(*costs)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("place", PLACES)
async def test_a_page_of_the_changes(world: World, logs: Logs, place: str, mode: str) -> None:
    costs = []
    for each in (logs.short, logs.long):
        after = {"first": 0, "middle": each.length // 2 - PAGE, "end": each.length - PAGE - 1}[place]
        values = {"owner": each.athlete.user_id, "limit": PAGE + 1, "after": after}
        costs.append(await cost(world, mode, LIST_CHANGES, values))

    assert_flat(*costs)


async def test_a_look_for_changes_where_there_are_none(world: World, logs: Logs) -> None:
    for each in (logs.short, logs.long):
        values = {"owner": each.athlete.user_id, "limit": 101, "after": each.length}
        blocks, rows = await cost(world, "auto", LIST_CHANGES, values)
        assert (blocks <= 3, rows) == (True, 0)


def assert_flat(short: tuple[int, int], long: tuple[int, int]) -> None:
    """A page of both logs has as many rows, and the long one's reads at most ALLOWANCE more blocks."""
    assert short[1] == long[1] == PAGE + 1
    assert long[0] <= short[0] + ALLOWANCE, (short, long)
