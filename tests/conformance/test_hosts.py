"""One suite over every host: what a gRPC client sees doesn't depend on what the pipeline runs in."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.rpc import error_details_pb2
from grpc import aio
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc
from grpc_status import rpc_status

from tests.conformance.world import HOSTS, World, make_world

OK_BEHAVIOURS = ("crash", "exit", "wrong")


@pytest.fixture
def world(tmp_path: Path) -> World:
    return make_world(tmp_path)


@pytest.fixture(params=HOSTS)
async def channel(request: pytest.FixtureRequest, world: World) -> AsyncIterator[aio.Channel]:
    async with HOSTS[request.param](world) as address, aio.insecure_channel(address) as channel:
        yield channel


@pytest.fixture
def stub(channel: aio.Channel, world: World) -> Any:
    return world.pb2_grpc.EchoServiceStub(channel)


def status_of(error: Any) -> Any:
    """The `google.rpc.Status` of a failed call."""
    return rpc_status.from_call(error)


def reason_of(error: aio.AioRpcError) -> str:
    """The ErrorInfo reason; there is exactly one, in our domain."""
    status = status_of(error)
    infos = []
    for detail in status.details:
        info = error_details_pb2.ErrorInfo()
        if detail.Unpack(info):
            infos.append(info)
    (info,) = infos
    assert info.domain == "fitnesshub.dev"
    return str(info.reason)


async def fails(call: Any) -> aio.AioRpcError:
    with pytest.raises(aio.AioRpcError) as caught:
        await call
    return caught.value


def bearer(token: str) -> tuple[tuple[str, str], ...]:
    return (("authorization", f"Bearer {token}"),)


async def test_four_call_types(stub: Any, world: World) -> None:
    async def requests() -> AsyncIterator[Any]:
        for text in "abc":
            yield world.pb2.EchoRequest(text=text)

    assert (await stub.Echo(world.pb2.EchoRequest(text="x"))).text == "x"
    assert [r.text async for r in stub.Count(world.pb2.EchoRequest(times=3))] == ["0", "1", "2"]
    assert (await stub.Collect(requests())).text == "a b c"
    assert [r.text async for r in stub.Converse(requests())] == ["a", "b", "c"]


async def test_full_duplex(stub: Any, world: World) -> None:
    talk = stub.Converse()
    for text in ("one", "two", "three"):
        await talk.write(world.pb2.EchoRequest(text=text))
        assert (await talk.read()).text == text
    await talk.done_writing()
    assert await talk.read() is aio.EOF


async def test_response_metadata(stub: Any, world: World) -> None:
    call = stub.Echo(world.pb2.EchoRequest(text="héllo".encode().hex(), behave="metadata"))
    assert dict(await call.initial_metadata())["x-echo"] == "héllo".encode().hex()
    await call


async def test_failure_has_reason_details_and_request_id(stub: Any, world: World) -> None:
    error = await fails(stub.Echo(world.pb2.EchoRequest(text="é", behave="fail"), metadata=(("x-request-id", "r-9"),)))
    assert error.code() is grpc.StatusCode.FAILED_PRECONDITION
    assert reason_of(error) == "ECHO_REFUSED"
    status = status_of(error)
    request_info = error_details_pb2.RequestInfo()
    assert any(detail.Unpack(request_info) for detail in status.details)
    assert request_info.request_id == "r-9"
    assert dict(error.trailing_metadata() or ())["x-http-code"] == "412"


async def test_crashes_leak_nothing_and_the_host_lives_on(stub: Any, world: World) -> None:
    for behave in OK_BEHAVIOURS:
        error = await fails(stub.Echo(world.pb2.EchoRequest(behave=behave)))
        assert error.code() is grpc.StatusCode.INTERNAL
        assert reason_of(error) == "INTERNAL"
        assert "secret" not in (error.details() or "")
    assert (await stub.Echo(world.pb2.EchoRequest(text="still here"))).text == "still here"


async def test_malformed_request(channel: aio.Channel) -> None:
    call: Any = channel.unary_unary("/fitnesshub_testing.v1.EchoService/Echo")
    error = await fails(call(b"\xff\xff\xff"))
    assert (error.code(), reason_of(error)) == (grpc.StatusCode.INVALID_ARGUMENT, "MALFORMED_REQUEST")


@pytest.mark.parametrize("method", ["Echo", "Count"])
async def test_a_call_without_its_message_is_refused_at_once(channel: aio.Channel, method: str) -> None:
    async def nothing() -> AsyncIterator[bytes]:
        for message in list[bytes]():
            yield message

    call: Any = channel.stream_unary(f"/fitnesshub_testing.v1.EchoService/{method}")
    error = await fails(call(nothing(), timeout=3))
    assert (error.code(), reason_of(error)) == (grpc.StatusCode.INVALID_ARGUMENT, "MALFORMED_REQUEST")


async def test_unknown_method(channel: aio.Channel) -> None:
    for path in ("/fitnesshub_testing.v1.EchoService/Nope", "/nope.Nope/Nope"):
        call: Any = channel.unary_unary(path)
        error = await fails(call(b""))
        assert (error.code(), reason_of(error)) == (grpc.StatusCode.UNIMPLEMENTED, "NOT_IMPLEMENTED")


async def test_violations_are_all_named(stub: Any, world: World) -> None:
    error = await fails(stub.Echo(world.pb2.EchoRequest(text="x" * 1001, times=2000)))
    bad = error_details_pb2.BadRequest()
    assert any(detail.Unpack(bad) for detail in status_of(error).details)
    assert sorted(v.field for v in bad.field_violations) == ["text", "times"]


@pytest.mark.parametrize("broken", ["none", "forged", "expired", "audience", "issuer", "scheme", "garbage"])
async def test_bad_tokens_are_refused(stub: Any, world: World, tmp_path: Path, broken: str) -> None:
    good = world.access_token()
    headers = {
        "none": (),
        "forged": bearer(make_world(tmp_path / "other").access_token()),
        "expired": bearer(world.access_token(expires_in=-60)),
        "audience": bearer(world.access_token(aud="someone")),
        "issuer": bearer(world.access_token(iss="https://elsewhere")),
        "scheme": (("authorization", f"Basic {good}"),),
        "garbage": bearer("a.b.c"),
    }[broken]
    error = await fails(stub.EchoMine(world.pb2.EchoRequest(text="x"), metadata=headers))
    assert (error.code(), reason_of(error)) == (grpc.StatusCode.UNAUTHENTICATED, "UNAUTHENTICATED")
    assert (await stub.Echo(world.pb2.EchoRequest(text="public"), metadata=headers)).user_id == ""


async def test_roles(stub: Any, world: World) -> None:
    error = await fails(stub.EchoAdmin(world.pb2.EchoRequest(), metadata=bearer(world.access_token())))
    assert (error.code(), reason_of(error)) == (grpc.StatusCode.PERMISSION_DENIED, "ROLE_REQUIRED")
    token = world.access_token(roles=("member", "admin"))
    assert (await stub.EchoAdmin(world.pb2.EchoRequest(text="x"), metadata=bearer(token))).text == "x"
    claimed = world.access_token(user_metadata={"roles": ["admin"]}, roles=("member",))
    error = await fails(stub.EchoAdmin(world.pb2.EchoRequest(), metadata=bearer(claimed)))
    assert error.code() is grpc.StatusCode.PERMISSION_DENIED


async def test_authorises_before_it_validates(stub: Any, world: World) -> None:
    error = await fails(stub.EchoMine(world.pb2.EchoRequest(times=-1)))
    assert error.code() is grpc.StatusCode.UNAUTHENTICATED


async def test_service_method_from_outside(stub: Any, world: World) -> None:
    admin = bearer(world.access_token(roles=("admin",)))
    error = await fails(stub.EchoService(world.pb2.EchoRequest(), metadata=admin))
    assert (error.code(), reason_of(error)) == (grpc.StatusCode.PERMISSION_DENIED, "CALLER_NOT_ALLOWED")
    error = await fails(stub.EchoService(world.pb2.EchoRequest(), metadata=(("x-fitnesshub-caller", "friend"),)))
    assert error.code() is grpc.StatusCode.UNAUTHENTICATED


async def test_deadline(stub: Any, world: World) -> None:
    error = await fails(stub.Echo(world.pb2.EchoRequest(behave="sleep"), timeout=0.3))
    assert error.code() is grpc.StatusCode.DEADLINE_EXCEEDED
    await asyncio.wait_for(world.api.cancelled.wait(), 2)


async def test_a_stream_ends_at_the_contracts_time(stub: Any, world: World) -> None:
    answers = stub.Count(world.pb2.EchoRequest(times=1, behave="sleep"))
    assert (await answers.read()).text == "0"
    error = await fails(answers.read())
    assert (error.code(), reason_of(error)) == (grpc.StatusCode.DEADLINE_EXCEEDED, "DEADLINE_EXCEEDED")


async def test_a_stream_ends_when_the_process_stops(stub: Any, world: World) -> None:
    answers = stub.Count(world.pb2.EchoRequest(times=1, behave="sleep"))
    assert (await answers.read()).text == "0"
    talk = stub.Converse()
    await talk.write(world.pb2.EchoRequest(text="one"))
    assert (await talk.read()).text == "one"
    world.pipeline.streams.stop()
    for call in (answers, talk):
        error = await fails(call.read())
        assert (error.code(), reason_of(error)) == (grpc.StatusCode.UNAVAILABLE, "OVERLOADED")
    assert world.api.cancelled.is_set()
    error = await fails(stub.Count(world.pb2.EchoRequest(times=1)).read())
    assert (error.code(), reason_of(error)) == (grpc.StatusCode.UNAVAILABLE, "OVERLOADED")
    assert await stub.Download(world.pb2.EchoRequest()).read() is not aio.EOF


async def test_a_stream_of_nothing_has_its_metadata(stub: Any, world: World) -> None:
    call = stub.Download(world.pb2.EchoRequest(), metadata=(("if-none-match", 'W/"v0", W/"v1"'),))
    assert await call.read() is aio.EOF
    headers = dict(await call.initial_metadata())
    assert (headers["etag"], headers["x-http-code"]) == ('"v1"', "304")


async def test_a_stream_runs_in_one_task(stub: Any, world: World) -> None:
    """Sessions, time-outs and context variables of a handler hold across its answers."""
    call = stub.Count(world.pb2.EchoRequest(times=3, behave="tasks"))
    assert len({reply.text async for reply in call}) == 1


async def test_control_messages_are_for_the_edge_to_ask(stub: Any, world: World) -> None:
    request = world.pb2.EchoRequest(times=1)
    plain = [reply async for reply in stub.Watch(request)]
    assert [reply.HasField("control") for reply in plain] == [False]
    told = [reply async for reply in stub.Watch(request, metadata=(("x-fitnesshub-stream", "rest"),))]
    assert [reply.HasField("control") for reply in told] == [False, True]
    assert told[-1].control.WhichOneof("kind") == "end"
    assert told[-1].control.end.code == 0


async def test_a_reader_that_doesnt_read_is_given_up(stub: Any, world: World, caplog: pytest.LogCaptureFixture) -> None:
    answers = stub.Count(world.pb2.EchoRequest(text="x", times=1000, behave="flood"))
    await asyncio.wait_for(world.api.cancelled.wait(), 5)
    answers.cancel()
    assert "never retrieved" not in caplog.text


async def test_cancellation(stub: Any, world: World) -> None:
    call = stub.Echo(world.pb2.EchoRequest(behave="sleep"))
    task = asyncio.ensure_future(call)
    while not world.pipeline.active:
        await asyncio.sleep(0.005)
    task.cancel()
    await asyncio.wait_for(world.api.cancelled.wait(), 2)


async def test_many_calls_at_once(stub: Any, world: World) -> None:
    replies = await asyncio.gather(*(stub.Echo(world.pb2.EchoRequest(text=str(n))) for n in range(1000)))
    assert [reply.text for reply in replies] == [str(n) for n in range(1000)]


async def test_health_and_reflection(channel: aio.Channel) -> None:
    health: Any = health_pb2_grpc.HealthStub(channel)
    answer = await health.Check(health_pb2.HealthCheckRequest())
    assert answer.status == health_pb2.HealthCheckResponse.SERVING
    error = await fails(health.Check(health_pb2.HealthCheckRequest(service="nope")))
    assert error.code() is grpc.StatusCode.NOT_FOUND
    v1: Any = channel.stream_stream(
        "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
        request_serializer=reflection_pb2.ServerReflectionRequest.SerializeToString,
        response_deserializer=reflection_pb2.ServerReflectionResponse.FromString,
    )
    stub: Any = reflection_pb2_grpc.ServerReflectionStub
    v1alpha = stub(channel).ServerReflectionInfo
    for info in (v1, v1alpha):
        call = info(iter([reflection_pb2.ServerReflectionRequest(list_services="")]))
        names = [service.name for service in (await call.read()).list_services_response.service]
        assert "fitnesshub_testing.v1.EchoService" in names
        for name in [*names, "fitnesshub_testing.v1.EchoService.Echo"]:
            asked = reflection_pb2.ServerReflectionRequest(file_containing_symbol=name)
            described = info(iter([asked]))
            assert (await described.read()).WhichOneof("message_response") == "file_descriptor_response", name
            described.cancel()
        for unknown in ("fitnesshub_testing.v1.EchoService.Nope", "fitnesshub_testing.v1.Nope.Echo"):
            described = info(iter([reflection_pb2.ServerReflectionRequest(file_containing_symbol=unknown)]))
            assert (await described.read()).error_response.error_code == 5, unknown
            described.cancel()
        call.cancel()
