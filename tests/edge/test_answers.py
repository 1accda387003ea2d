"""HTTP statuses of REST answers other than Envoy's own mapping, and clean headers."""

from typing import Any

import grpc
import httpx
import pytest
from fitnesshub.workout.v1 import workout_pb2
from google.api import httpbody_pb2
from google.protobuf import empty_pb2
from google.protobuf.any_pb2 import Any as Packed
from google.rpc import error_details_pb2, status_pb2

from tests.edge.backend import Asked
from tests.edge.paths import CREATE_WORKOUT, DELETE_WORKOUT, GET_USER, GET_WORKOUT
from tests.edge.world import World

LEAKS = ("grpc-", "x-http-code", "x-envoy-")


def assert_clean(answer: httpx.Response) -> None:
    assert not [name for name in answer.headers if name.startswith(LEAKS)]


async def test_a_created_resource_is_201(world: World) -> None:
    world.backend.answers(CREATE_WORKOUT, workout_pb2.Workout(id="w1"))
    async with world.caller() as caller:
        answer = await caller.post("/api/v1/workouts", json={"title": "Legs"})
    assert (answer.status_code, answer.json()["id"]) == (201, "w1")
    assert_clean(answer)


async def test_a_deletion_is_204_without_a_body(world: World) -> None:
    world.backend.answers(DELETE_WORKOUT, empty_pb2.Empty())
    async with world.caller() as caller:
        answer = await caller.delete("/api/v1/workouts/w1")
        again = await caller.delete("/api/v1/workouts/w1")  # over the same connection: nothing was left on it
    assert (answer.status_code, answer.content) == (204, b"")
    assert "content-type" not in answer.headers
    assert answer.headers.get("content-length") in (None, "0")
    assert again.status_code == 204
    assert_clean(answer)


@pytest.mark.parametrize(
    ("sent", "status"),
    [("202", 202), ("204", 204), ("503", 503), ("99999", 201), ("abc", 201), ("201.5", 201), ("0", 201), ("", 201)],
)
async def test_a_service_chooses_the_status_of_a_success(world: World, sent: str, status: int) -> None:
    """Garbage isn't believed: the status of the contract stands."""

    async def answer(asked: Asked) -> workout_pb2.Workout:
        await asked.send_headers(("x-http-code", sent))
        return workout_pb2.Workout(id="w1")

    world.backend.answers(CREATE_WORKOUT, answer)
    async with world.caller() as caller:
        got = await caller.post("/api/v1/workouts", json={})
    assert got.status_code == status
    assert_clean(got)


async def test_a_dialect_of_its_own_passes_with_its_status(world: World) -> None:
    async def answer(asked: Asked) -> httpbody_pb2.HttpBody:
        await asked.send_headers(("x-http-code", "403"))
        return httpbody_pb2.HttpBody(content_type="application/json", data=b'{"error_code":"bad_jwt"}')

    world.backend.answers(GET_USER, answer)
    async with world.caller() as caller:
        got = await caller.get("/auth/v1/user")
    assert (got.status_code, got.json()) == (403, {"error_code": "bad_jwt"})
    assert_clean(got)


@pytest.mark.parametrize("early", [False, True], ids=["in trailers", "in headers"])
@pytest.mark.parametrize(
    ("code", "sent", "status"),
    [
        (grpc.StatusCode.ABORTED, "412", 412),
        (grpc.StatusCode.FAILED_PRECONDITION, "422", 422),
        (grpc.StatusCode.FAILED_PRECONDITION, "405", 405),
        (grpc.StatusCode.INVALID_ARGUMENT, "409", 409),
        (grpc.StatusCode.INVALID_ARGUMENT, "413", 413),
        (grpc.StatusCode.INVALID_ARGUMENT, "415", 415),
        (grpc.StatusCode.NOT_FOUND, "200", 404),
        (grpc.StatusCode.NOT_FOUND, "402", 404),
        (grpc.StatusCode.PERMISSION_DENIED, "abc", 403),
        (grpc.StatusCode.INTERNAL, "412", 500),
        (grpc.StatusCode.ALREADY_EXISTS, "", 409),
        (grpc.StatusCode.OUT_OF_RANGE, "", 400),
        (grpc.StatusCode.RESOURCE_EXHAUSTED, "413", 413),
        (grpc.StatusCode.UNIMPLEMENTED, "", 501),
    ],
)
async def test_a_service_refines_a_4xx(
    world: World, code: grpc.StatusCode, sent: str, status: int, early: bool
) -> None:
    async def fail(asked: Asked) -> bytes:
        header = [("x-http-code", sent)] if sent else []
        if early:
            await asked.send_headers(*header)
            return await asked.fail(code, "no")
        return await asked.fail(code, "no", *header)

    world.backend.answers(GET_WORKOUT, fail)
    async with world.caller() as caller:
        answer = await caller.get("/api/v1/workouts/w1")
    assert answer.status_code == status
    assert answer.json() == {"code": code.value[0], "message": "no", "details": []}
    assert_clean(answer)


async def test_violations_in_a_body_are_named_as_the_caller_wrote_it(world: World) -> None:
    """Over REST the body is the workout; over gRPC it is a field of the request."""
    packed = [Packed(), Packed()]
    packed[0].Pack(error_details_pb2.ErrorInfo(reason="INVALID_REQUEST", domain="fitnesshub.dev"))
    told = [
        ("workout.sets[2].reps", 'is "field":"workout.x"'),
        ("workout.title", "is required"),
        ("workout", "x"),
        ("id", "y"),
    ]
    violations = [error_details_pb2.BadRequest.FieldViolation(field=name, description=text) for name, text in told]
    packed[1].Pack(error_details_pb2.BadRequest(field_violations=violations))
    status = status_pb2.Status(code=3, message="no", details=packed).SerializeToString()

    async def fail(asked: Asked) -> bytes:
        return await asked.fail(grpc.StatusCode.INVALID_ARGUMENT, "no", ("grpc-status-details-bin", status))

    world.backend.answers(CREATE_WORKOUT, fail)
    async with world.caller(anonymous=False, **{"accept-encoding": "gzip"}) as caller:
        answer = await caller.post("/api/v1/workouts", json={})
    found = [(each["field"], each["description"]) for each in answer.json()["details"][1]["fieldViolations"]]
    assert answer.status_code == 400
    assert found == [("sets[2].reps", told[0][1]), ("title", "is required"), ("workout", "x"), ("id", "y")]
    assert_clean(answer)
    async with grpc.aio.insecure_channel(world.target) as channel:
        create_workout: Any = channel.unary_unary(CREATE_WORKOUT)
        with pytest.raises(grpc.aio.AioRpcError) as error:
            await create_workout(b"", metadata=world.bearer())
    assert dict(error.value.trailing_metadata())["grpc-status-details-bin"] == status
