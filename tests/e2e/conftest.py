"""One running stack for each profile and test run, and clients of it that the real rate limits don't trouble."""

import asyncio
import fcntl
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest
from grpc import aio

from tests.e2e.consistency import differences
from tests.e2e.doorway import fresh_address
from tests.e2e.stack import Stack
from tests.stack.shared import locked

_keepers: list[subprocess.Popen[bytes]] = []
"""They end after this process has let go of the stack, and aren't waited for."""


@pytest.fixture(scope="session")
def profile(request: pytest.FixtureRequest) -> str:
    """The profile to test: embedded, unless a test is parametrised with it (indirect, scope session)."""
    return str(getattr(request, "param", "embedded"))


@pytest.fixture(scope="session")
def stack(profile: str, run_folder: Path) -> Iterator[Stack]:
    """The running stack of the profile, shared by all workers of the run; tests leave it running.

    At the end, columns and wire forms of all tables must say the same.
    """
    folder = run_folder / f"stack-{profile}"
    folder.mkdir(exist_ok=True)
    found = Stack(folder / "home", profile)
    with (folder / "users").open("a") as users:
        with locked(folder / "start"):
            # Waits while a keeper that had no users left is stopping the stack.
            fcntl.flock(users, fcntl.LOCK_SH)
            if not (folder / "running").exists():
                # First, so that the stack is stopped even if we are killed while it starts.
                words = [sys.executable, "-m", "tests.e2e.keeper", str(folder)]
                _keepers.append(subprocess.Popen(words, env=found.variables(), stdout=subprocess.DEVNULL))
                found.up()
                (folder / "running").touch()
        yield found
        with ThreadPoolExecutor(1) as thread:
            assert thread.submit(asyncio.run, differences(found.home)).result() == []


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
