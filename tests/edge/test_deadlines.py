"""Deadlines: the contract's, seen by the service however the call came, and shorter when the caller wants."""

import asyncio
import time
from typing import Any

import grpc
import pytest

from tests.edge.backend import Asked
from tests.edge.paths import GET_WORKOUT, IMPORT_EXERCISES, UPDATE_WORKOUT
from tests.edge.shapes import assert_error
from tests.edge.world import World, until


@pytest.fixture(autouse=True)
def answers(world: World) -> None:
    world.backend.answers(GET_WORKOUT, b"")
    world.backend.answers(IMPORT_EXERCISES, b"")


async def test_a_service_sees_the_deadline_of_a_rest_call(world: World) -> None:
    async with world.caller("admin") as caller:
        await caller.get("/api/v1/workouts/w1")
        await caller.post("/api/v1/exercises:import", json={})
    assert 4 < (world.backend.last(GET_WORKOUT).time_remaining or 0) <= 5
    assert 58 < (world.backend.last(IMPORT_EXERCISES).time_remaining or 0) <= 60


@pytest.mark.parametrize(("asked_for", "most"), [(None, 5), (600, 5), (2, 2)])
async def test_a_caller_shortens_it_and_never_lengthens_it(world: World, asked_for: float | None, most: float) -> None:
    async with grpc.aio.insecure_channel(world.target) as channel:
        get_workout: Any = channel.unary_unary(GET_WORKOUT)
        await get_workout(b"", metadata=world.bearer(), timeout=asked_for)
    left = world.backend.last(GET_WORKOUT).time_remaining or 0
    assert most - 1 < left < most + 0.1


async def test_a_rest_caller_shortens_it_too_and_the_service_stops(world: World) -> None:
    async def hang(_: Asked) -> bytes:
        await asyncio.sleep(30)
        return b""

    world.backend.answers(UPDATE_WORKOUT, hang)
    async with world.caller() as caller:
        answer = await caller.patch("/api/v1/workouts/w1", json={}, headers={"grpc-timeout": "300m"})
    assert_error(answer, 504, 4, "DEADLINE_EXCEEDED")
    assert (world.backend.last(UPDATE_WORKOUT).time_remaining or 0) <= 0.3
    await until(lambda: UPDATE_WORKOUT in world.backend.cancelled, "the handler is cancelled")


async def test_all_tries_together_have_that_time(world: World) -> None:
    """A second try is told the whole time again, and cancelled when what was left of it is over."""

    async def busy_then_hang(asked: Asked) -> bytes:
        if asked.metadata["x-envoy-attempt-count"] == "1":
            await asyncio.sleep(0.4)
            return await asked.fail(grpc.StatusCode.UNAVAILABLE, "not now")
        await asyncio.sleep(30)
        return b""

    world.backend.answers(GET_WORKOUT, busy_then_hang)
    start = time.monotonic()
    async with world.caller() as caller:
        answer = await caller.get("/api/v1/workouts/w1", headers={"grpc-timeout": "800m"})
    assert_error(answer, 504, 4, "DEADLINE_EXCEEDED")
    assert 0.7 < time.monotonic() - start < 3
    await until(lambda: GET_WORKOUT in world.backend.cancelled, "the second try is cancelled")
    assert world.backend.count(GET_WORKOUT) == 2


async def test_calls_and_stalled_uploads_are_cut_at_the_deadline(world: World) -> None:
    async def hang(_: Asked) -> bytes:
        await asyncio.sleep(30)
        return b""

    async def call() -> grpc.StatusCode:
        async with grpc.aio.insecure_channel(world.target) as channel:
            get_workout: Any = channel.unary_unary(GET_WORKOUT)
            code: grpc.StatusCode = await get_workout(b"", metadata=world.bearer()).code()
            return code

    async def upload() -> str:
        reader, writer = await asyncio.open_connection(*world.topology.edge)
        writer.write(
            b"POST /api/v1/workouts HTTP/1.1\r\nhost: edge\r\ncontent-length: 100\r\n"
            b"authorization: Bearer " + world.issuer.token().encode() + b"\r\n\r\n{"
        )
        head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 20)
        writer.close()
        return head.decode()

    world.backend.answers(GET_WORKOUT, hang)
    start = time.monotonic()
    code, head = await asyncio.gather(call(), upload())
    assert 4.5 < time.monotonic() - start < 15
    assert code == grpc.StatusCode.DEADLINE_EXCEEDED
    assert head.startswith("HTTP/1.1 504")
