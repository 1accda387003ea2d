"""Changes of a running edge: policies, replicas and mistakes, under a steady stream of calls of which none is lost."""

import asyncio
import re
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace

import httpx
import pytest
import pytest_asyncio
from fitnesshub.workout.v1 import workout_pb2

from chassis.contract import load_contract
from chassis.edge.files import write_files
from chassis.edge.render import render
from chassis.edge.topology import Address, Topology
from tests.edge.backend import Backend
from tests.edge.paths import GET_WORKOUT
from tests.edge.world import ORIGIN, World, running_world, until

CALLERS = 8
"""Each from an address and as a user of its own: the limits are the real ones."""
LEAST_RATE = 200
"""Calls a second."""


@dataclass
class Place:
    """The edge and the two replicas of the workout service."""

    edge: World
    first: Backend
    second: Backend

    def with_replicas(self, *replicas: Backend) -> Topology:
        """The edge's topology, with these replicas of the workout service."""
        addresses = [Address("127.0.0.1", replica.port) for replica in replicas]
        return replace(self.edge.topology, clusters={**self.edge.topology.clusters, "workout": addresses})

    def change(self, topology: Topology) -> list[str]:
        """Writes the configuration; returns the files that changed."""
        return write_files(render(load_contract(), topology), self.edge.folder)


@pytest_asyncio.fixture(scope="module")
async def place(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Place]:
    replicas = Backend(), Backend()
    for replica in replicas:
        await replica.start()
        replica.answers(GET_WORKOUT, workout_pb2.Workout(id="w1"))
    addresses = [Address("127.0.0.1", replica.port) for replica in replicas]
    async with running_world(tmp_path_factory.mktemp("reload"), clusters={"workout": addresses}) as edge:
        yield Place(edge, *replicas)
    for replica in replicas:
        await replica.stop()


@dataclass
class Traffic:
    """What became of the calls so far."""

    statuses: Counter[str] = field(default_factory=Counter)
    began: float = field(default_factory=time.monotonic)

    def rate(self) -> float:
        """Calls a second."""
        return self.statuses.total() / (time.monotonic() - self.began)


@asynccontextmanager
async def traffic(edge: World) -> AsyncIterator[Traffic]:
    """Reads through the edge, one after the other on kept connections, until the block ends."""
    found = Traffic()
    over = asyncio.Event()

    async def call(number: int) -> None:
        token = edge.issuer.token(user=f"018f0000-0000-7000-8000-0000000001{number:02}")
        request = f"GET /api/v1/workouts/w1 HTTP/1.1\r\nhost: edge\r\nauthorization: Bearer {token}\r\n\r\n".encode()
        connection = None
        while not over.is_set():
            connection = connection or await asyncio.open_connection(
                *edge.topology.edge, local_addr=(f"127.3.0.{number + 1}", 0)
            )
            reader, writer = connection
            try:
                writer.write(request)
                head = (await reader.readuntil(b"\r\n\r\n")).decode()
                length = re.search(r"content-length: (\d+)", head)
                await reader.readexactly(int(length[1]) if length else 0)
                found.statuses[head.split()[1]] += 1
            except (OSError, asyncio.IncompleteReadError):
                found.statuses["broken"] += 1
                connection = None
                continue
            if "connection: close" in head:
                writer.close()
                connection = None
        if connection:
            connection[1].close()

    callers = [asyncio.ensure_future(call(number)) for number in range(CALLERS)]
    try:
        yield found
    finally:
        over.set()
        await asyncio.gather(*callers)


async def more(found: Traffic, calls: int = 100) -> None:
    """Waits until so many more calls were answered."""
    most = found.statuses.total() + calls
    await until(lambda: found.statuses.total() >= most, f"{calls} more calls")


async def test_policies_change_under_traffic(place: Place) -> None:
    async with traffic(place.edge) as found, httpx.AsyncClient(base_url=place.edge.url, verify=False) as caller:
        for origin in ("https://a.example", "https://b.example", "https://c.example", ORIGIN):
            assert place.change(replace(place.edge.topology, allowed_origins=(origin,))) == ["edge_routes.json"]

            async def is_in_force(origin: str = origin) -> bool:
                headers = {"origin": origin, "access-control-request-method": "GET"}
                answer = await caller.options("/api/v1/workouts", headers=headers)
                allowed: str = answer.headers.get("access-control-allow-origin", "")
                return allowed == origin

            await until(is_in_force, "the new policy is in force")
            await more(found)
        rate = found.rate()
    assert set(found.statuses) == {"200"}, found.statuses
    assert rate > LEAST_RATE


async def test_replicas_come_and_go_under_traffic(place: Place) -> None:
    async with traffic(place.edge) as found:
        for _ in range(2):
            assert place.change(place.with_replicas(place.first)) == ["clusters.json"]

            async def is_left() -> bool:
                before = place.second.count(GET_WORKOUT)
                await more(found, 40)
                return place.second.count(GET_WORKOUT) == before

            await until(is_left, "the second replica gets no more calls")
            await place.second.stop()
            await more(found)
            await place.second.start()
            assert place.change(place.edge.topology) == ["clusters.json"]
            place.second.asked.clear()
            await until(lambda: place.second.asked, "the second one is called again")
            await more(found)
        rate = found.rate()
    assert set(found.statuses) == {"200"}, found.statuses
    assert rate > LEAST_RATE


async def test_a_spoiled_file_changes_nothing(place: Place) -> None:
    async with traffic(place.edge) as found:
        good = render(load_contract(), place.edge.topology)
        nonsense = {"resources": [{"@type": "type.googleapis.com/envoy.config.cluster.v3.Cluster", "nonsense": 1}]}
        write_files({"edge_routes.json": nonsense, "clusters.json": nonsense}, place.edge.folder)
        try:

            async def is_refused() -> bool:
                routes = await place.edge.stat("http.edge.rds.edge_routes.update_rejected")
                return routes > 0 and await place.edge.stat("cluster_manager.cds.update_rejected") > 0

            await until(is_refused, "Envoy has refused both")
            await more(found)
        finally:
            write_files(good, place.edge.folder)
    assert set(found.statuses) == {"200"}, found.statuses
