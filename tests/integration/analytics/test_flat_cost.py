"""An answer costs the same after 5,000 workouts as after 50: it reads sums, a row a period.

Counted in what PostgreSQL reads for it, which is the same on every machine and in every run; not in time.
"""

import json
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from fitnesshub.analytics.v1 import analytics_pb2 as pb
from fitnesshub.workout.v1.exercise_pb2 import MUSCLE_CHEST, MUSCLE_QUADRICEPS

from chassis.statements import Statement
from services.analytics.domain.periods import FIRST_DAY, LAST_DAY, spans
from services.analytics.store import training
from tests.integration.analytics.world import Athlete, World, reps

FEW, MANY = 50, 5_000
MOST = 1.3
LAST = datetime(2026, 2, 27, 17, 0, tzinfo=UTC)
DAYS = 50
BATCH = 200


@pytest.fixture(scope="module")
async def logs(world: World) -> tuple[Athlete, Athlete, str]:
    """Two people who trained in the same fifty days, one a hundred times as often, and one of their exercises."""
    bench = await world.library("Bench press", [MUSCLE_CHEST])
    squat = await world.library("Squat", [MUSCLE_QUADRICEPS])
    made = []
    for count in (FEW, MANY):
        athlete = Athlete(world)
        events = [
            athlete.told(
                athlete.workout(
                    LAST - timedelta(days=number % DAYS, minutes=number // DAYS),
                    *(reps(each, 5, 100 + number % 20) for each in (bench, squat)),
                )
            )
            for number in range(count)
        ]
        for first in range(0, count, BATCH):
            await world.hear(*events[first : first + BATCH])
        made.append(athlete)
    for table in ("training_periods", "exercise_periods", "exercise_bests", "training_runs", "exercises"):
        await world.owner_rows(f"VACUUM (FULL, ANALYZE) analytics.{table}")
    return made[0], made[1], bench


async def cost(world: World, statement: Statement, values: Mapping[str, Any]) -> int:
    """Blocks that an answer reads, from memory or disk."""
    sql = f"EXPLAIN (ANALYZE, BUFFERS, TIMING OFF, FORMAT JSON) {statement.sql}"
    [row] = await world.owner_rows(sql, *statement.arguments(values))
    plan = json.loads(row["QUERY PLAN"])[0]["Plan"]
    return int(plan["Shared Hit Blocks"] + plan["Shared Read Blocks"])


ALL = spans(FIRST_DAY, LAST_DAY)
SPANS = {"kinds": [s.kind for s in ALL], "firsts": [s.first for s in ALL], "lasts": [s.last for s in ALL]}
WEEKS = {"kind": pb.GRANULARITY_WEEK, "first": date(2025, 12, 1), "last": date(2026, 3, 1)}
PAGE = {"last_sets": 2**31 - 1, "last_id": "00000000-0000-0000-0000-000000000000", "most": 21}


@pytest.mark.parametrize(
    ("statement", "values"),
    [
        (training.LIST_PERIODS, WEEKS),
        (training.LIST_TRAINED_EXERCISES, SPANS | PAGE),
        (training.SUM_BY_MUSCLE, SPANS),
        (training.LIST_PROGRESS, WEEKS | {"exercise_id": ""}),
        (training.LIST_BESTS, {"exercise_id": "", "most": 103}),
        (training.GET_NEWEST_RUN, {"kind": pb.GRANULARITY_DAY, "now": date(2026, 3, 1)}),
        (training.GET_LONGEST_RUN, {"kind": pb.GRANULARITY_DAY, "now": date(2026, 3, 1)}),
    ],
    ids=["periods", "exercises", "muscles", "progress", "bests", "newest run", "longest run"],
)
async def test_an_answer(
    world: World, logs: tuple[Athlete, Athlete, str], statement: Statement, values: dict[str, Any]
) -> None:
    few, many, bench = logs
    if "exercise_id" in values:
        values = values | {"exercise_id": bench}
    short, long = [await cost(world, statement, values | {"owner": each.user_id}) for each in (few, many)]
    assert 0 < long <= short * MOST, (short, long)
