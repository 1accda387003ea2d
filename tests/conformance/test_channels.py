"""One suite over both ways to call another service: what a handler sees and what a caller gets are the same."""

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from chassis.call import Call
from chassis.db_errors import SessionMisuseError
from chassis.errors import (
    DeadlineExceeded,
    FailedPrecondition,
    Internal,
    InvalidArgument,
    PermissionDenied,
    ResourceExhausted,
    Unauthenticated,
)
from chassis.pipeline import current_call
from chassis.sessions import in_write_transaction
from tests.conformance.world import TRANSPORTS, World, make_world


@pytest.fixture
def world(tmp_path: Path) -> World:
    return make_world(tmp_path)


@pytest.fixture(params=TRANSPORTS)
async def stub(request: pytest.FixtureRequest, world: World) -> AsyncIterator[Any]:
    async with TRANSPORTS[request.param](world, "friend") as transport:
        yield world.stub(transport)


@pytest.fixture(params=TRANSPORTS)
async def strangers_stub(request: pytest.FixtureRequest, world: World) -> AsyncIterator[Any]:
    async with TRANSPORTS[request.param](world, "stranger") as transport:
        yield world.stub(transport)


async def test_unary_names_the_calling_service(stub: Any, world: World) -> None:
    reply = await stub.Echo(world.pb2.EchoRequest(text="hello"))
    assert (reply.text, reply.caller) == ("hello", "friend")


async def test_service_only_method_admits_its_callers(stub: Any, world: World) -> None:
    assert (await stub.EchoService(world.pb2.EchoRequest(text="x"))).caller == "friend"


async def test_service_not_in_the_list_is_refused(strangers_stub: Any, world: World) -> None:
    for method in (strangers_stub.Echo, strangers_stub.EchoService):
        with pytest.raises(PermissionDenied) as refused:
            await method(world.pb2.EchoRequest(text="x"))
        assert refused.value.reason == "CALLER_NOT_ALLOWED"


async def test_service_without_a_user_cant_act_for_one(stub: Any, world: World) -> None:
    with pytest.raises(Unauthenticated):
        await stub.EchoMine(world.pb2.EchoRequest(text="x"))


async def test_user_and_request_id_of_the_answered_call_travel_along(stub: Any, world: World) -> None:
    token = world.access_token(user_id="018f0000-0000-7000-8000-00000000000a")
    answered = Call(
        "/x",
        metadata={"authorization": f"Bearer {token}", "x-request-id": "r-1", "cookie": "c"},
        deadline=time.monotonic() + 1.0,
    )
    reset = current_call.set(answered)
    try:
        reply = await stub.EchoMine(world.pb2.EchoRequest(text="x"))
    finally:
        current_call.reset(reset)
    assert reply.user_id == "018f0000-0000-7000-8000-00000000000a"
    assert reply.request_id == "r-1"
    assert 0.5 < reply.seconds_left < 1.0


async def test_failure_comes_back_as_it_was_raised(stub: Any, world: World) -> None:
    with pytest.raises(FailedPrecondition) as failed:
        await stub.Echo(world.pb2.EchoRequest(text="é\n%", behave="fail"))
    assert failed.value.reason == "ECHO_REFUSED"
    assert failed.value.metadata == {"text": "é\n%"}


async def test_crash_leaks_nothing(stub: Any, world: World) -> None:
    for behave in ("crash", "exit", "wrong"):
        with pytest.raises(Internal) as failed:
            await stub.Echo(world.pb2.EchoRequest(behave=behave))
        assert failed.value.reason == "INTERNAL"
        assert "secret" not in str(failed.value)


async def test_violations_come_back(stub: Any, world: World) -> None:
    with pytest.raises(InvalidArgument) as failed:
        await stub.Echo(world.pb2.EchoRequest(text="x" * 1001, times=-1))
    assert {violation.field for violation in failed.value.violations} == {"text", "times"}


async def test_too_large_request(stub: Any, world: World) -> None:
    with pytest.raises(ResourceExhausted) as failed:
        await stub.Echo(world.pb2.EchoRequest(behave="x" * 5000))
    assert failed.value.metadata["maxBytes"] == "4096"


async def test_deadline_cancels_the_handler(stub: Any, world: World) -> None:
    started = time.monotonic()
    with pytest.raises(DeadlineExceeded):
        await stub.Echo(world.pb2.EchoRequest(behave="sleep"), timeout=0.2)
    assert time.monotonic() - started < 1.0
    await asyncio.wait_for(world.api.cancelled.wait(), 2)


async def test_contracts_timeout_applies_without_a_deadline(stub: Any, world: World) -> None:
    reply = await stub.Echo(world.pb2.EchoRequest(text="x"), timeout=60)
    assert reply.seconds_left <= 2.0


async def test_cancelling_the_caller_cancels_the_handler(stub: Any, world: World) -> None:
    call = asyncio.ensure_future(stub.Echo(world.pb2.EchoRequest(behave="sleep")))
    while not world.pipeline.active:
        await asyncio.sleep(0.005)
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    await asyncio.wait_for(world.api.cancelled.wait(), 2)


async def test_server_stream(stub: Any, world: World) -> None:
    got = [reply.text async for reply in stub.Count(world.pb2.EchoRequest(times=3))]
    assert got == ["0", "1", "2"]


async def test_server_stream_that_fails_in_the_middle(stub: Any, world: World) -> None:
    answers = stub.Count(world.pb2.EchoRequest(times=2, behave="fail"))
    assert [(await anext(answers)).text for _ in range(2)] == ["0", "1"]
    with pytest.raises(FailedPrecondition):
        await anext(answers)


async def test_a_streams_deadline_cancels_the_handler(stub: Any, world: World) -> None:
    answers = stub.Count(world.pb2.EchoRequest(times=1, behave="sleep"), timeout=0.3)
    started = time.monotonic()
    assert (await anext(answers)).text == "0"
    with pytest.raises(DeadlineExceeded):
        await anext(answers)
    assert time.monotonic() - started < 1.0
    await asyncio.wait_for(world.api.cancelled.wait(), 2)


async def test_leaving_a_server_stream_closes_the_handler(stub: Any, world: World) -> None:
    answers = stub.Count(world.pb2.EchoRequest(times=1, behave="sleep"))
    assert (await anext(answers)).text == "0"
    await answers.aclose()
    await asyncio.wait_for(world.api.cancelled.wait(), 2)


async def test_client_stream_and_both_ways(stub: Any, world: World) -> None:
    async def requests() -> AsyncIterator[Any]:
        for text in "abc":
            yield world.pb2.EchoRequest(text=text)

    assert (await stub.Collect(requests())).text == "a b c"
    assert [reply.text async for reply in stub.Converse(requests())] == ["a", "b", "c"]


async def test_a_call_inside_a_write_transaction_is_refused(stub: Any, world: World) -> None:
    reset = in_write_transaction.set(True)
    try:
        with pytest.raises(SessionMisuseError, match="write transaction"):
            await stub.Echo(world.pb2.EchoRequest())
    finally:
        in_write_transaction.reset(reset)


async def test_callee_sees_nothing_of_the_callers_context(world: World) -> None:
    async with TRANSPORTS["in-process"](world, "friend") as transport:
        outer = Call("/outer", deadline=time.monotonic() + 1)
        reset = current_call.set(outer)
        try:
            await world.stub(transport).Echo(world.pb2.EchoRequest())
            assert current_call.get() is outer
        finally:
            current_call.reset(reset)
