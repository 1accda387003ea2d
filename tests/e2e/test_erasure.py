"""EraseSubject: a person who put a canary wherever a person can put text is erased, and it is found nowhere."""

import asyncio
import time
import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import asyncpg
import httpx
from fitnesshub.event.v1.event_pb2 import Event
from redis.asyncio import Redis

from chassis.events.bus import Delivery
from chassis.events.redis_bus import DEAD, REVIVED, STREAM, RedisBus
from embedded.home import Home
from embedded.servers import plan
from tests.e2e.canaries import places
from tests.e2e.stack import Stack

ROOT = Path(__file__).parents[2]
WITH_DATABASE = {
    file.parts[-2] for file in ROOT.glob("services/*/bootstrap.py") if "runtime.database()" in file.read_text()
}
GROUP = "slow"
HELD = ("user", "workout")
SAMPLED = """
    SELECT format('%s.%s', a.attrelid::regclass, a.attname) AS name
    FROM pg_attribute AS a JOIN pg_class AS c ON c.oid = a.attrelid JOIN pg_namespace AS n ON n.oid = c.relnamespace
    WHERE c.relkind = 'r' AND NOT c.relispartition AND n.nspname !~ '^(pg_|information_schema$)'
        AND a.atttypid IN ('bytea'::regtype, 'jsonb'::regtype) AND a.attstattarget IS DISTINCT FROM 0
"""
"""Columns with whole messages."""
HARMLESS = {
    "workout.exercises.wire",  # of the library
    '"user".refresh_tokens.token_hash',
    '"user".sign_in_failures.address_hash',
    "audit.chain_head.hash",
}
"""And those of the chassis: `idempotency_records.request_hash` of each service."""
PASSWORD = "correct horse battery"


def bearer(token: str) -> dict[str, str]:
    return {"authorization": f"Bearer {token}"}


async def put_everywhere(http: httpx.AsyncClient, canary: str) -> tuple[str, str]:
    """Writes the canary wherever the API takes text; returns the person's id and access token."""
    credentials = {"email": f"{canary}@example.org", "password": PASSWORD}
    session = (await http.post("/auth/v1/signup", json=credentials | {"data": {"nickname": canary}})).json()
    again = await http.post("/auth/v1/signup", json=credentials)
    assert again.status_code == 422, "the address is taken; the database's log must not say which"
    wrong = await http.post("/auth/v1/token?grant_type=password", json=credentials | {"password": f"not {canary}"})
    assert wrong.status_code == 400
    token = session["access_token"]
    headers = bearer(token) | {"idempotency-key": canary}
    workout = {"title": canary, "notes": canary, "startTime": "2026-11-20T17:00:00Z", "sets": []}
    made = await http.post("/api/v1/workouts", json=workout, headers=headers)
    assert made.status_code == 201, made.text
    await http.patch(f"/api/v1/workouts/{made.json()['id']}", json={"notes": f"more {canary}"}, headers=bearer(token))
    gone = await http.post("/api/v1/workouts", json=workout, headers=bearer(token))
    await http.delete(f"/api/v1/workouts/{gone.json()['id']}", headers=bearer(token))
    refused = await http.get(f"/api/v1/workouts?pageToken={canary}", headers=bearer(token))
    assert refused.status_code == 400
    return session["user"]["id"], token


@asynccontextmanager
async def slow_reader(stack: Stack) -> AsyncIterator[RedisBus]:
    """A group that acknowledges nothing: what it hasn't read stays in the logs, whenever they are trimmed."""
    redis = Redis.from_url(plan(Home(stack.home), {}).redis.url)
    bus = RedisBus(redis)
    await bus.join(GROUP, HELD)
    yield bus
    for source in HELD:
        await redis.xgroup_destroy(STREAM + source, GROUP)
    await redis.delete(DEAD + GROUP, REVIVED + GROUP)
    await redis.aclose()


async def give_up_some(bus: RedisBus, user_id: str) -> None:
    """Makes dead letters of events about the person, one of which is given to its group again."""
    async with asyncio.timeout(10):
        while True:
            events = await bus.newest("workout", 1000)
            found = [each for each in events if Event.FromString(each.data).subject_user_id == user_id]
            if len(found) == 4:
                break
            await asyncio.sleep(0.05)
    for delivery in found[:2]:
        await bus.bury(GROUP, Delivery("workout", "0-1", delivery.data), "of no use")
    await bus.revive(GROUP, (await bus.dead_letters(GROUP))[0])


async def analyze(stack: Stack) -> None:
    owner = await asyncpg.connect(plan(Home(stack.home), {}).owner_url)
    await owner.execute("ANALYZE")
    await owner.close()


async def erase(http: httpx.AsyncClient, user_id: str, admin: dict[str, str]) -> str:
    """Erases a person, who is known to the audit service in a moment; returns the key of the sagas."""
    deadline = time.monotonic() + 10
    while (
        answer := await http.post(f"/api/v1/admin/users/{user_id}:erase", json={}, headers=admin)
    ).status_code == 404:
        assert time.monotonic() < deadline, answer.text
        await asyncio.sleep(0.1)
    assert answer.status_code == 200, answer.text
    return answer.headers["x-consistency-token"]


async def wait_for_first_pass(http: httpx.AsyncClient, key: str, admin: dict[str, str]) -> None:
    """Until every service has deleted what it had, and waits for the time to look again."""
    async with asyncio.timeout(40):
        while True:
            answer = await http.get(
                "/api/v1/admin/sagas", params={"kind": "subject_erasure", "key": key}, headers=admin
            )
            sagas: list[dict[str, Any]] = answer.json()["sagas"]
            soon = datetime.now(UTC) + timedelta(seconds=30)
            if {s["service"] for s in sagas if datetime.fromisoformat(s["dueTime"]) > soon} == WITH_DATABASE:
                assert answer.json()["missingServices"] == []
                return
            await asyncio.sleep(0.3)


async def test_an_erased_person_is_found_nowhere(
    stack: Stack, http: httpx.AsyncClient, token: Callable[..., str]
) -> None:
    canary = f"canary{uuid.uuid4().hex}"
    admin = bearer(token("admin"))
    async with slow_reader(stack) as bus:
        user_id, access_token = await put_everywhere(http, canary)
        await give_up_some(bus, user_id)
        await analyze(stack)
        await check_the_scan(stack, canary)
        await wait_for_first_pass(http, await erase(http, user_id, admin), admin)
        await analyze(stack)
        async with asyncio.timeout(20):
            while (left := await places(stack.home, canary)) and all("file" in each for each in left):
                await asyncio.sleep(0.5)  # the files are being written anew
        assert left == []

    assert (await http.get("/api/v1/workouts", headers=bearer(access_token))).status_code == 401
    verified = (await http.post("/api/v1/audit/records:verify", json={}, headers=admin)).json()
    assert (verified["intact"], verified["problems"]) == (True, [])
    listed = await http.get("/api/v1/audit/records", params={"subjectUserId": user_id}, headers=admin)
    assert listed.json()["records"]
    assert all("data" not in record for record in listed.json()["records"])
    credentials = {"email": f"{canary}@example.org", "password": PASSWORD}
    signed_in = await http.post("/auth/v1/token?grant_type=password", json=credentials)
    assert signed_in.status_code == 400


async def test_the_planner_keeps_no_samples_of_what_persons_wrote(stack: Stack) -> None:
    owner = await asyncpg.connect(plan(Home(stack.home), {}).owner_url)
    rows = await owner.fetch(SAMPLED)
    await owner.close()
    sampled = {row["name"] for row in rows if not row["name"].endswith(".idempotency_records.request_hash")}
    assert sampled <= HARMLESS, "see chassis.migrate.keep_out_of_statistics"


async def check_the_scan(stack: Stack, canary: str) -> None:
    """A scan that finds nothing must be one that can find something."""
    before = " ".join(await places(stack.home, canary))
    for place in (
        'rows of "user".users',
        'rows of "user".outbox',
        "rows of workout.workouts",
        "rows of workout.outbox",
        "rows of workout.idempotency_records",
        "key fitnesshub:events:workout",
        "key fitnesshub:events:user",
        "key fitnesshub:dead-letters:slow",
        "key fitnesshub:revived:slow",
        "append-only file, key fitnesshub:events:workout",
        "file data/valkey/",
    ):
        assert place in before, f"the scan doesn't see the {place}, where the canary is: {before}"
    assert "file logs/" not in before
