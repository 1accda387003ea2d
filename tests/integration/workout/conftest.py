"""A workout service on a database of its own for the session, and people who use it."""

from collections.abc import AsyncIterator
from dataclasses import dataclass

import asyncpg
import pytest
from fitnesshub.user.v1 import stats_service_pb2
from redis.asyncio import Redis

from chassis.channel import Channel, InProcess
from chassis.clock import FixedClock, SystemClock, SystemIds
from chassis.contract import load_contract
from chassis.db import Database
from chassis.identity import EndedSessions
from chassis.pipeline import Pipeline
from chassis.redis_client import connect
from chassis.service import Runtime
from chassis.settings import load_process_settings
from chassis.tokens import make_secrets
from services.workout import bootstrap
from services.workout.store import consistency
from tests.integration.workout.totals import Totals
from tests.integration.workout.turns import Turns
from tests.integration.workout.world import ISSUER, START, Athlete, Importer, Visitor, World, guards_of, new_exercise
from tests.stack.databases import TestDatabase


@dataclass
class Resources:
    """What the service asks its process for."""

    db: Database
    users: Pipeline
    """Where the user service is."""
    cache: Redis

    def database(self, service: str) -> Database:
        return self.db

    def redis(self, service: str) -> Redis:
        return self.cache

    def channel(self, owner: str, service: str) -> Channel:
        assert (owner, service) == ("workout", "user"), "the workout service calls no other"
        return Channel(InProcess(self.users, owner))


@pytest.fixture(scope="session")
async def world(database: TestDatabase, redis_url: str) -> AsyncIterator[World]:
    """The running service. At the end of the session columns and wire forms must say the same."""
    make_secrets(database.secrets, ["workout"])
    await database.migrate(["workout"])
    process = load_process_settings(
        {
            "FITNESSHUB_SECRETS": str(database.secrets),
            "FITNESSHUB_DATABASE_SERVER": database.server_url,
            "FITNESSHUB_MESH": "127.0.0.1:1",
            "FITNESSHUB_ISSUER": ISSUER,
            "REDIS_URL": "redis://127.0.0.1:1",
        }
    )
    clock = FixedClock(START)
    cache = connect(redis_url)
    db = database.connect("workout", clock=clock)
    await db.open()
    contract = load_contract()
    guards = guards_of(database.secrets, SystemClock(), EndedSessions(connect("redis://127.0.0.1:1")))
    users = Pipeline(contract, guards, db.record_call)
    totals = Totals()
    users.add(stats_service_pb2.DESCRIPTOR.services_by_name["StatsService"], totals)
    service = bootstrap.build(
        Runtime(
            service="workout",
            process=process,
            environment={},
            clock=clock,
            ids=SystemIds(),
            contract=contract,
            hosted=["workout"],
            resources=Resources(db, users, cache),
        )
    )
    owner = await asyncpg.connect(database.owner_url)
    yield World(service, db, clock, owner, database.secrets, totals)
    found = await consistency.differences(db)
    await owner.close()
    await cache.aclose()
    await db.close()
    assert found == []


@pytest.fixture
def ada(world: World) -> Athlete:
    """A new member."""
    return Athlete(world)


@pytest.fixture
def bob(world: World) -> Athlete:
    """Another new member."""
    return Athlete(world)


@pytest.fixture
def turns(monkeypatch: pytest.MonkeyPatch) -> Turns:
    """A count for one test."""
    return Turns(monkeypatch)


@pytest.fixture
def visitor(world: World) -> Visitor:
    """Somebody who isn't signed in."""
    return Visitor(world)


@pytest.fixture
def importer(world: World) -> Importer:
    """An admin with a library of their own."""
    return Importer(world, f"library-{world.new_id()}")


@pytest.fixture
async def squat(importer: Importer) -> str:
    """Id of an exercise."""
    return (await importer.run([new_exercise("squat")]))[0].exercise_id


@pytest.fixture
async def bench(importer: Importer) -> str:
    """Id of another exercise."""
    return (await importer.run([new_exercise("bench")]))[0].exercise_id
