"""A user service on servers of its own for the session; at its end columns and wire forms must say the same."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest

from chassis.clock import FixedClock
from chassis.redis_client import connect
from chassis.tokens import make_secrets
from services.user.store.consistency import differences
from tests.integration.user import people
from tests.integration.user.people import Person
from tests.integration.user.world import World, make_world
from tests.stack.databases import TestDatabase

START = datetime(2026, 3, 1, 12, 0, 0, 123456, tzinfo=UTC)


@pytest.fixture(scope="session")
async def world(database: TestDatabase, redis_url: str) -> AsyncIterator[World]:
    """The running service."""
    make_secrets(database.secrets, ["user"])
    await database.migrate(["user"])
    clock = FixedClock(START)
    db = database.connect("user", clock=clock)
    await db.open()
    redis = connect(redis_url)
    made = make_world(db, redis, clock, database.secrets, {})
    yield made
    found = await differences(db)
    await redis.aclose()
    await db.close()
    assert found == []


@pytest.fixture(scope="session")
async def somebody(world: World) -> str:
    """The address of a person for tests that run many times over and don't care who it is."""
    return (await world.sign_up()).user.email


@pytest.fixture
async def ada(world: World) -> Person:
    """A new member."""
    return await people.member(world)


@pytest.fixture
async def bob(world: World) -> Person:
    """Another new member."""
    return await people.member(world)


@pytest.fixture
async def admin(world: World) -> Person:
    """An administrator."""
    return await people.admin(world)
