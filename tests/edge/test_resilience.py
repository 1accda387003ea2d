"""Two replicas of a service behind the edge: who can't answer is left out and comes back, and nobody notices.

The times and limits are small here; what they are in production is in `chassis/edge/clusters.py`.
"""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import grpc
import httpx
import pytest
import pytest_asyncio
from fitnesshub.workout.v1 import workout_pb2

from chassis.edge import clusters
from chassis.edge.topology import Address
from tests.edge.backend import Asked, Backend, Behaviour
from tests.edge.paths import CREATE_WORKOUT, GET_WORKOUT, UPDATE_WORKOUT
from tests.edge.shapes import assert_error
from tests.edge.world import World, running_world, until

EJECTION = 2.0
MOST_CALLS = 8
WORKOUT = "/api/v1/workouts/w1"


@dataclass
class Place:
    """The edge and the two replicas of the workout service."""

    edge: World
    first: Backend
    second: Backend

    async def healthy(self) -> int:
        """How many replicas the edge calls."""
        return await self.edge.stat("cluster.workout.membership_healthy")


@pytest_asyncio.fixture(scope="module")
async def running(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Place]:
    replicas = Backend(), Backend()
    for replica in replicas:
        await replica.start()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(clusters, "EJECTION_SECONDS", EJECTION)
        patch.setattr(clusters, "MAX_REQUESTS", MOST_CALLS)
        addresses = [Address("127.0.0.1", replica.port) for replica in replicas]
        async with running_world(tmp_path_factory.mktemp("two"), clusters={"workout": addresses}) as edge:
            yield Place(edge, *replicas)
    for replica in replicas:
        await replica.stop()


@pytest.fixture
async def place(running: Place) -> Place:
    """Both replicas answer and are called."""
    for replica in (running.first, running.second):
        replica.behaviours.clear()
        replica.answers(GET_WORKOUT, workout_pb2.Workout(id="w1"))
        replica.asked.clear()

    async def both() -> bool:
        return await running.healthy() == 2

    await until(both, "both replicas are called")
    return running


def failing(code: grpc.StatusCode) -> Behaviour:
    async def answer(asked: Asked) -> bytes:
        return await asked.fail(code, "not now")

    return answer


def hanging(asked: Asked) -> Any:
    async def answer() -> bytes:
        await asyncio.sleep(30)
        return b""

    return answer()


async def calls(caller: httpx.AsyncClient, times: int) -> Counter[int]:
    """Statuses of so many calls at once."""
    answers = await asyncio.gather(*(caller.get(WORKOUT) for _ in range(times)))
    return Counter(answer.status_code for answer in answers)


async def is_called(replica: Backend, caller: httpx.AsyncClient) -> bool:
    """Whether the edge has calls for it; makes some."""
    before = replica.count(GET_WORKOUT)
    await calls(caller, 4)
    return replica.count(GET_WORKOUT) > before


async def test_a_replica_that_fails_five_times_in_a_row_is_left_out_for_a_while(place: Place) -> None:
    place.first.answers(GET_WORKOUT, failing(grpc.StatusCode.UNAVAILABLE))
    async with place.edge.caller() as caller:

        async def is_out() -> bool:
            assert set(await calls(caller, 2)) == {200}  # the other one answers the repeats
            return await place.healthy() == 1

        await until(is_out, "it is left out")
        began = time.monotonic()
        failed = place.first.count(GET_WORKOUT)
        assert failed >= clusters.CONSECUTIVE_FAILURES
        place.first.answers(GET_WORKOUT, workout_pb2.Workout(id="w1"))
        # Its health checks pass all the time, and don't end it.
        assert (await calls(caller, 8), place.first.count(GET_WORKOUT)) == ({200: 8}, failed)
        await until(lambda: is_called(place.first, caller), "it is called again")
    assert time.monotonic() - began > EJECTION - 0.5
    assert await place.healthy() == 2


@pytest.mark.parametrize(
    "code",
    [
        grpc.StatusCode.NOT_FOUND,
        grpc.StatusCode.INVALID_ARGUMENT,
        grpc.StatusCode.PERMISSION_DENIED,
        grpc.StatusCode.RESOURCE_EXHAUSTED,
        grpc.StatusCode.ABORTED,
        grpc.StatusCode.INTERNAL,
    ],
)
async def test_answers_that_are_the_callers_fault_never_count(place: Place, code: grpc.StatusCode) -> None:
    for replica in (place.first, place.second):
        replica.answers(GET_WORKOUT, failing(code))
    before = await place.edge.stat("cluster.workout.outlier_detection.ejections_enforced_total")
    async with place.edge.caller() as caller:
        for _ in range(5):
            assert 200 not in await calls(caller, 4)
    assert place.first.count(GET_WORKOUT) + place.second.count(GET_WORKOUT) == 20
    assert min(place.first.count(GET_WORKOUT), place.second.count(GET_WORKOUT)) > 5
    assert await place.edge.stat("cluster.workout.outlier_detection.ejections_enforced_total") == before


async def test_a_read_that_hangs_is_answered_by_the_other_replica(place: Place) -> None:
    place.first.answers(GET_WORKOUT, hanging)
    async with place.edge.caller() as caller:
        began = time.monotonic()
        assert await calls(caller, 6) == {200: 6}
        assert time.monotonic() - began < 4
    assert place.first.count(GET_WORKOUT) >= 1
    await until(lambda: GET_WORKOUT in place.first.cancelled, "the call that lost is cancelled")


async def test_a_slow_read_isnt_cut_short(place: Place) -> None:
    """Slower than the second after which the other replica is asked, and the only one that answers."""

    async def slow(asked: Asked) -> workout_pb2.Workout:
        await asyncio.sleep(1.5)
        return workout_pb2.Workout(id=str(asked.metadata["x-envoy-attempt-count"]))

    for replica in (place.first, place.second):
        replica.answers(GET_WORKOUT, slow)
    async with place.edge.caller() as caller:
        answer = await caller.get(WORKOUT)
    assert (answer.status_code, answer.json()["id"]) == (200, "1")
    assert place.first.count(GET_WORKOUT) + place.second.count(GET_WORKOUT) == 2


async def test_the_breaker_opens_at_too_many_calls_and_closes_again(place: Place) -> None:
    release = asyncio.Event()

    async def held(_: Asked) -> bytes:
        await release.wait()
        return b""

    for replica in (place.first, place.second):
        replica.answers(UPDATE_WORKOUT, held)
    async with place.edge.caller() as caller:
        waiting = [asyncio.ensure_future(caller.patch(WORKOUT, json={})) for _ in range(MOST_CALLS)]

        async def all_wait() -> bool:
            return place.first.count(UPDATE_WORKOUT) + place.second.count(UPDATE_WORKOUT) == MOST_CALLS

        await until(all_wait, "as many calls as are allowed are waiting")
        refused = await caller.get(WORKOUT)
        assert_error(refused, 503, 14, "OVERLOADED")
        assert not [name for name in refused.headers if name.startswith("x-envoy-")]
        async with grpc.aio.insecure_channel(place.edge.target) as channel:
            method: Any = channel.unary_unary(GET_WORKOUT)
            call = method(b"", metadata=place.edge.bearer())
            assert await call.code() == grpc.StatusCode.UNAVAILABLE
        assert (await caller.get("/health")).status_code != 503, "other services go on"
        release.set()
        assert {(await answer).status_code for answer in waiting} == {200}
        assert (await caller.get(WORKOUT)).status_code == 200
    assert await place.edge.stat("cluster.workout.upstream_rq_active_overflow") > 0


async def test_a_replica_that_says_it_isnt_serving_gets_no_calls(place: Place) -> None:
    await place.first.say(serving=False)
    try:
        async with place.edge.caller() as caller:

            async def is_out() -> bool:
                return await place.healthy() == 1

            await until(is_out, "it is left out")
            asked = place.first.count(GET_WORKOUT)
            assert (await calls(caller, 8), place.first.count(GET_WORKOUT)) == ({200: 8}, asked)
            await place.first.say(serving=True)
            await until(lambda: is_called(place.first, caller), "it is called again")
    finally:
        await place.first.say(serving=True)


async def test_without_any_replica_the_answer_comes_at_once(place: Place) -> None:
    for replica in (place.first, place.second):
        await replica.say(serving=False)
    try:
        async with place.edge.caller() as caller:

            async def none() -> bool:
                return await place.healthy() == 0

            await until(none, "both are left out")
            assert_error(await caller.get(WORKOUT), 503, 14, "UPSTREAM_UNAVAILABLE")
            assert (await caller.get("/api/v1/exercises")).status_code == 503  # the same service
    finally:
        for replica in (place.first, place.second):
            await replica.say(serving=True)


@pytest.mark.parametrize(("headers", "status", "tries"), [({"idempotency-key": "k-1"}, 201, 2), ({}, 503, 1)])
async def test_a_connection_that_breaks_under_a_write(
    place: Place, headers: dict[str, str], status: int, tries: int
) -> None:
    """Under a key it goes to the other replica. Without one nobody repeats what may be done already."""
    replicas = (place.first, place.second)
    hit: asyncio.Queue[Backend] = asyncio.Queue()
    for replica in replicas:

        async def first_hangs(asked: Asked, replica: Backend = replica) -> bytes:
            if asked.metadata["x-envoy-attempt-count"] == "1":
                hit.put_nowait(replica)
                await asyncio.sleep(30)
            return b""

        replica.answers(CREATE_WORKOUT, first_hangs)
    async with place.edge.caller() as caller:
        write = asyncio.ensure_future(caller.post("/api/v1/workouts", json={"title": "Legs"}, headers=headers))
        broken = await asyncio.wait_for(hit.get(), 5)
        await broken.stop()
        try:
            answer = await write
        finally:
            await broken.start()
    assert answer.status_code == status
    assert sum(replica.count(CREATE_WORKOUT) for replica in replicas) == tries
