"""An analytics service on a database of its own for the session, and people who use it."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from fitnesshub.analytics.v1 import analytics_service_pb2
from fitnesshub.workout.v1.exercise_pb2 import MUSCLE_CHEST, MUSCLE_QUADRICEPS, MUSCLE_SHOULDERS, MUSCLE_TRICEPS

from chassis.clock import FixedClock, SystemClock
from chassis.contract import load_contract
from chassis.identity import AccessTokens, EndedSessions, ServiceTokens
from chassis.pages import PageTokens
from chassis.pipeline import Guards, Pipeline
from chassis.redis_client import connect
from chassis.tokens import make_secrets
from services.analytics.api.analytics_service import AnalyticsApi
from tests.integration.analytics.world import ISSUER, START, Athlete, History, World
from tests.stack.databases import TestDatabase


@pytest.fixture(scope="session")
async def world(database: TestDatabase) -> AsyncIterator[World]:
    """The running service."""
    make_secrets(database.secrets, ["analytics"])
    await database.migrate(["analytics"])
    clock = FixedClock(START)
    db = database.connect("analytics", clock=clock)
    await db.open()
    guards = Guards(
        AccessTokens(database.secrets / "access-token-keys.json", ISSUER, SystemClock()),
        ServiceTokens(database.secrets / "service-keys.json"),
        EndedSessions(connect("redis://127.0.0.1:1")),
    )
    history = History()
    pipeline = Pipeline(load_contract(), guards, db.record_call)
    api: Any = AnalyticsApi(db, clock, PageTokens(b"k" * 32), history)
    pipeline.add(analytics_service_pb2.DESCRIPTOR.services_by_name["AnalyticsService"], api)
    made = World(pipeline, db, clock, database.secrets, history)
    made.owner_url = database.owner_url
    yield made
    await db.close()


@pytest.fixture
def ada(world: World) -> Athlete:
    """A new member."""
    return Athlete(world)


@pytest.fixture
def bob(world: World) -> Athlete:
    """Another new member."""
    return Athlete(world)


@pytest.fixture
async def bench(world: World) -> str:
    """Id of an exercise for the chest."""
    return await world.library("Bench press", [MUSCLE_CHEST], [MUSCLE_TRICEPS, MUSCLE_SHOULDERS])


@pytest.fixture
async def squat(world: World) -> str:
    """Id of an exercise for the thigh."""
    return await world.library("Squat", [MUSCLE_QUADRICEPS])
