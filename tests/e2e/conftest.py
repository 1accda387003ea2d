"""One running stack for each profile and test run, and clients of it that the real rate limits don't trouble."""

import asyncio
import fcntl
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from grpc import aio

from tests.e2e.doorway import fresh_address
from tests.e2e.stack import Stack


@pytest.fixture(scope="session")
def profile(request: pytest.FixtureRequest) -> str:
    """The profile to test: embedded, unless a test is parametrised with it (indirect, scope session)."""
    return str(getattr(request, "param", "embedded"))


@pytest.fixture(scope="session")
def stack(profile: str, tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Iterator[Stack]:
    """The running stack of the profile, shared by all workers of the run; tests leave it running."""
    base = tmp_path_factory.getbasetemp()
    shared = (base if worker_id == "master" else base.parent) / f"stack-{profile}"
    shared.mkdir(exist_ok=True)
    found = Stack(shared / "home", profile)
    with _counted(shared) as users:
        if users() == 0:
            found.up()
        users(+1)
    yield found
    with _counted(shared) as users:
        if users(-1) == 0:
            found.down()


@contextmanager
def _counted(folder: Path) -> Iterator[Callable[..., int]]:
    """How many workers use the stack; what is done meanwhile, only one does."""
    with (folder / "users").open("a+") as file:
        fcntl.flock(file, fcntl.LOCK_EX)

        def users(change: int = 0) -> int:
            file.seek(0)
            number = int(file.read() or 0) + change
            file.truncate(0)
            file.write(str(number))
            file.flush()
            return number

        yield users


@pytest.fixture(scope="session")
def edge_url(stack: Stack) -> str:
    """URL of the edge."""
    return str(stack.status()["edge_url"])


@pytest.fixture(scope="session")
def token(stack: Stack) -> Callable[..., str]:
    """Gives an access token of a user with the role; the same for the same role and address."""
    given: dict[tuple[str | None, str | None], str] = {}

    def give(role: str | None = None, email: str | None = None) -> str:
        email = email or (f"{role}@e2e.fitnesshub.dev" if role else None)
        if (role, email) not in given:
            given[role, email] = stack.token(role, email)
        return given[role, email]

    return give


@pytest.fixture
async def http(edge_url: str) -> AsyncIterator[httpx.AsyncClient]:
    """REST through the edge, from a loopback address of the test's own."""
    transport = httpx.AsyncHTTPTransport(local_address=fresh_address())
    async with httpx.AsyncClient(base_url=edge_url, transport=transport, timeout=30) as client:
        yield client


@pytest.fixture
async def mesh(stack: Stack) -> AsyncIterator[Callable[[str], aio.Channel]]:
    """Gives a channel to a service through the mesh listener, as services have one of each other."""
    address = (await asyncio.to_thread(stack.status))["mesh"]
    channels: list[aio.Channel] = []

    def channel(service: str) -> aio.Channel:
        channels.append(aio.insecure_channel(address, options=[("grpc.default_authority", f"{service}.mesh")]))
        return channels[-1]

    yield channel
    for each in channels:
        await each.close()
