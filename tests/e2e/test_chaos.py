"""Nothing acknowledged is lost or doubled, whatever dies: people write on while every part is killed again and again.

FITNESSHUB_CHAOS_MINUTES makes it go on for so long (50 at most), FITNESSHUB_CHAOS_SEED changes what dies when, and
FITNESSHUB_CHAOS_PROFILE=split has every service die by itself.
"""

import asyncio
import json
import os
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, suppress
from datetime import UTC, datetime
from pathlib import Path

import asyncpg
import httpx
import pytest

from chassis import redis_client
from chassis.events.redis_bus import RedisBus
from embedded.home import Home
from embedded.postgres import Postgres
from tests.e2e.chaos.checks import Aftermath, findings
from tests.e2e.chaos.client import Client, Orders, client
from tests.e2e.chaos.journal import Pulse, read
from tests.e2e.chaos.killer import CUT, Killer, parts
from tests.e2e.doorway import fresh_address
from tests.e2e.stack import Stack

MINUTES = float(os.environ.get("FITNESSHUB_CHAOS_MINUTES", "0"))
"""0: for as long as it takes."""
SEED = int(os.environ.get("FITNESSHUB_CHAOS_SEED", "20260301"))
PROFILE = os.environ.get("FITNESSHUB_CHAOS_PROFILE", "embedded")
WRITES = 2_000
"""Writes that must have been acknowledged."""
ROUNDS = 3
"""Times that every part is killed at least."""
PEOPLE = 16
"""People who write at the same time: 80 writes a second within their limits."""
KILLING = 45.0
"""Seconds after which nothing is killed any more that was killed three times, on a machine where all is slow."""
LIMIT = {"embedded": 115.0, "split": 240.0}[PROFILE]
"""Seconds for killing and writing, of the three minutes that all of it has in CI; split has twice as much to kill."""
DRAINED = 40.0
"""Seconds for the pipeline to come to rest: what a dead consumer held is taken over after 10."""
SHOWN = 5
"""Findings of each kind that are told, after their number."""
ARTEFACT = Path(__file__).parents[2] / ".cache/chaos.json"

pytestmark = pytest.mark.timeout(LIMIT + 65 + MINUTES * 60)


@pytest.fixture(scope="module")
async def aftermath(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Aftermath]:
    """A stack that went through it all and has come to rest; what was promised, and what is there."""
    folder = tmp_path_factory.mktemp("chaos")
    stack = Stack(folder / "home", PROFILE, {"FITNESSHUB_AUDIT_CHECKPOINT_SECONDS": "0.5"})
    async with AsyncExitStack() as closing:
        await asyncio.to_thread(stack.up)
        closing.push_async_callback(asyncio.to_thread, stack.down)
        yield await _survive(stack, folder, closing)
    assert stack.processes() == []


async def _survive(stack: Stack, folder: Path, closing: AsyncExitStack) -> Aftermath:
    url = str(stack.status()["edge_url"])
    pulse = Pulse()
    admin = await closing.enter_async_context(_api(url, await asyncio.to_thread(stack.token, "admin")))
    orders = Orders(url, SEED, PEOPLE, str(folder), [await _exercise(admin)])
    writing = await closing.enter_async_context(client(orders, pulse))
    killer = Killer(stack, SEED, pulse, ROUNDS)
    began = time.monotonic()
    await _chaos(writing, killer, pulse, began)
    calmed = time.monotonic()
    after = Aftermath(
        stack=stack,
        owner=await _owner(stack, closing),
        bus=_bus(stack, closing),
        admin=admin,
        promised=read(writing.journals),
        people={user: await closing.enter_async_context(_api(url, token)) for user, token in writing.tokens.items()},
    )
    await _drained(after)
    after.figures = {
        "profile": PROFILE,
        "seed": SEED,
        "writes": pulse.count,
        "attempts": writing.attempts,
        "kills": {part: killer.kills[part] for part in killer.parts},
        "of_them_by_the_guard": killer.guards,
        "valkey_cut": killer.cuts,
        "seconds": round(calmed - began, 1),
        "seconds_to_drain": round(time.monotonic() - calmed, 1),
        "longest_outage_seconds": round(pulse.longest, 1),
        "longest_by_what_was_hit": {
            part: round(max(blow.seconds for blow in killer.blows if blow.part == part), 1)
            for part in (*killer.parts, CUT)
        },
        "blows": [
            f"{datetime.fromtimestamp(blow.recovered, UTC):%H:%M:%S} {blow.part} {blow.seconds:.1f} s"
            for blow in killer.blows
        ],
        "resident_mib": {part.process: _resident(part.pid) for part in parts(Home(stack.home)) if part.pid},
    }
    return after


async def _chaos(writing: Client, killer: Killer, pulse: Pulse, began: float) -> None:
    enough = asyncio.Event()
    async with asyncio.TaskGroup() as group:
        group.create_task(writing.listen())
        killing = group.create_task(killer.run(enough))
        with suppress(TimeoutError):
            async with asyncio.timeout(MINUTES * 60 or KILLING):
                await (pulse.at_least(WRITES) if not MINUTES else asyncio.Event().wait())
        enough.set()
        await killing
        async with asyncio.timeout(MINUTES * 60 + LIMIT - (time.monotonic() - began)):
            await pulse.at_least(WRITES)
        writing.end()


def _api(url: str, token: str) -> httpx.AsyncClient:
    transport = httpx.AsyncHTTPTransport(local_address=fresh_address())
    return httpx.AsyncClient(
        base_url=url, transport=transport, timeout=60, headers={"authorization": f"Bearer {token}"}
    )


async def _exercise(admin: httpx.AsyncClient) -> str:
    row = {
        "sourceId": "squat",
        "name": "Squat",
        "category": "EXERCISE_CATEGORY_STRENGTH",
        "level": "EXERCISE_LEVEL_BEGINNER",
        "primaryMuscles": ["MUSCLE_QUADRICEPS"],
    }
    answer = await admin.post("/api/v1/exercises:import", json={"source": "chaos", "exercises": [row]})
    answer.raise_for_status()
    return str(answer.json()["outcomes"][0]["exerciseId"])


async def _owner(stack: Stack, closing: AsyncExitStack) -> asyncpg.Connection:
    home = Home(stack.home)
    server = Postgres(home.data / "postgresql", home.sockets, home.secrets)
    owner = await asyncpg.connect(server.owner_url)
    closing.push_async_callback(owner.close)
    return owner


def _bus(stack: Stack, closing: AsyncExitStack) -> RedisBus:
    client = redis_client.connect(stack.status()["redis"], timeout=5)
    closing.push_async_callback(client.aclose)
    return RedisBus(client)


async def _drained(after: Aftermath) -> None:
    """Returns when nothing is under way any more; what still is after a while, the checks will tell."""
    with suppress(TimeoutError):
        async with asyncio.timeout(DRAINED):
            while not await after.is_at_rest():
                await asyncio.sleep(0.2)


def _resident(pid: int) -> int:
    fields = dict(line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines())
    return int(fields["VmRSS"].split()[0]) // 1024


async def test_what_was_acknowledged_is_there_once(aftermath: Aftermath, capsys: pytest.CaptureFixture[str]) -> None:
    found = await findings(aftermath)
    figures = aftermath.figures | {
        "lost": len(found.get("nothing_is_lost_or_altered", ())),
        "doubled": len(found.get("nothing_is_there_that_was_not_written", ())),
        "findings": {name: [len(problems), *problems[:SHOWN]] for name, problems in found.items()},
    }
    ARTEFACT.parent.mkdir(exist_ok=True)
    ARTEFACT.write_text(json.dumps(figures, indent=2) + "\n")
    with capsys.disabled():
        print(f"\n{json.dumps(figures, indent=2)}")  # noqa: T201 - how much it withstood
    assert found == {}
    assert figures["writes"] >= WRITES
    assert min(figures["kills"].values()) >= ROUNDS
    assert figures["valkey_cut"] >= 1
