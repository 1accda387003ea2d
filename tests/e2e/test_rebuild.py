"""`fitnesshub events rebuild`: what analytics made of events is compared and made anew, and nobody notices."""

import asyncio
import json
import threading
import time
from collections.abc import Iterator
from typing import Any

import asyncpg
import httpx
import pytest

from embedded.home import Home
from embedded.servers import plan
from tests.e2e.stack import Stack, wait_until

pytestmark = pytest.mark.timeout(300)  # the command is started six times, after a stack
PACE = 1.0
"""Seconds between somebody's workouts: the edge's limits are on."""
LEFT = "SELECT count(*) FROM pg_namespace WHERE nspname = 'analytics_rebuild'"


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A stack whose tables can be damaged."""
    made = Stack(tmp_path_factory.mktemp("rebuild") / "home")
    made.up()
    yield made
    made.down()


def as_owner(stack: Stack, sql: str) -> Any:
    async def run() -> Any:
        owner = await asyncpg.connect(plan(Home(stack.home), {}).owner_url)
        found = await owner.fetchval(sql)
        await owner.close()
        return found

    return asyncio.run(run())


def rebuild(stack: Stack, *words: str) -> tuple[int, dict[str, Any]]:
    """The exit code and the report."""
    done = stack.run("events", "rebuild", "analytics", "--json", *words)
    assert done.stdout, done.stderr
    return done.returncode, json.loads(done.stdout)


def log(client: httpx.Client) -> None:
    start = "2026-11-20T17:00:00Z"
    made = client.post("/api/v1/workouts", json={"title": "Leg day", "startTime": start, "sets": []})
    assert made.status_code == 201, made.text


def trained(client: httpx.Client) -> int:
    """Workouts, as analytics has them."""
    asked = {"fromDate": "2026-11-20", "toDate": "2026-11-20"}
    answer = client.get("/api/v1/users/me/analytics/training", params=asked)
    assert answer.status_code == 200, answer.text
    return int(answer.json()["totals"].get("workouts", 0))


@pytest.fixture
def client(own: Stack) -> Iterator[httpx.Client]:
    url, token = own.status()["edge_url"], own.token_kept()
    with httpx.Client(base_url=url, headers={"authorization": f"Bearer {token}"}, timeout=10) as made:
        yield made


def test_damage_is_found_and_mended_while_people_train(own: Stack, client: httpx.Client) -> None:
    before = 10
    for _ in range(before):
        log(client)
    wait_until(lambda: trained(client) == before, 20, "analytics has heard of the workouts")
    code, report = rebuild(own, "--check")
    assert (code, report["differences"]) == (0, [])
    assert report["events"] >= before

    as_owner(own, "DELETE FROM analytics.workouts WHERE ctid = (SELECT min(ctid) FROM analytics.workouts)")
    done = own.run("events", "rebuild", "analytics", "--check")
    assert done.returncode == 1
    assert "analytics differs from its rebuild" in done.stdout
    assert "workouts: live" in done.stdout

    stop = threading.Event()
    logged: list[float] = []
    seen: list[int] = []
    problems: list[Exception] = []

    def go_on() -> None:
        try:
            while not stop.wait(PACE):
                log(client)
                logged.append(time.monotonic())
                seen.append(trained(client))
        except (AssertionError, httpx.HTTPError) as error:
            problems.append(error)

    worker = threading.Thread(target=go_on)
    worker.start()
    try:
        wait_until(lambda: bool(logged), 10, "somebody trains")
        code, report = rebuild(own)
        assert code == 0
        assert report["held_seconds"] < 5
    finally:
        stop.set()
        worker.join()
    assert not problems
    assert min(seen) >= before - 1
    wait_until(lambda: trained(client) == before + len(logged), 20, "every workout is counted")
    code, report = rebuild(own, "--check")
    assert (code, report["differences"]) == (0, [])
    assert as_owner(own, LEFT) == 0


def test_wrong_use(own: Stack) -> None:
    done = own.run("events", "rebuild", "nothing")
    assert done.returncode == 1
    assert "there is no service 'nothing'" in done.stderr
    done = own.run("events", "rebuild", "gateway")
    assert done.returncode == 1
    assert "gateway has no projection" in done.stderr
