"""What Envoy repeats: reads and idempotent methods; writes only under an Idempotency-Key; nothing else."""

from typing import Any

import grpc
import httpx
import pytest

from tests.edge.backend import Asked, Behaviour
from tests.edge.paths import CREATE_WORKOUT, GET_WORKOUT, IMPORT_EXERCISES, TOKEN
from tests.edge.world import World

KEY = {"idempotency-key": "k-1"}


def failing(times: int, code: grpc.StatusCode, *, late: bool = False) -> Behaviour:
    """Fails so many times, then answers. `late`: after the headers were sent."""
    left = [times]

    async def answer(asked: Asked) -> bytes:
        left[0] -= 1
        if left[0] < 0:
            return b""
        if late:
            await asked.send_headers(("x-begun", "1"))
        return await asked.fail(code, "not now")

    return answer


async def get(caller: httpx.AsyncClient, **headers: str) -> int:
    return (await caller.get("/api/v1/workouts/w1", headers=headers)).status_code


async def test_a_read_is_repeated(world: World) -> None:
    world.backend.answers(GET_WORKOUT, failing(3, grpc.StatusCode.UNAVAILABLE))
    async with world.caller() as caller:
        assert await get(caller) == 200
    tries = [asked.metadata["x-envoy-attempt-count"] for asked in world.backend.asked]
    assert tries == ["1", "2", "3", "4"]
    assert len({asked.metadata["x-request-id"] for asked in world.backend.asked}) == 1


async def test_repeating_ends(world: World) -> None:
    world.backend.answers(GET_WORKOUT, failing(99, grpc.StatusCode.UNAVAILABLE))
    async with world.caller() as caller:
        assert await get(caller) == 503
    assert world.backend.count(GET_WORKOUT) == 4


@pytest.mark.parametrize(
    "code",
    [
        grpc.StatusCode.INTERNAL,
        grpc.StatusCode.ABORTED,
        grpc.StatusCode.RESOURCE_EXHAUSTED,
        grpc.StatusCode.DEADLINE_EXCEEDED,
        grpc.StatusCode.UNKNOWN,
    ],
)
async def test_other_failures_are_not_repeated(world: World, code: grpc.StatusCode) -> None:
    world.backend.answers(GET_WORKOUT, failing(1, code))
    async with world.caller() as caller:
        assert await get(caller) != 200
    assert world.backend.count(GET_WORKOUT) == 1


async def test_an_answer_that_has_begun_is_not_repeated(world: World) -> None:
    world.backend.answers(GET_WORKOUT, failing(1, grpc.StatusCode.UNAVAILABLE, late=True))
    async with world.caller() as caller:
        assert await get(caller) == 503
    assert world.backend.count(GET_WORKOUT) == 1


@pytest.mark.parametrize(("headers", "tries"), [({}, 1), (KEY, 2), ({"idempotency-key": ""}, 1)])
async def test_a_write_is_repeated_only_with_a_key(world: World, headers: dict[str, str], tries: int) -> None:
    world.backend.answers(CREATE_WORKOUT, failing(1, grpc.StatusCode.UNAVAILABLE))
    async with world.caller() as caller:
        answer = await caller.post("/api/v1/workouts", json={"title": "Legs"}, headers=headers)
    assert world.backend.count(CREATE_WORKOUT) == tries
    assert answer.status_code == (201 if tries == 2 else 503)
    assert len({asked.request for asked in world.backend.asked}) == 1


async def test_a_write_that_keeps_no_records_is_never_repeated(world: World) -> None:
    world.backend.answers(TOKEN, failing(1, grpc.StatusCode.UNAVAILABLE))
    async with world.caller(anonymous=True) as caller:
        answer = await caller.post("/auth/v1/token?grant_type=password", json={}, headers=KEY)
    assert (answer.status_code, world.backend.count(TOKEN)) == (503, 1)


async def test_an_idempotent_write_is_repeated_without_a_key(world: World) -> None:
    world.backend.answers(IMPORT_EXERCISES, failing(1, grpc.StatusCode.UNAVAILABLE))
    async with world.caller("admin") as caller:
        assert (await caller.post("/api/v1/exercises:import", json={})).status_code == 200
    assert world.backend.count(IMPORT_EXERCISES) == 2


@pytest.mark.parametrize(("path", "tries"), [(GET_WORKOUT, 2), (CREATE_WORKOUT, 1)])
async def test_grpc_calls_have_the_same_policy(world: World, path: str, tries: int) -> None:
    world.backend.answers(path, failing(1, grpc.StatusCode.UNAVAILABLE))
    async with grpc.aio.insecure_channel(world.target, options=[("grpc.enable_retries", 0)]) as channel:
        method: Any = channel.unary_unary(path)
        call = method(b"", metadata=world.bearer())
        code = await call.code()
    assert world.backend.count(path) == tries
    assert code == (grpc.StatusCode.OK if tries == 2 else grpc.StatusCode.UNAVAILABLE)
