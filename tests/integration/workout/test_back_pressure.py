"""A slow database: callers hear so in time and by the right name, nothing piles up, and it ends by itself."""

import asyncio
import resource
import time
from collections import Counter
from pathlib import Path

from fitnesshub.workout.v1.workout_service_pb2 import ListWorkoutsRequest

from chassis.channel import InProcess
from chassis.errors import Failure
from tests.integration.workout.world import Athlete, World, new_workout

PATH = "/fitnesshub.workout.v1.WorkoutService/ListWorkouts"
CALLS = 300
"""A wave; 15 for each connection there may be."""
WAVES = 3
TIME = 1.0
"""Seconds a caller has."""


async def test_a_slow_database(world: World, ada: Athlete, squat: str) -> None:
    kept = await ada.create(new_workout(squat))
    transport = InProcess(world.pipeline, "")
    request = ListWorkoutsRequest().SerializeToString()
    headers: dict[str, str | bytes] = {**ada.headers()}
    pool = world.db.pool

    async def outcome() -> tuple[str, float]:
        began = time.monotonic()
        try:
            await transport.unary(PATH, request, headers, began + TIME)
        except Failure as failure:
            return f"{type(failure).__name__} {failure.reason}", time.monotonic() - began
        return "answered", time.monotonic() - began

    async def wave() -> list[tuple[str, float]]:
        return await asyncio.gather(*(outcome() for _ in range(CALLS)))

    assert {said for said, _ in await wave()} == {"answered"}
    sizes = []
    found: list[tuple[str, float]] = []
    await world.owner_rows("BEGIN")
    await world.owner_rows("LOCK TABLE workout.workouts IN ACCESS EXCLUSIVE MODE")  # every statement waits for it
    try:
        for _ in range(WAVES):
            found += await wave()
            sizes.append(_memory())
            assert pool.waiting == 0, "nobody waits for a connection whose caller is gone"
            assert pool.opened <= pool.size
    finally:
        await world.owner_rows("ROLLBACK")

    said = Counter(each for each, _ in found)
    assert said.keys() <= {"DeadlineExceeded DEADLINE_EXCEEDED", "Unavailable DEPENDENCY_UNAVAILABLE"}, said
    assert max(took for _, took in found) < 5 * TIME, "late by no more than a busy machine is"
    assert sizes[-1] - sizes[0] < 20 << 20, "one wave leaves nothing to the next"

    async with asyncio.timeout(10):
        while (await outcome())[0] != "answered":
            pass
    assert {said for said, _ in await wave()} == {"answered"}
    assert [each.id for each in (await ada.list()).workouts] == [kept.id]


def _memory() -> int:
    """Bytes of this process that are in memory."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()
