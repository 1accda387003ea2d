"""Processes that run sagas are killed again and again: what they began is ended by others, and is there once."""

import asyncio
import os
import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy import text

from chassis.clock import SystemClock
from chassis.db import Database, Statement
from chassis.sagas.model import Status
from chassis.sagas.runner import start
from tests.integration.chassis import saga_process
from tests.integration.chassis.depot import new_id
from tests.integration.chassis.test_sagas import ALL, CLEAR
from tests.stack.databases import TestDatabase

END_LEASES = Statement(text("UPDATE depot.sagas SET lease_until = now() WHERE lease_until IS NOT NULL"))
PROGRESS = Statement(
    # Steps done and undone; the fourth step is the one that fails and is undone first.
    text("SELECT sum(CASE status WHEN 2 THEN 4 + 3 - step WHEN 4 THEN 8 ELSE step END) FROM depot.sagas")
)
ROOT = Path(__file__).parents[3]


@pytest.fixture
async def depot(depot: Database) -> Database:
    async with depot.write() as tx:
        await tx.execute(CLEAR)
    return depot


def spawn(database: TestDatabase, folder: Path) -> "subprocess.Popen[bytes]":
    words = [sys.executable, "-m", saga_process.__name__, database.server_url, database.password("depot"), str(folder)]
    return subprocess.Popen(words, cwd=ROOT)


async def test_a_killed_process_leaves_nothing_half_done(
    depot: Database, depot_database: TestDatabase, tmp_path: Path
) -> None:
    """Real processes, killed again and again at whatever they are doing; the next takes over when the lease ends."""
    saga = saga_process.errand(tmp_path)
    keys = [f"{'no' if number % 3 == 0 else 'yes'}{number}" for number in range(30)]
    now = SystemClock().now()
    for key in keys:
        async with depot.write() as tx:
            await start(tx, "depot", saga, new_id(), key, {}, now=now)
    all_done = 20 * saga_process.STEPS + 10 * (2 * saga_process.STEPS)
    kills = 0
    async with asyncio.timeout(60):
        while (before := await depot.value(PROGRESS)) < all_done:
            process = spawn(depot_database, tmp_path)
            try:
                while await depot.value(PROGRESS) < min(before + 20, all_done):
                    await asyncio.sleep(0.005)
            finally:
                process.kill()
                process.wait()
            kills += 1
            async with depot.write() as tx:
                await tx.execute(END_LEASES)  # what the clock does in 15 s
    rows = await depot.rows(ALL)
    assert {row["key"]: row["status"] for row in rows} == {
        key: Status.COMPENSATED if key.startswith("no") else Status.DONE for key in keys
    }
    effects = {f"{key}-{number}" for key in keys if key.startswith("yes") for number in range(saga_process.STEPS)}
    assert set(os.listdir(tmp_path)) == effects  # noqa: PTH208 - names are what is compared
    assert kills >= 5
    assert len({pid for row in rows for pid in row["data"].values()}) >= 3, "sagas were taken over"
