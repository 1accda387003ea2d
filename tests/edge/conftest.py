from collections.abc import AsyncIterator

import httpx
import pytest
import pytest_asyncio

from tests.edge import kinds
from tests.edge.world import World, running_world


@pytest_asyncio.fixture(scope="session")
async def running(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    async with running_world(tmp_path_factory.mktemp("edge")) as world:
        yield world


@pytest_asyncio.fixture(scope="session")
async def running_kinds(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    contract = kinds.kinds_contract(tmp_path_factory.mktemp("kinds"))
    async with running_world(tmp_path_factory.mktemp("edge-kinds"), contract=contract) as world:
        yield world


@pytest.fixture
def place(running_kinds: World) -> World:
    """A world with a contract that has a field of every kind, with nothing asked yet."""
    running_kinds.backend.asked.clear()
    for path in (kinds.PUT, kinds.PATCH, kinds.FIND):
        running_kinds.backend.answers(path, b"")
    return running_kinds


@pytest.fixture
async def rest(place: World) -> AsyncIterator[httpx.AsyncClient]:
    """Anybody who calls it."""
    async with place.caller(anonymous=True, **{"content-type": "application/json"}) as caller:
        yield caller


@pytest.fixture
def world(running: World) -> World:
    """The shared world, with nothing asked yet."""
    running.backend.asked.clear()
    running.backend.cancelled.clear()
    return running
