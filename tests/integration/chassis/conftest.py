"""Two services that exist for these tests only: `depot` and `annex`, from tests/data/services."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from chassis.db import Database
from tests.integration.chassis.depot import DELETE_ALL
from tests.stack.databases import TestDatabase

SERVICES = Path(__file__).parents[2] / "data/services"


@pytest.fixture(scope="session")
async def depot_database(database: TestDatabase) -> TestDatabase:
    """The worker's database with both schemas."""
    await database.migrate(["depot", "annex"], root=SERVICES)
    return database


@pytest.fixture
async def depot(depot_database: TestDatabase) -> AsyncIterator[Database]:
    """The database as the service `depot` sees it, with empty tables."""
    opened = depot_database.connect("depot")
    async with opened.write() as tx:
        for statement in DELETE_ALL:
            await tx.execute(statement)
    yield opened
    await opened.close()
