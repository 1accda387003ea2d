"""The mesh listener: services among themselves."""

from typing import Any

import grpc
import pytest
from grpc import aio
from grpc_health.v1 import health_pb2, health_pb2_grpc

from tests.edge.backend import Asked
from tests.edge.paths import CREATE_WORKOUT, GET_HEALTH, GET_STATUS, GET_WORKOUT, ISSUE_LOCAL_SESSION
from tests.edge.world import World


def channel(world: World, authority: str) -> aio.Channel:
    options = [("grpc.default_authority", authority), ("grpc.enable_retries", 0)]
    return aio.insecure_channel(world.mesh, options=options)


async def test_a_caller_keeps_its_identity_and_its_trace(world: World) -> None:
    world.backend.answers(ISSUE_LOCAL_SESSION, b"")
    sent = {
        "x-fitnesshub-caller": "token",
        "authorization": "Bearer user",
        "x-request-id": "r-1",
        "traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
    }
    async with channel(world, "user.mesh") as mesh:
        method: Any = mesh.unary_unary(ISSUE_LOCAL_SESSION)
        await method(b"", metadata=tuple(sent.items()))
    seen = world.backend.last(ISSUE_LOCAL_SESSION)
    assert {name: seen.metadata[name] for name in sent} == sent
    assert 4 < (seen.time_remaining or 0) <= 5


@pytest.mark.parametrize("authority", ["gateway.mesh", "gateway.mesh:8081"])
async def test_the_authority_names_the_service(world: World, authority: str) -> None:
    """Every process hosts the status service, so its path alone doesn't say whose is asked for."""
    world.gateway.answers(GET_STATUS, b"gateway")
    world.backend.answers(GET_STATUS, b"backend")
    async with channel(world, authority) as mesh:
        method: Any = mesh.unary_unary(GET_STATUS)
        assert await method(b"") == b"gateway"


async def test_without_a_known_authority_the_path_says_where(world: World) -> None:
    world.backend.answers(GET_WORKOUT, b"")
    world.gateway.answers(GET_HEALTH, b"")
    async with channel(world, "localhost") as mesh:
        for path in (GET_WORKOUT, GET_HEALTH):
            method: Any = mesh.unary_unary(path)
            assert await method(b"") == b""
        for path in (GET_STATUS, "/a.b.C/D"):
            method = mesh.unary_unary(path)
            assert await method(b"").code() == grpc.StatusCode.UNIMPLEMENTED


async def test_health_of_a_service_is_asked_through_the_mesh(world: World) -> None:
    async with channel(world, "workout.mesh") as mesh:
        stub: Any = health_pb2_grpc.HealthStub(mesh)
        checked = await stub.Check(health_pb2.HealthCheckRequest())
    assert checked.status == health_pb2.HealthCheckResponse.SERVING


@pytest.mark.parametrize(
    ("path", "metadata", "tries"),
    [(GET_WORKOUT, (), 2), (CREATE_WORKOUT, (), 1), (CREATE_WORKOUT, (("idempotency-key", "k"),), 2)],
)
async def test_calls_are_repeated_as_at_the_edge(
    world: World, path: str, metadata: tuple[tuple[str, str], ...], tries: int
) -> None:
    async def answer(asked: Asked) -> bytes:
        if asked.metadata["x-envoy-attempt-count"] == "1":
            return await asked.fail(grpc.StatusCode.UNAVAILABLE, "not now")
        return b""

    world.backend.answers(path, answer)
    async with channel(world, "workout.mesh") as mesh:
        method: Any = mesh.unary_unary(path)
        code = await method(b"", metadata=metadata).code()
    assert world.backend.count(path) == tries
    assert code == (grpc.StatusCode.OK if tries == 2 else grpc.StatusCode.UNAVAILABLE)
