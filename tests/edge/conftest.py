from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.edge.world import World, running_world


@pytest_asyncio.fixture(scope="session")
async def running(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    async with running_world(tmp_path_factory.mktemp("edge")) as world:
        yield world


@pytest.fixture
def world(running: World) -> World:
    """The shared world, with nothing asked yet."""
    running.backend.asked.clear()
    running.backend.cancelled.clear()
    return running
