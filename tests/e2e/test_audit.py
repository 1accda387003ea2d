"""The event store over REST: who did what is in it, whatever became of it, and nothing done to it stays hidden."""

import asyncio
import json
import uuid
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import asyncpg
import httpx
import pytest

from embedded.home import Home
from embedded.servers import plan
from services.audit.domain.chain import GENESIS, Link, link_hash
from tests.e2e.doorway import fresh_address
from tests.e2e.stack import Stack, wait_until

RECORDS = "/api/v1/audit/records"
OWN = "/api/v1/users/me/audit-records"
RPC = "fitnesshub.event.v1.RpcAudited"
PASSWORD = "correct horse battery"
WORKOUT = {"title": "Legs", "startTime": "2026-11-20T17:00:00Z", "sets": []}
SECOND_RECORD = """
    INSERT INTO audit.records
    SELECT position, record_time + interval '1 microsecond', event_id, source, type, event_time, aggregate_type,
        aggregate_id, aggregate_version, subject_user_id, sealed, payload, hash
    FROM audit.records WHERE position = 4
"""
Json = dict[str, Any]


def bearer(token: str) -> dict[str, str]:
    return {"authorization": f"Bearer {token}"}


@pytest.fixture
async def admin(token: Callable[..., str]) -> dict[str, str]:
    return bearer(await asyncio.to_thread(token, "admin"))


@pytest.fixture
def address() -> str:
    return fresh_address()


@pytest.fixture
async def client(edge_url: str, address: str) -> AsyncIterator[httpx.AsyncClient]:
    """Calls from a known address."""
    transport = httpx.AsyncHTTPTransport(local_address=address)
    async with httpx.AsyncClient(base_url=edge_url, transport=transport, timeout=30) as opened:
        yield opened


async def sign_up(client: httpx.AsyncClient) -> Json:
    content = {"email": f"{uuid.uuid4().hex}@example.org", "password": PASSWORD}
    answer = await client.post("/auth/v1/signup", json=content)
    assert answer.status_code == 200, answer.text
    session: Json = answer.json()
    return session


async def listed(client: httpx.AsyncClient, admin: dict[str, str], **wanted: str) -> list[Json]:
    """All pages."""
    found: list[Json] = []
    token = ""
    while True:
        parameters = wanted | {"pageSize": "100", "pageToken": token}
        answer = await client.get(RECORDS, params=parameters, headers=admin)
        assert answer.status_code == 200, answer.text
        found += answer.json()["records"]
        token = answer.json()["nextPageToken"]
        if not token:
            return found


async def recorded(client: httpx.AsyncClient, admin: dict[str, str], request_id: str) -> Json:
    """What the store has of an audited call, once it has heard of it."""
    async with asyncio.timeout(15):
        while True:
            newest = await client.get(RECORDS, params={"type": RPC, "pageSize": "100"}, headers=admin)
            for record in newest.json()["records"]:
                if record.get("data", {}).get("requestId") == request_id:
                    data: Json = record["data"]
                    return data
            await asyncio.sleep(0.1)


def request_id(answer: httpx.Response) -> str:
    """As an error tells it."""
    return next(str(each["requestId"]) for each in answer.json()["details"] if "requestId" in each)


async def test_every_change_of_a_person_is_there(client: httpx.AsyncClient, admin: dict[str, str]) -> None:
    session = await sign_up(client)
    person, user_id = bearer(session["access_token"]), session["user"]["id"]
    exercise = {"name": "Sled Drag", "category": "EXERCISE_CATEGORY_STRONGMAN", "level": "EXERCISE_LEVEL_BEGINNER"}
    muscles = {"primaryMuscles": ["MUSCLE_GLUTES"]}
    made = (await client.post("/api/v1/exercises", json=exercise | muscles, headers=person)).json()["id"]
    workout = (await client.post("/api/v1/workouts", json=WORKOUT, headers=person)).json()["id"]
    for verb, path, content in (
        ("PATCH", f"/api/v1/exercises/{made}", {"aliases": ["Prowler"]}),
        ("DELETE", f"/api/v1/exercises/{made}", None),
        ("PATCH", f"/api/v1/workouts/{workout}", {"notes": "light"}),
        ("DELETE", f"/api/v1/workouts/{workout}", None),
        ("POST", f"/api/v1/workouts/{workout}:undelete", {}),
        ("PATCH", "/api/v1/users/me/profile", {"bio": "Weaves."}),
        ("PATCH", "/api/v1/users/me/preferences", {"language": "de"}),
    ):
        answer = await client.request(verb, path, json=content, headers=person)
        assert answer.is_success, answer.text
    for verb, content in (
        ("suspend", {"reason": "spam"}),
        ("reinstate", {}),
        ("updateRoles", {"roles": ["ROLE_TRAINER"]}),
    ):
        done = await client.post(f"/api/v1/admin/users/{user_id}:{verb}", json=content, headers=admin)
        assert done.status_code == 200, done.text

    expected = {
        *(f"fitnesshub.workout.v1.Workout{what}" for what in ("Created", "Updated", "Deleted", "Undeleted")),
        *(f"fitnesshub.workout.v1.Exercise{what}" for what in ("Created", "Updated", "Deleted")),
        *(f"fitnesshub.user.v1.User{what}" for what in ("Registered", "Suspended", "Reinstated", "RolesChanged")),
        *(f"fitnesshub.user.v1.{what}" for what in ("ProfileUpdated", "PreferencesUpdated", "SessionsEnded")),
    }
    async with asyncio.timeout(15):
        while not expected <= {each["type"] for each in await listed(client, admin, subjectUserId=user_id)}:
            await asyncio.sleep(0.1)
    (profile,) = await listed(client, admin, subjectUserId=user_id, type="fitnesshub.user.v1.ProfileUpdated")
    assert profile["data"]["profile"]["bio"] == "Weaves."
    of_workout = await listed(client, admin, aggregateType="workout", aggregateId=workout)
    assert [each["aggregateVersion"] for each in of_workout] == ["4", "3", "2", "1"]
    middle = of_workout[1]["recordTime"]
    since = await listed(client, admin, aggregateType="workout", aggregateId=workout, recordTimeFrom=middle)
    before = await listed(client, admin, aggregateType="workout", aggregateId=workout, recordTimeBefore=middle)
    assert since + before == of_workout
    assert since
    assert before


async def test_people_see_their_own_history_and_nobody_elses(client: httpx.AsyncClient) -> None:
    ada, bob = await sign_up(client), await sign_up(client)
    async with asyncio.timeout(15):
        while True:
            answer = await client.get(OWN, headers=bearer(ada["access_token"]))
            records = answer.json()["records"]
            if "fitnesshub.user.v1.UserRegistered" in {each["type"] for each in records}:
                break
            await asyncio.sleep(0.1)
    assert {each["subjectUserId"] for each in records} == {ada["user"]["id"]}
    refused = await client.get(RECORDS, headers=bearer(bob["access_token"]))
    assert (refused.status_code, refused.json()["details"][0]["reason"]) == (403, "ROLE_REQUIRED")
    assert (await client.get(OWN)).status_code == 401


async def test_what_was_done_refused_and_failed_is_told_apart(
    client: httpx.AsyncClient, admin: dict[str, str], address: str
) -> None:
    session = await sign_up(client)
    person, user_id = bearer(session["access_token"]), session["user"]["id"]
    suspend = f"/api/v1/admin/users/{user_id}:suspend"

    refused = await client.post(suspend, json={"reason": "spam"}, headers=person)
    failed = await client.post(f"/api/v1/admin/users/{uuid.uuid4()}:suspend", json={"reason": "x"}, headers=admin)
    bad = await client.post(suspend, json={}, headers=admin)
    assert [each.status_code for each in (refused, failed, bad)] == [403, 404, 400]

    record = await recorded(client, admin, request_id(refused))
    assert record["@type"].endswith(RPC)
    assert record["rpc"] == "fitnesshub.user.v1.UserAdminService.SuspendUser"
    assert (record["userId"], record["roles"], record["ipAddress"]) == (user_id, ["member"], address)
    assert (record["code"], record["reason"], record["targets"]) == (7, "ROLE_REQUIRED", {"user_id": user_id})
    assert record["sessionId"]
    record = await recorded(client, admin, request_id(failed))
    assert (record["code"], record["reason"]) == (5, "USER_NOT_FOUND")
    record = await recorded(client, admin, request_id(bad))
    assert (record["code"], record["reason"]) == (3, "INVALID_REQUEST")

    done = await client.post(suspend, json={"reason": "spam"}, headers=admin)
    assert done.status_code == 200, done.text
    async with asyncio.timeout(15):
        while True:
            calls = [each["data"] for each in await listed(client, admin, type=RPC) if "data" in each]
            mine = [each for each in calls if each["targets"] == {"user_id": user_id} and each["code"] == 0]
            if mine:
                break
            await asyncio.sleep(0.1)
    assert [(each["rpc"], each["ipAddress"]) for each in mine] == [
        ("fitnesshub.user.v1.UserAdminService.SuspendUser", address)
    ]


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A stack whose store may be damaged; it makes a checkpoint at its second start, and then none for an hour."""
    made = Stack(tmp_path_factory.mktemp("audit") / "home", environment={"FITNESSHUB_AUDIT_CHECKPOINT_SECONDS": "3600"})
    made.up()
    for number in range(6):
        log_workout(made, f"Day {number}")
    # An export is in the trail too, so that there are more and more records by themselves.
    wait_until(lambda: workouts_in(export(made)) == 6, 15, "the store has heard of the workouts")
    made.down()
    made.up()
    yield made
    made.down()


def as_admin(stack: Stack) -> dict[str, str]:
    return bearer(stack.token("admin"))


def log_workout(stack: Stack, title: str) -> None:
    headers = bearer(stack.token_kept())
    made = httpx.post(f"{stack.status()['edge_url']}/api/v1/workouts", json=WORKOUT | {"title": title}, headers=headers)
    assert made.status_code == 201, made.text


def export(stack: Stack) -> list[Json]:
    answer = httpx.get(f"{stack.status()['edge_url']}{RECORDS}:export", headers=as_admin(stack))
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/x-ndjson"
    return [json.loads(line) for line in answer.text.splitlines()]


def workouts_in(lines: list[Json]) -> int:
    return sum(line["type"] == "fitnesshub.workout.v1.WorkoutCreated" for line in lines)


def verify(stack: Stack) -> Json:
    answer = httpx.get(f"{stack.status()['edge_url']}{RECORDS}:verify", headers=as_admin(stack))
    assert answer.status_code == 200, answer.text
    found: Json = answer.json()
    return found


def damage(stack: Stack) -> list[tuple[str, int]]:
    found = verify(stack)
    assert found["intact"] == (not found["problems"])
    return [(each["damage"].removeprefix("CHAIN_DAMAGE_"), int(each["position"])) for each in found["problems"]]


def intrude(stack: Stack, *statements: str) -> None:
    """As somebody who owns the database."""

    async def run() -> None:
        owner = await asyncpg.connect(plan(Home(stack.home), {}).owner_url)
        async with owner.transaction():
            await owner.execute("ALTER TABLE audit.records DISABLE TRIGGER USER")
            for statement in statements:
                await owner.execute(statement)
            await owner.execute("ALTER TABLE audit.records ENABLE TRIGGER USER")
        await owner.close()

    asyncio.run(run())


def test_an_export_can_be_verified_by_anybody(own: Stack) -> None:
    lines = export(own)
    assert [line["position"] for line in lines] == list(range(1, len(lines) + 1))
    before = GENESIS
    for line in lines:
        times = {name: datetime.fromisoformat(line[name]) for name in ("event_time", "record_time")}
        digest = line.pop("hash")
        before = link_hash(before, Link(**line | times | {"payload": bytes.fromhex(line["payload"])}))
        assert before.hex() == digest


def test_an_export_is_in_the_trail(own: Stack) -> None:
    headers = as_admin(own)

    def exports() -> int:
        found = httpx.get(
            f"{own.status()['edge_url']}{RECORDS}", params={"type": RPC, "pageSize": "100"}, headers=headers
        )
        rpcs = [each["data"]["rpc"] for each in found.json()["records"] if "data" in each]
        return sum(rpc == "fitnesshub.audit.v1.AuditService.ExportAuditRecords" for rpc in rpcs)

    before = exports()
    export(own)
    wait_until(lambda: exports() > before, 15, "the export is in the trail")


def test_damage_is_found_and_named(own: Stack) -> None:
    assert damage(own) == []
    intrude(own, "CREATE TABLE audit.saved AS SELECT * FROM audit.records WHERE position = 4")
    restore = (
        "DELETE FROM audit.records WHERE position = 4",
        "INSERT INTO audit.records SELECT * FROM audit.saved",
    )
    for sql, problem in (
        ("UPDATE audit.records SET payload = payload || 'x'::bytea WHERE position = 4", "ALTERED"),
        ("UPDATE audit.records SET subject_user_id = 'eve' WHERE position = 4", "ALTERED"),
        ("DELETE FROM audit.records WHERE position = 4", "REMOVED"),
        (SECOND_RECORD, "INSERTED"),
    ):
        intrude(own, sql)
        assert damage(own) == [(problem, 4)], sql
        intrude(own, *restore)
    intrude(own, "DROP TABLE audit.saved")
    assert damage(own) == []


def test_what_no_checkpoint_protects_is_said(own: Stack) -> None:
    protected = int(verify(own)["checkpointPosition"])
    assert protected >= 12
    log_workout(own, "After the checkpoint")
    wait_until(lambda: int(verify(own)["toPosition"]) > protected, 15, "the store has heard of it")
    found = verify(own)
    assert (found["intact"], int(found["checkpointPosition"]), found["nextPosition"]) == (True, protected, "0")
    assert datetime.fromisoformat(found["checkpointTime"]) < datetime.now(UTC)


def test_a_chain_that_was_cut_off_is_found(own: Stack) -> None:
    """The last one: afterwards the chain goes on from where it was cut."""
    protected = int(verify(own)["checkpointPosition"])
    intrude(
        own,
        "DELETE FROM audit.records WHERE position > 3",
        "UPDATE audit.chain_head SET position = 3, hash = (SELECT hash FROM audit.records WHERE position = 3)",
    )
    found = damage(own)
    # What the store hears meanwhile is appended.
    assert [kind for kind, _ in found] == ["CUT_OFF"]
    assert 3 < found[0][1] <= protected
