"""Errors that Envoy answers itself: one shape, our reasons, and the headers of every other answer."""

import asyncio

import grpc
import httpx

from tests.edge.backend import Asked
from tests.edge.paths import GET_HEALTH, GET_WORKOUT
from tests.edge.shapes import assert_error
from tests.edge.world import World, until


async def raw(world: World, request: bytes) -> httpx.Response:
    """Sends bytes and reads one answer."""
    reader, writer = await asyncio.open_connection(*world.topology.edge)
    writer.write(request)
    head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
    headers = dict(line.split(": ", 1) for line in head[1:] if line)
    body = await reader.readexactly(int(headers["content-length"]))
    writer.close()
    return httpx.Response(int(head[0].split()[1]), headers=headers, content=body)


async def test_a_body_that_no_method_takes_is_refused_before_it_is_read(world: World) -> None:
    request = b"POST /api/v1/exercises:import HTTP/1.1\r\nhost: edge\r\ncontent-length: 9000000\r\n\r\n"
    assert_error(await raw(world, request), 413, 8, "REQUEST_TOO_LARGE", maxBytes="8388608")


async def test_a_body_of_unknown_length_is_cut_off(world: World) -> None:
    head = (
        b"POST /api/v1/exercises:import HTTP/1.1\r\nhost: edge\r\ntransfer-encoding: chunked\r\n"
        b"content-type: application/json\r\n"
        b"authorization: Bearer " + world.issuer.token("admin").encode() + b"\r\n\r\n"
    )
    chunk = b'"' + b"x" * ((1 << 20) - 2) + b'"'
    chunks = b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in [b"[", *[chunk + b","] * 9])
    assert_error(await raw(world, head + chunks), 413, 8, "REQUEST_TOO_LARGE", maxBytes="8388608")
    assert not world.backend.count("/fitnesshub.workout.v1.ExerciseService/ImportExercises")


async def test_headers_that_are_too_large_are_refused(world: World) -> None:
    async with world.caller() as caller:
        answer = await caller.get("/health", headers={"x-long": "x" * 70_000})
    assert_error(answer, 431, 8, "REQUEST_TOO_LARGE")


async def test_what_is_no_http_is_refused(world: World) -> None:
    for request in (
        b"GET /health HTTP/1.1\r\n\r\n",  # no host
        b"GET /api/v1/workouts/a%2Fb HTTP/1.1\r\nhost: edge\r\n\r\n",
        b"GET /health HTTP/1.1\r\nhost: edge\r\nx_a: 1\r\n\r\n",
    ):
        answer = await raw(world, request)
        assert_error(answer, 400, 3, "MALFORMED_REQUEST")
        assert answer.headers["x-content-type-options"] == "nosniff"


async def test_a_service_that_is_down_is_unavailable_until_it_is_back(world: World) -> None:
    world.gateway.answers(GET_HEALTH, b"")
    async with world.caller(anonymous=True) as caller:

        async def status() -> int:
            return (await caller.get("/health")).status_code

        async def is_up() -> bool:
            return await status() == 200

        async def is_down() -> bool:
            return await status() == 503

        await until(is_up, "the gateway answers")
        await world.gateway.stop()
        try:
            await until(is_down, "the gateway is gone")
            assert_error(await caller.get("/health"), 503, 14, "UPSTREAM_UNAVAILABLE")
        finally:
            await world.gateway.start()
        await until(is_up, "the gateway answers again")


async def test_a_deadline_that_passes_is_504(world: World) -> None:
    async def hang(_: Asked) -> bytes:
        await asyncio.sleep(30)
        return b""

    world.backend.answers(GET_WORKOUT, hang)
    async with world.caller() as caller:
        answer = await caller.get("/api/v1/workouts/w1", headers={"grpc-timeout": "200m"})
    assert answer.status_code == 504
    assert answer.json()["code"] == grpc.StatusCode.DEADLINE_EXCEEDED.value[0]
    await until(lambda: GET_WORKOUT in world.backend.cancelled, "the service was told to stop")


async def test_errors_are_never_empty_of_security_headers(world: World) -> None:
    async with world.caller(anonymous=True) as caller:
        for path in ("/nothing", "/api/v1/workouts/w1"):
            answer = await caller.get(path)
            assert answer.status_code >= 400
            assert answer.headers["strict-transport-security"] == "max-age=31536000; includeSubDomains"
            assert answer.headers["x-request-id"]
