"""A replica of a service dies, hangs or stops while people train: profile split, two replicas of each service."""

import asyncio
import json
import os
import signal
import time
import uuid
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest

from embedded.home import Home
from embedded.state import State, load
from tests.e2e.doorway import fresh_address
from tests.e2e.stack import Stack

CALLERS = 4
PAUSE = 0.05
"""Seconds between two calls of a caller: the limits of a user are real."""
VICTIM = "workout-serve-2"
"""The replica that suffers."""


@dataclass
class Mesh:
    """The running stack."""

    home: Home

    @property
    def state(self) -> State:
        """What the supervisor wrote last."""
        state = load(self.home)
        assert state is not None
        return state

    def pid(self, process: str) -> int:
        """Of the process; 0 while it isn't up."""
        part = next(part for part in self.state.services if part.process == process)
        return (part.pid or 0) if part.state == "up" else 0

    async def replicas(self) -> int:
        """Replicas of the workout service that the edge calls."""
        async with httpx.AsyncClient() as client:
            answer = await client.get(f"{self.state.admin}/stats?filter=^cluster.workout.membership_healthy$")
        return int(answer.text.rpartition(":")[2])

    async def calls_of(self, process: str) -> int:
        """Calls that the edge has sent to a replica so far."""
        address = next(part.address for part in self.state.services if part.process == process)
        async with httpx.AsyncClient() as client:
            answer = await client.get(f"{self.state.admin}/clusters?format=json")
        (cluster,) = (each for each in answer.json()["cluster_statuses"] if each["name"] == "workout")
        for host in cluster["host_statuses"]:
            socket = host["address"]["socket_address"]
            if f"{socket['address']}:{socket['port_value']}" == address:
                counters = {each["name"]: int(each.get("value", 0)) for each in host["stats"]}
                return counters["rq_total"]
        raise AssertionError(f"the edge doesn't know {address}")


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    made = Stack(tmp_path_factory.mktemp("resilience") / "home", "split", {"FITNESSHUB_WORKERS": "2"})
    made.up()
    yield made
    made.down()


@pytest.fixture(scope="module")
def mesh(stack: Stack) -> Mesh:
    return Mesh(Home(stack.home))


async def until(condition: Any, what: str, seconds: float = 30) -> float:
    """Waits for a coroutine function to say yes; returns how long it took."""
    began = time.monotonic()
    while not await condition():
        assert time.monotonic() - began < seconds, f"not within {seconds:g} s: {what}"
        await asyncio.sleep(0.02)
    return time.monotonic() - began


@asynccontextmanager
async def person(mesh: Mesh) -> AsyncIterator[httpx.AsyncClient]:
    """A client signed in as somebody new, at an address of its own."""
    transport = httpx.AsyncHTTPTransport(local_address=fresh_address())
    async with httpx.AsyncClient(base_url=mesh.state.edge_url, transport=transport, timeout=15) as client:
        body = {"email": f"{uuid.uuid4()}@example.org", "password": "correct horse battery"}
        answer = await client.post("/auth/v1/signup", json=body)
        client.headers["authorization"] = f"Bearer {answer.json()['access_token']}"
        yield client


@dataclass
class Traffic:
    """What became of the calls so far."""

    statuses: Counter[int] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)
    written: dict[str, str] = field(default_factory=dict)
    """Ids of workouts by their titles, as they were acknowledged."""
    longest: float = 0.0
    """Seconds that the slowest call took."""

    def count(self, answer: httpx.Response) -> None:
        self.statuses[answer.status_code] += 1
        self.longest = max(self.longest, answer.elapsed.total_seconds())
        if answer.status_code >= 300:
            self.failures.append(f"{answer.request.method} {answer.status_code} {answer.text}")


@asynccontextmanager
async def traffic(mesh: Mesh, *, writes: bool) -> AsyncIterator[Traffic]:
    """People who read, and with `writes` log workouts under Idempotency-Keys, until the block ends.

    At the end, what each wrote and was told of is there once.
    """
    found = Traffic()
    over = asyncio.Event()

    async def train() -> None:
        mine: dict[str, str] = {}
        async with person(mesh) as client:
            while not over.is_set():
                found.count(await client.get("/api/v1/workouts", params={"pageSize": 5}))
                if writes:
                    title = str(uuid.uuid4())
                    body = {"title": title, "startTime": "2026-11-23T17:00:00Z", "sets": []}
                    answer = await client.post("/api/v1/workouts", json=body, headers={"idempotency-key": title})
                    found.count(answer)
                    if answer.status_code == 201:
                        mine[title] = answer.json()["id"]
                await asyncio.sleep(PAUSE)
            assert await workouts_of(client) == mine
            found.written |= mine

    callers = [asyncio.ensure_future(train()) for _ in range(CALLERS)]

    async def has_begun() -> bool:
        return found.statuses.total() >= 4 * CALLERS

    try:
        await until(has_begun, "calls are made")
        yield found
    finally:
        over.set()
        await asyncio.gather(*callers)


async def workouts_of(client: httpx.AsyncClient) -> dict[str, str]:
    """Ids by title of all there are; fails when a title is there twice."""
    found: dict[str, str] = {}
    token = ""
    while True:
        page = (await client.get("/api/v1/workouts", params={"pageSize": 100, "pageToken": token})).json()
        for workout in page["workouts"]:
            assert workout["title"] not in found
            found[workout["title"]] = workout["id"]
        token = page["nextPageToken"]
        if not token:
            return found


async def more(found: Traffic, calls: int = 40) -> None:
    """Waits for so many more answers."""
    most = found.statuses.total() + calls

    async def are_there() -> bool:
        return found.statuses.total() >= most

    await until(are_there, f"{calls} more calls")


@contextmanager
def standing_still(pid: int) -> Iterator[None]:
    """The process holds what it has and does nothing."""
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


async def test_a_replica_that_is_killed_is_not_missed(mesh: Mesh) -> None:
    async def is_out() -> bool:
        return await mesh.replicas() == 1

    async def is_back() -> bool:
        return await mesh.replicas() == 2

    async with traffic(mesh, writes=True) as found:
        # The supervisor stands still meanwhile, or it might have a new one up before the checks notice.
        with standing_still(mesh.state.pid):
            os.kill(mesh.pid(VICTIM), signal.SIGKILL)
            await until(is_out, "the dead replica is left out", 5)
            await more(found)
        await until(is_back, "its successor is called")
        before = await mesh.calls_of(VICTIM)
        await more(found)
        assert await mesh.calls_of(VICTIM) > before
    assert found.failures == []
    assert len(found.written) > 20


async def test_a_replica_that_hangs_holds_up_no_read(mesh: Mesh) -> None:
    async def is_out() -> bool:
        return await mesh.replicas() == 1

    async def is_back() -> bool:
        return await mesh.replicas() == 2

    async with traffic(mesh, writes=False) as found:
        with standing_still(mesh.pid(VICTIM)):
            await until(is_out, "the one that hangs is left out", 8)
            assert found.longest > 0.9, "a read came upon it"
            found.longest = 0.0
            await more(found)
        await until(is_back, "it is called again", 5)
        before = await mesh.calls_of(VICTIM)
        await more(found)
        assert await mesh.calls_of(VICTIM) > before
    assert found.failures == []


async def test_a_service_that_stops_ends_its_streams(mesh: Mesh) -> None:
    """The last event says so, long before the time for calls in flight is over; the next connection goes on."""
    processes = ("workout-serve", VICTIM)
    async with person(mesh) as client:
        before = {name: await mesh.calls_of(name) for name in processes}
        async with client.stream("GET", "/api/v1/workouts:watch") as answer:
            assert answer.headers["content-type"] == "text/event-stream"
            lines = (line.removeprefix("data: ") async for line in answer.aiter_lines() if line)
            assert json.loads(await anext(lines))["control"] == {"heartbeat": {}}
            (hit,) = [name for name in processes if await mesh.calls_of(name) > before[name]]
            pid = mesh.pid(hit)
            began = time.monotonic()
            os.kill(pid, signal.SIGTERM)
            last = [json.loads(line) async for line in lines][-1]
        assert time.monotonic() - began < 5
        assert last["control"]["end"]["code"] == 14
        assert "connect again" in last["control"]["end"]["message"]
        async with client.stream("GET", "/api/v1/workouts:watch") as answer:
            assert answer.status_code == 200

    async def is_back() -> bool:
        return mesh.pid(hit) not in (0, pid) and await mesh.replicas() == 2

    await until(is_back, "it was started again")


async def test_a_stack_that_stops_ends_its_streams(mesh: Mesh, stack: Stack) -> None:
    """The last of all: nothing runs after it."""
    async with person(mesh) as client, client.stream("GET", "/api/v1/workouts:watch") as answer:
        lines = (line.removeprefix("data: ") async for line in answer.aiter_lines() if line)
        await anext(lines)
        stopping = asyncio.ensure_future(asyncio.to_thread(stack.down))
        last = [json.loads(line) async for line in lines][-1]
    assert last["control"]["end"]["code"] == 14
    await stopping
