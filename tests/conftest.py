"""Fixtures on real servers, which start when a test first asks for them and stop when the run ends, however it ends."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from redis.asyncio import Redis

from chassis import redis_client
from embedded.postgres import Postgres
from embedded.valkey import Valkey
from tests.stack.databases import TestDatabase
from tests.stack.shared import shared, wait_until_stopped

RUN = pytest.StashKey[Path]()


@pytest.fixture(scope="session")
def run_folder(tmp_path_factory: pytest.TempPathFactory, worker_id: str, request: pytest.FixtureRequest) -> Path:
    """Folder that all workers of this run share."""
    base = tmp_path_factory.getbasetemp()
    run = base if worker_id == "master" else base.parent
    request.config.stash[RUN] = run
    return run


@pytest.fixture(scope="session")
def postgres(run_folder: Path) -> Iterator[Postgres]:
    """The run's PostgreSQL, not durable, shared by all workers: see `database`."""
    with shared("postgres", run_folder) as server:
        assert isinstance(server, Postgres)
        yield server


@pytest.fixture(scope="session")
def valkey(run_folder: Path) -> Iterator[Valkey]:
    """The run's Valkey, shared by all workers: see `redis_url`."""
    with shared("valkey", run_folder) as server:
        assert isinstance(server, Valkey)
        yield server


@pytest.fixture(scope="session")
async def database(postgres: Postgres, worker_id: str) -> AsyncIterator[TestDatabase]:
    """This worker's own database; `await database.open("workout")` migrates and opens it as a service sees it."""
    made = TestDatabase(postgres, f"test_{worker_id}")
    await made.create()
    yield made
    await made.close()


@pytest.fixture(scope="session")
def redis_url(valkey: Valkey, worker_id: str) -> str:
    """Address of this worker's own logical database."""
    number = 0 if worker_id == "master" else int(worker_id.removeprefix("gw"))
    return f"{valkey.url}?db={number}"


@pytest.fixture
async def redis(redis_url: str) -> AsyncIterator[Redis]:
    """A client of this worker's logical database, which is empty."""
    client = redis_client.connect(redis_url)
    await client.flushdb()
    yield client
    await client.aclose()


def pytest_unconfigure(config: pytest.Config) -> None:
    """Returns when the servers are gone, so that nothing of a run outlives it."""
    if hasattr(config, "workerinput"):
        return
    run = config.stash.get(RUN, None) or _controller_folder(config)
    if run is not None:
        wait_until_stopped(run)


def _controller_folder(config: pytest.Config) -> Path | None:
    """With xdist the fixtures run in the workers, whose folders are inside the controller's."""
    factory = getattr(config, "_tmp_path_factory", None)
    return factory.getbasetemp() if config.pluginmanager.hasplugin("dsession") and factory else None
