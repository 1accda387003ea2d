"""Rate limits, at their real sizes, each from addresses or users of its own."""

import asyncio
import re
import time
import uuid
from typing import Any

import grpc
import httpx
import pytest
from fitnesshub.workout.v1 import exercise_service_pb2
from google.api import httpbody_pb2
from google.rpc import error_details_pb2, status_pb2

from tests.edge.paths import GET_HEALTH, IMPORT_EXERCISES, LIST_EXERCISES, TOKEN
from tests.edge.shapes import RETRY_INFO, assert_error
from tests.edge.world import World

TOKEN_PATH = "/auth/v1/token?grant_type=password"


@pytest.fixture(autouse=True)
def answers(world: World) -> None:
    world.gateway.answers(GET_HEALTH, b"")
    world.backend.answers(LIST_EXERCISES, exercise_service_pb2.ListExercisesResponse())
    world.backend.answers(IMPORT_EXERCISES, exercise_service_pb2.ImportExercisesResponse())
    world.backend.answers(TOKEN, httpbody_pb2.HttpBody(content_type="application/json", data=b"{}"))


async def until_refused(most: int, caller: httpx.AsyncClient, method: str, path: str) -> int:
    """Calls until 429; returns how many calls passed."""
    for passed in range(most):
        if (await caller.request(method, path)).status_code == 429:
            return passed
    raise AssertionError("never refused")


async def test_an_anonymous_caller_has_100_calls_in_15_minutes(world: World) -> None:
    async with world.caller(anonymous=True) as caller:
        first = await caller.get("/api/v1/exercises")
        assert (first.headers["x-ratelimit-limit"], first.headers["x-ratelimit-remaining"]) == ("100", "99")
        # On a slow machine the bucket refills a little meanwhile: a token in nine seconds.
        assert await until_refused(150, caller, "GET", "/api/v1/exercises") in range(99, 104)
        refused = await caller.get("/api/v1/exercises")
        details: Any = assert_error(refused, 429, 8, "RATE_LIMITED")
        assert (refused.headers["x-ratelimit-limit"], refused.headers["x-ratelimit-remaining"]) == ("100", "0")
        assert 0 < int(refused.headers["retry-after"]) <= 900
        assert details[RETRY_INFO]["retryDelay"] == f"{refused.headers['retry-after']}s"
        # Signed in from the same address: another bucket.
        signed_in = {"authorization": f"Bearer {world.issuer.token(user=str(uuid.uuid4()))}"}
        answer = await caller.get("/api/v1/exercises", headers=signed_in)
        assert (answer.status_code, answer.headers["x-ratelimit-limit"]) == (200, "600")
        # A bad token makes nobody of the caller.
        assert (await caller.get("/api/v1/exercises", headers={"authorization": "Bearer x"})).status_code == 429
        assert (await caller.get("/health")).status_code == 200
    async with world.caller(anonymous=True) as other:
        assert (await other.get("/api/v1/exercises")).status_code == 200


async def test_sign_ins_are_30_a_minute_by_address(world: World) -> None:
    async with world.caller(anonymous=True) as caller:
        start = time.monotonic()
        passed = await until_refused(100, caller, "POST", TOKEN_PATH)
        assert 30 <= passed <= 31 + (time.monotonic() - start) / 2
        assert_error(await caller.post(TOKEN_PATH), 429, 8, "RATE_LIMITED")
        assert (await caller.get("/api/v1/exercises")).status_code == 200


async def test_a_user_has_one_limit_over_all_addresses(world: World) -> None:
    async def passed(caller: httpx.AsyncClient, most: int) -> int:
        answers = [await caller.post("/api/v1/exercises:import", json={}) for _ in range(most)]
        return sum(answer.status_code == 200 for answer in answers)

    token = {"authorization": f"Bearer {world.issuer.token('admin', user=str(uuid.uuid4()))}"}
    async with world.caller(anonymous=True, **token) as here, world.caller(anonymous=True, **token) as there:
        start = time.monotonic()
        assert await passed(here, 40) == 40
        assert 20 <= await passed(there, 40) <= 21 + (time.monotonic() - start)
        other = {"authorization": f"Bearer {world.issuer.token('admin', user=str(uuid.uuid4()))}"}
        answer = await there.post("/api/v1/exercises:import", json={}, headers=other)
        assert (answer.status_code, answer.headers["x-ratelimit-limit"]) == (200, "60")


async def test_grpc_is_limited_with_the_same_buckets(world: World) -> None:
    user = str(uuid.uuid4())
    async with grpc.aio.insecure_channel(world.target) as channel:
        method: Any = channel.unary_unary(IMPORT_EXERCISES)
        bearer = world.bearer("admin", user=user)
        start = time.monotonic()
        codes = [await method(b"", metadata=bearer).code() for _ in range(60)]
        assert set(codes) == {grpc.StatusCode.OK}
        async with world.caller(anonymous=True, authorization=bearer[0][1]) as caller:
            left = await until_refused(100, caller, "POST", "/api/v1/exercises:import")
            assert left <= 1 + (time.monotonic() - start)
        call = method(b"", metadata=bearer)
        assert await call.code() == grpc.StatusCode.RESOURCE_EXHAUSTED
        trailers = dict(await call.trailing_metadata())
    info = error_details_pb2.ErrorInfo()
    status_pb2.Status.FromString(trailers["grpc-status-details-bin"]).details[0].Unpack(info)
    assert info.reason == "RATE_LIMITED"
    assert int(trailers["retry-after"]) >= 1


async def test_health_is_never_limited(world: World) -> None:
    async with world.caller(anonymous=True) as caller:
        answers = [await caller.get("/health") for _ in range(120)]
    assert {answer.status_code for answer in answers} == {200}
    assert not [name for name in answers[-1].headers if name.startswith("x-ratelimit")]


async def test_an_address_has_1200_calls_a_minute_whatever_they_are(world: World) -> None:
    """Unknown paths count too. Over bare sockets, to outrun the refill of twenty a second."""
    address = ("127.2.0.1", 0)
    statuses: list[int] = []
    refusals: list[str] = []

    async def ask(path: str, times: int) -> None:
        reader, writer = await asyncio.open_connection(*world.topology.edge, local_addr=address)
        for _ in range(times):
            writer.write(f"GET {path} HTTP/1.1\r\nhost: edge\r\n\r\n".encode())
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            statuses.append(int(head.split()[1]))
            if statuses[-1] == 429:
                refusals.append(head)
            length = re.search(r"content-length: (\d+)", head)
            await reader.readexactly(int(length[1]) if length else 0)
        writer.close()

    await asyncio.gather(*(ask("/nothing", 120) for _ in range(10)))
    assert set(statuses) == {404}
    await asyncio.gather(*(ask("/nothing", 50) for _ in range(10)))
    assert set(statuses) == {404, 429}
    told = dict(line.split(": ", 1) for line in refusals[0].split("\r\n")[1:] if line)
    assert (told["x-ratelimit-limit"], told["x-ratelimit-remaining"]) == ("1200", "0")
    assert told["x-ratelimit-reset"] == told["retry-after"] == "1"
    statuses.clear()
    await ask("/health", 5)
    assert set(statuses) == {200}
