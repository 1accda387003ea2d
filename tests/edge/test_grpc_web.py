"""gRPC-Web on the same port. Its statuses travel in the body, where browsers can read them."""

import struct
from base64 import b64decode

import grpc
import httpx
import pytest
from fitnesshub.workout.v1 import workout_pb2, workout_service_pb2
from google.rpc import status_pb2

from tests.edge.backend import Asked
from tests.edge.paths import GET_WORKOUT
from tests.edge.world import ORIGIN, World

CONTENT_TYPE = "application/grpc-web+proto"


def frame(message: bytes) -> bytes:
    return struct.pack(">BI", 0, len(message)) + message


def frames(body: bytes) -> list[tuple[int, bytes]]:
    found = []
    while body:
        flags, length = struct.unpack(">BI", body[:5])
        found.append((flags, body[5 : 5 + length]))
        body = body[5 + length :]
    return found


def trailers(body: bytes) -> dict[str, str]:
    (text,) = (content.decode() for flags, content in frames(body) if flags & 0x80)
    return dict(line.split(":", 1) for line in text.strip().split("\r\n"))


async def call(world: World, path: str = GET_WORKOUT, *, anonymous: bool = False) -> httpx.Response:
    request = workout_service_pb2.GetWorkoutRequest(workout_id="w1").SerializeToString()
    async with world.caller(anonymous=anonymous, origin=ORIGIN) as caller:
        return await caller.post(path, content=frame(request), headers={"content-type": CONTENT_TYPE})


async def test_a_call_is_answered_with_message_and_trailers(world: World) -> None:
    world.backend.answers(GET_WORKOUT, workout_pb2.Workout(id="w1"))
    answer = await call(world)
    assert (answer.status_code, answer.headers["content-type"]) == (200, CONTENT_TYPE)
    assert answer.headers["access-control-allow-origin"] == ORIGIN
    assert workout_pb2.Workout.FromString(frames(answer.content)[0][1]).id == "w1"
    assert trailers(answer.content)["grpc-status"] == "0"


async def test_an_error_keeps_its_trailers(world: World) -> None:
    async def fail(asked: Asked) -> bytes:
        await asked.send_headers(("x-http-code", "412"))
        return await asked.fail(grpc.StatusCode.ABORTED, "changed meanwhile", ("grpc-status-details-bin", b"\x08\n"))

    world.backend.answers(GET_WORKOUT, fail)
    answer = await call(world)
    assert answer.status_code == 200
    assert "x-http-code" not in answer.headers
    found = trailers(answer.content)
    assert found["grpc-status"] == "10"
    assert found["grpc-message"] == "changed meanwhile"
    assert "grpc-status-details-bin" in found


async def test_an_error_without_headers_keeps_its_status(world: World) -> None:
    async def fail(asked: Asked) -> bytes:
        return await asked.fail(grpc.StatusCode.NOT_FOUND, "no such workout")

    world.backend.answers(GET_WORKOUT, fail)
    answer = await call(world)
    assert answer.status_code == 200
    assert status_of(answer) == ("5", "no such workout")


@pytest.mark.parametrize(
    ("path", "anonymous", "status"),
    [(GET_WORKOUT, True, "16"), ("/fitnesshub.workout.v1.WorkoutService/Nope", False, "12")],
)
async def test_errors_of_the_edge_have_a_grpc_status(world: World, path: str, anonymous: bool, status: str) -> None:
    answer = await call(world, path, anonymous=anonymous)
    code, message = status_of(answer)
    assert code == status
    assert message
    assert not message.startswith("{")


async def test_the_status_is_that_of_the_details_whatever_the_http_status_would_mean(world: World) -> None:
    async with world.caller() as caller:
        headers = {"content-type": CONTENT_TYPE}
        answer = await caller.post(GET_WORKOUT, content=frame(b"x" * (9 << 20)), headers=headers)
    details = answer.headers["grpc-status-details-bin"]
    status = status_pb2.Status.FromString(b64decode(details + "=" * (-len(details) % 4)))
    assert (answer.headers["grpc-status"], answer.headers["grpc-message"]) == ("8", status.message)
    assert status.code == 8
    assert not [name for name in answer.headers if name.startswith("x-fitnesshub-")]


def status_of(answer: httpx.Response) -> tuple[str, str]:
    """Status and message, wherever they stand."""
    found = dict(answer.headers) if "grpc-status" in answer.headers else trailers(answer.content)
    return found["grpc-status"], found["grpc-message"]
