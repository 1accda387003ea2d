"""Native gRPC on the same port: statuses, details and no JSON."""

from typing import Any

import grpc
import pytest
from fitnesshub.user.v1 import auth_service_pb2, auth_service_pb2_grpc
from fitnesshub.workout.v1 import workout_pb2, workout_service_pb2, workout_service_pb2_grpc
from google.rpc import error_details_pb2
from grpc import aio
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc
from grpc_status import rpc_status

from tests.edge.backend import Asked
from tests.edge.paths import GET_WORKOUT, ISSUE_LOCAL_SESSION, LIST_SAGAS
from tests.edge.world import World


def reason_of(error: Any) -> str:
    status = rpc_status.from_call(error)
    info = error_details_pb2.ErrorInfo()
    status.details[0].Unpack(info)
    assert info.domain == "fitnesshub.dev"
    assert (status.code, status.message) == (error.code().value[0], error.details())
    return str(info.reason)


async def test_a_call_goes_through_as_it_is(world: World) -> None:
    async def answer(asked: Asked) -> workout_pb2.Workout:
        await asked.send_headers(("x-http-code", "418"), ("x-more", "kept"))
        return workout_pb2.Workout(id="w1")

    world.backend.answers(GET_WORKOUT, answer)
    async with aio.insecure_channel(world.target) as channel:
        stub = workout_service_pb2_grpc.WorkoutServiceStub(channel)
        call = stub.GetWorkout(workout_service_pb2.GetWorkoutRequest(workout_id="w1"), metadata=world.bearer())
        workout = await call
        headers = dict(await call.initial_metadata())
    assert workout.id == "w1"
    assert headers["x-more"] == "kept"
    assert "x-http-code" not in headers


async def test_an_error_of_a_service_is_left_alone(world: World) -> None:
    async def fail(asked: Asked) -> bytes:
        return await asked.fail(grpc.StatusCode.FAILED_PRECONDITION, "not now", ("x-http-code", "422"), ("own", "1"))

    world.backend.answers(GET_WORKOUT, fail)
    async with aio.insecure_channel(world.target) as channel:
        stub = workout_service_pb2_grpc.WorkoutServiceStub(channel)
        with pytest.raises(aio.AioRpcError) as caught:
            await stub.GetWorkout(workout_service_pb2.GetWorkoutRequest(), metadata=world.bearer())
    assert (caught.value.code(), caught.value.details()) == (grpc.StatusCode.FAILED_PRECONDITION, "not now")
    assert dict(caught.value.trailing_metadata())["own"] == "1"


async def test_errors_of_the_edge_carry_reasons(world: World) -> None:
    async with aio.insecure_channel(world.target) as channel:
        stub = workout_service_pb2_grpc.WorkoutServiceStub(channel)
        with pytest.raises(aio.AioRpcError) as caught:
            await stub.GetWorkout(workout_service_pb2.GetWorkoutRequest())
        assert caught.value.code() == grpc.StatusCode.UNAUTHENTICATED
        assert reason_of(caught.value) == "UNAUTHENTICATED"
        assert dict(caught.value.trailing_metadata())["www-authenticate"] == "Bearer"

        imports: Any = channel.unary_unary("/fitnesshub.workout.v1.ExerciseService/ImportExercises")
        sagas: Any = channel.unary_unary(LIST_SAGAS)
        with pytest.raises(aio.AioRpcError) as caught:
            await sagas(b"", metadata=world.bearer("member"))
        assert caught.value.code() == grpc.StatusCode.PERMISSION_DENIED
        assert reason_of(caught.value) == "ROLE_REQUIRED"

        with pytest.raises(aio.AioRpcError) as caught:
            await imports(b"x" * (9 << 20), metadata=world.bearer("admin"))
        assert caught.value.code() == grpc.StatusCode.RESOURCE_EXHAUSTED
        assert reason_of(caught.value) == "REQUEST_TOO_LARGE"


@pytest.mark.parametrize("path", ["/fitnesshub.workout.v1.WorkoutService/Nope", "/a.b.C/D", ISSUE_LOCAL_SESSION])
async def test_unknown_and_internal_methods_look_the_same(world: World, path: str) -> None:
    world.backend.answers(ISSUE_LOCAL_SESSION, b"")
    async with aio.insecure_channel(world.target) as channel:
        call: Any = channel.unary_unary(path)
        for metadata in ((), world.bearer("admin", "service")):
            with pytest.raises(aio.AioRpcError) as caught:
                await call(b"", metadata=metadata)
            assert caught.value.code() == grpc.StatusCode.UNIMPLEMENTED
            assert reason_of(caught.value) == "NOT_IMPLEMENTED"
    assert not world.backend.count(ISSUE_LOCAL_SESSION)


async def test_internal_methods_can_not_be_reached_by_pretending(world: World) -> None:
    world.backend.answers(ISSUE_LOCAL_SESSION, b"")
    async with aio.insecure_channel(world.target, options=[("grpc.default_authority", "user.mesh")]) as channel:
        stub = auth_service_pb2_grpc.AuthServiceStub(channel)
        with pytest.raises(aio.AioRpcError) as caught:
            await stub.IssueLocalSession(
                auth_service_pb2.IssueLocalSessionRequest(), metadata=(("x-fitnesshub-caller", "cli"),)
            )
    assert caught.value.code() == grpc.StatusCode.UNIMPLEMENTED


async def test_health_and_reflection_are_open(world: World) -> None:
    async with aio.insecure_channel(world.target) as channel:
        health: Any = health_pb2_grpc.HealthStub(channel)
        checked = await health.Check(health_pb2.HealthCheckRequest())
        assert checked.status == health_pb2.HealthCheckResponse.SERVING
        request = reflection_pb2.ServerReflectionRequest(list_services="")
        untyped: Any = channel
        stub: Any = reflection_pb2_grpc.ServerReflectionStub(untyped)
        answers = [each async for each in stub.ServerReflectionInfo(iter([request]))]
    names = {each.name for each in answers[0].list_services_response.service}
    assert "fitnesshub.workout.v1.WorkoutService" in names
