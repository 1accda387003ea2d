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
EVENTS = 8
"""Of the workout service about the person: of three changes of two workouts and four of two exercises."""
HELD = ("user", "workout")
SAMPLED = """
    SELECT n.nspname || '.' || c.relname AS table, a.attname AS column
    FROM pg_attribute AS a JOIN pg_class AS c ON c.oid = a.attrelid JOIN pg_namespace AS n ON n.oid = c.relnamespace
    WHERE c.relkind = 'r' AND NOT c.relispartition AND n.nspname !~ '^(pg_|information_schema$)'
        AND a.atttypid = ANY('{bytea,jsonb,text,text[]}'::regtype[]) AND a.attstattarget IS DISTINCT FROM 0
"""
"""Columns that can hold what persons wrote."""
OF_THE_CHASSIS = {
    "outbox": {"aggregate_type", "aggregate_id", "type", "subject_user_id"},
    "relay_state": {"epoch", "incarnation"},
    "inbox": {"consumer_group"},
    "idempotency_records": {"scope", "method", "request_hash", "http_status"},
    "sagas": {"kind", "key", "subject_user_id", "lease_holder"},
    "erased_subjects": {"user_id"},
}
HARMLESS = {
    "workout.exercises": {"source", "source_id", "grams"},  # only the library has any
    "workout.exercise_sources": {"source", "source_id", "wire"},  # of the library
    "user.users": {"roles"},
    "user.sessions": {"method"},
    "user.refresh_tokens": {"token_hash"},
    "user.sign_in_failures": {"address_hash"},
    "audit.chain_head": {"hash"},
    "audit.subject_keys": {"user_id"},
    "analytics.exercises": {"owner_id"},
    "analytics.calendars": {"time_zone"},
}
PASSWORD = "correct horse battery"


def bearer(token: str) -> dict[str, str]:
    return {"authorization": f"Bearer {token}"}


async def put_everywhere(http: httpx.AsyncClient, canary: str) -> tuple[str, str]:
    """Writes the canary wherever the API takes text; returns the person's id and access token."""
    credentials = {"email": f"{canary}@example.org", "password": PASSWORD}
    session = (
        await http.post(
            "/auth/v1/signup", json=credentials | {"data": {"nickname": canary}}, headers={"user-agent": canary}
        )
    ).json()
    again = await http.post("/auth/v1/signup", json=credentials)
    assert again.status_code == 422, "the address is taken; the database's log must not say which"
    wrong = await http.post("/auth/v1/token?grant_type=password", json=credentials | {"password": f"not {canary}"})
    assert wrong.status_code == 400
    token = session["access_token"]
    headers = bearer(token) | {"idempotency-key": canary}
    said = dict.fromkeys(("username", "displayName", "bio", "location"), canary)
    shown = {"avatarUri": f"https://example.org/{canary}", "visibility": "PROFILE_VISIBILITY_PUBLIC"}
    profile = await http.patch("/api/v1/users/me/profile", json=said | shown, headers=headers)
    assert profile.status_code == 200, profile.text
    preferences = await http.patch("/api/v1/users/me/preferences", json={"language": "de"}, headers=headers)
    assert preferences.status_code == 200, preferences.text
    exercise = await put_exercises(http, canary, headers)
    one = {"exerciseId": exercise, "reps": 5, "notes": canary}
    start = {"startTime": "2026-11-20T17:00:00Z", "source": canary}
    workout = {"title": canary, "notes": canary, "sets": [one]} | start
    made = await http.post("/api/v1/workouts", json=workout, headers=headers)
    assert made.status_code == 201, made.text
    await http.patch(f"/api/v1/workouts/{made.json()['id']}", json={"notes": f"more {canary}"}, headers=bearer(token))
    gone = await http.post("/api/v1/workouts", json=workout, headers=bearer(token))
    await http.delete(f"/api/v1/workouts/{gone.json()['id']}", headers=bearer(token))
    refused = await http.get(f"/api/v1/workouts?pageToken={canary}", headers=bearer(token))
    assert refused.status_code == 400
    for search in ("/api/v1/exercises:search", "/api/v1/users:search"):
        found = await http.get(search, params={"query": canary}, headers=bearer(token))
        assert canary in found.text, found.text
    return session["user"]["id"], token


async def put_exercises(http: httpx.AsyncClient, canary: str, headers: dict[str, str]) -> str:
    """Makes exercises of the person's own, of which one is deleted again; returns the id of the other."""
    texts = {"name": canary, "aliases": [f"alias {canary}"], "instructions": [canary]}
    kind = {
        "category": "EXERCISE_CATEGORY_STRENGTH",
        "level": "EXERCISE_LEVEL_BEGINNER",
        "primaryMuscles": ["MUSCLE_LATS"],
    }
    exercise = texts | kind | {"variationGroup": canary, "translations": [texts | {"language": "de"}]}
    ids = []
    for name, sent in ((canary, headers), (f"{canary} two", {"authorization": headers["authorization"]})):
        made = await http.post("/api/v1/exercises", json=exercise | {"name": name}, headers=sent)
        assert made.status_code == 201, made.text
        ids.append(made.json()["id"])
    changed = await http.patch(f"/api/v1/exercises/{ids[0]}", json={"aliases": [f"other {canary}"]}, headers=headers)
    assert changed.status_code == 200, changed.text
    assert (await http.delete(f"/api/v1/exercises/{ids[1]}", headers=headers)).status_code == 204
    return str(ids[0])


async def suspend(http: httpx.AsyncClient, canary: str, user_id: str, admin: dict[str, str]) -> None:
    """An administrator writes about the person, and is told again what it was."""
    done = await http.post(
        f"/api/v1/admin/users/{user_id}:suspend", json={"reason": canary}, headers=admin | {"idempotency-key": user_id}
    )
    assert done.status_code == 200, done.text


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
            if len(found) == EVENTS:
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
    """Erases a person; returns the key of the sagas."""
    answer = await http.post(f"/api/v1/admin/users/{user_id}:erase", json={}, headers=admin)
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
    canary = f"canary{uuid.uuid4().hex[:20]}"
    admin = bearer(token("admin"))
    async with slow_reader(stack) as bus:
        user_id, access_token = await put_everywhere(http, canary)
        await give_up_some(bus, user_id)
        await suspend(http, canary, user_id, admin)
        await analyze(stack)
        await check_the_scan(stack, canary)
        await wait_for_first_pass(http, await erase(http, user_id, admin), admin)
        await analyze(stack)
        deadline = time.monotonic() + 20
        while (left := await places(stack.home, canary)) and all("file" in each for each in left):
            if time.monotonic() > deadline:
                break
            await asyncio.sleep(0.5)  # the files are being written anew
        assert left == []

    assert (await http.get("/api/v1/workouts", headers=bearer(access_token))).status_code == 401
    verified = (await http.get("/api/v1/audit/records:verify", headers=admin)).json()
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
    sampled = {
        f"{row['table']}.{row['column']}"
        for row in rows
        if row["column"]
        not in HARMLESS.get(row["table"], set()) | OF_THE_CHASSIS.get(row["table"].split(".")[1], set())
    }
    assert sampled == set(), "see chassis.migrate.keep_out_of_statistics"


async def check_the_scan(stack: Stack, canary: str) -> None:
    """A scan that finds nothing must be one that can find something."""
    before = " ".join(await places(stack.home, canary))
    for place in (
        'rows of "user".users',
        'rows of "user".profiles',
        'rows of "user".search_keys',
        'rows of "user".sessions',
        'rows of "user".idempotency_records',
        "rows of workout.exercises",
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
