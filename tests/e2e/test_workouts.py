"""The training log over REST, as a client sees it: through Envoy, with its real policies."""

import asyncio
import uuid
from collections.abc import AsyncIterator, Callable
from typing import Any

import httpx
import pytest

from chassis.clock import SystemIds
from tests.e2e.consistency import differences
from tests.e2e.stack import Stack

Json = dict[str, Any]
Headers = dict[str, str]
WORKOUTS = "/api/v1/workouts"


async def sign_up(http: httpx.AsyncClient) -> Headers:
    """A new member's headers."""
    content = {"email": f"{uuid.uuid4().hex}@example.org", "password": "correct horse battery"}
    answer = await http.post("/auth/v1/signup", json=content)
    assert answer.status_code == 200, answer.text
    return {"authorization": f"Bearer {answer.json()['access_token']}"}


@pytest.fixture(scope="session", autouse=True)
async def _consistent(stack: Stack) -> AsyncIterator[None]:
    """At the end of the session columns and wire forms must say the same."""
    yield
    assert await differences(stack.home) == []


@pytest.fixture
async def ada(http: httpx.AsyncClient) -> Headers:
    return await sign_up(http)


@pytest.fixture
async def bob(http: httpx.AsyncClient) -> Headers:
    return await sign_up(http)


@pytest.fixture
async def squat(http: httpx.AsyncClient, token: Callable[..., str]) -> str:
    """Id of an exercise."""
    row = {
        "sourceId": "squat",
        "name": "Squat",
        "category": "EXERCISE_CATEGORY_STRENGTH",
        "level": "EXERCISE_LEVEL_BEGINNER",
        "primaryMuscles": ["MUSCLE_QUADRICEPS"],
    }
    admin = {"authorization": f"Bearer {await asyncio.to_thread(token, 'admin')}"}
    content = {"source": "e2e-workouts", "exercises": [row]}
    answer = await http.post("/api/v1/exercises:import", json=content, headers=admin)
    assert answer.status_code == 200, answer.text
    exercise_id: str = answer.json()["outcomes"][0]["exerciseId"]
    return exercise_id


def new_workout(exercise_id: str, **fields: Any) -> Json:
    return {
        "title": "Push day",
        "startTime": "2026-03-01T17:30:00.250Z",
        "sets": [
            {"exerciseId": exercise_id, "reps": 5, "weight": 225, "weightUnit": "WEIGHT_UNIT_LB", "rpe": 8.5},
            {"exerciseId": exercise_id, "reps": 0},
        ],
        **fields,
    }


def problem(answer: httpx.Response) -> tuple[int, str]:
    """Status and reason of an error, which must have the one shape of errors."""
    content = answer.json()
    assert answer.headers["content-type"].startswith("application/json")
    assert {"code", "message", "details"} <= content.keys()
    return answer.status_code, content["details"][0]["reason"]


def violations(answer: httpx.Response) -> list[str]:
    details = answer.json()["details"]
    return [each["field"] for detail in details for each in detail.get("fieldViolations", [])]


async def test_a_workout_is_stored_read_changed_and_deleted(http: httpx.AsyncClient, ada: Headers, squat: str) -> None:
    created = await http.post(WORKOUTS, json=new_workout(squat), headers=ada)
    assert created.status_code == 201, created.text
    workout = created.json()
    assert workout["startTime"] == "2026-03-01T17:30:00.250Z"
    assert workout["sets"][0]["weight"] == 225
    assert workout["sets"][0]["weightKg"] == pytest.approx(225 * 0.45359237)
    assert workout["sets"][1]["reps"] == 0
    assert "weightKg" not in workout["sets"][1]
    assert workout["createTime"] == workout["updateTime"]
    path = f"{WORKOUTS}/{workout['id']}"

    got = await http.get(path, headers=ada)
    assert (got.status_code, got.json()) == (200, workout)

    patched = await http.patch(path, json={"notes": "heavy", "etag": workout["etag"]}, headers=ada)
    assert patched.status_code == 200, patched.text
    changed = patched.json()
    assert changed["etag"] != workout["etag"]
    assert changed == workout | {"notes": "heavy", "etag": changed["etag"], "updateTime": changed["updateTime"]}

    deleted = await http.delete(path, headers=ada)
    assert (deleted.status_code, deleted.content) == (204, b"")
    assert problem(await http.get(path, headers=ada)) == (404, "WORKOUT_NOT_FOUND")
    assert problem(await http.delete(path, headers=ada)) == (404, "WORKOUT_NOT_FOUND")


async def test_a_mask_clears_what_is_absent(http: httpx.AsyncClient, ada: Headers, squat: str) -> None:
    created = await http.post(WORKOUTS, json=new_workout(squat, notes="heavy"), headers=ada)
    path = f"{WORKOUTS}/{created.json()['id']}"

    cleared = await http.patch(f"{path}?updateMask=notes,sets", json={}, headers=ada)

    assert cleared.status_code == 200, cleared.text
    assert "notes" not in cleared.json()
    assert cleared.json().get("sets", []) == []
    refused = await http.patch(f"{path}?updateMask=userId", json={}, headers=ada)
    assert problem(refused) == (400, "UPDATE_MASK_INVALID")


async def test_an_old_etag_is_refused_with_412(http: httpx.AsyncClient, ada: Headers, squat: str) -> None:
    created = (await http.post(WORKOUTS, json=new_workout(squat), headers=ada)).json()
    path = f"{WORKOUTS}/{created['id']}"
    changed = (await http.patch(path, json={"title": "Leg day"}, headers=ada)).json()

    refused = await http.patch(path, json={"title": "Arm day", "etag": created["etag"]}, headers=ada)
    kept = await http.delete(path, params={"etag": created["etag"]}, headers=ada)

    assert problem(refused) == problem(kept) == (412, "WORKOUT_ETAG_MISMATCH")
    assert refused.json()["details"][0]["metadata"] == {"workoutId": created["id"], "etag": changed["etag"]}
    assert (await http.get(path, headers=ada)).json() == changed


async def test_pages_join_to_the_whole_list(http: httpx.AsyncClient, ada: Headers, squat: str) -> None:
    created = []
    for minute in (3, 1, 2, 5, 4):
        content = new_workout(squat, startTime=f"2026-03-01T17:0{minute}:00Z")
        created.append((await http.post(WORKOUTS, json=content, headers=ada)).json())

    found: list[Json] = []
    token = ""
    lengths: list[int] = []
    while token or not lengths:
        page = await http.get(WORKOUTS, params={"pageSize": 2, "pageToken": token}, headers=ada)
        assert page.status_code == 200, page.text
        lengths.append(len(page.json()["workouts"]))
        found += page.json()["workouts"]
        token = page.json().get("nextPageToken", "")

    assert lengths == [2, 2, 1]
    assert found == sorted(created, key=lambda workout: str(workout["startTime"]), reverse=True)


async def test_a_page_of_0_is_20_and_of_101_is_100(http: httpx.AsyncClient, ada: Headers) -> None:
    async def store() -> None:
        content = {"title": "Walk", "startTime": "2026-03-01T17:30:00Z"}
        assert (await http.post(WORKOUTS, json=content, headers=ada)).status_code == 201

    for _ in range(0, 102, 17):
        await asyncio.gather(*(store() for _ in range(17)))

    async def length(page_size: str) -> int:
        answer = await http.get(f"{WORKOUTS}{page_size}", headers=ada)
        assert answer.json()["nextPageToken"]
        return len(answer.json()["workouts"])

    assert [await length(size) for size in ("", "?pageSize=0", "?pageSize=101", "?pageSize=100")] == [20, 20, 100, 100]
    assert problem(await http.get(f"{WORKOUTS}?pageSize=-1", headers=ada)) == (400, "INVALID_REQUEST")
    assert problem(await http.get(f"{WORKOUTS}?pageToken=mine", headers=ada)) == (400, "PAGE_TOKEN_INVALID")


async def test_someone_elses_workout_looks_as_if_it_did_not_exist(
    http: httpx.AsyncClient, ada: Headers, bob: Headers, squat: str
) -> None:
    theirs = (await http.post(WORKOUTS, json=new_workout(squat), headers=bob)).json()
    path = f"{WORKOUTS}/{theirs['id']}"
    nothing = f"{WORKOUTS}/{SystemIds().new()}"

    for verb, content in (("GET", None), ("PATCH", {"title": "Mine"}), ("DELETE", None)):
        foreign = await http.request(verb, path, json=content, headers=ada)
        missing = await http.request(verb, nothing, json=content, headers=ada)
        assert problem(foreign) == problem(missing) == (404, "WORKOUT_NOT_FOUND"), verb
    assert (await http.get(WORKOUTS, headers=ada)).json().get("workouts", []) == []
    assert (await http.get(path, headers=bob)).json() == theirs


async def test_nobody_gets_in_without_a_token(http: httpx.AsyncClient) -> None:
    assert (await http.get(WORKOUTS)).status_code == 401
    assert (await http.post(WORKOUTS, json={"title": "x"})).status_code == 401


async def test_a_client_made_id_is_taken_once(http: httpx.AsyncClient, ada: Headers, bob: Headers, squat: str) -> None:
    content = new_workout(squat, id=SystemIds().new())

    first = await http.post(WORKOUTS, json=content, headers=ada)
    assert (first.status_code, first.json()["id"]) == (201, content["id"])

    assert problem(await http.post(WORKOUTS, json=content, headers=ada)) == (409, "WORKOUT_ALREADY_EXISTS")
    assert problem(await http.post(WORKOUTS, json=content, headers=bob)) == (409, "WORKOUT_ALREADY_EXISTS")


async def test_a_repeat_under_the_same_key_gets_the_first_answer(
    http: httpx.AsyncClient, ada: Headers, squat: str
) -> None:
    keyed = ada | {"idempotency-key": uuid.uuid4().hex}

    first = await http.post(WORKOUTS, json=new_workout(squat), headers=keyed)
    second = await http.post(WORKOUTS, json=new_workout(squat), headers=keyed)
    other = await http.post(WORKOUTS, json=new_workout(squat, title="Leg day"), headers=keyed)

    assert (first.status_code, second.status_code) == (201, 201)
    assert second.json() == first.json()
    assert second.headers["idempotency-replayed"] == "true"
    assert "idempotency-replayed" not in first.headers
    assert problem(other) == (422, "IDEMPOTENCY_KEY_REUSED")
    assert len((await http.get(WORKOUTS, headers=ada)).json()["workouts"]) == 1


async def test_what_is_wrong_is_named_field_by_field(http: httpx.AsyncClient, ada: Headers, squat: str) -> None:
    broken = new_workout(squat, title="", startTime="2026-03-01T17:30:00Z")
    broken["sets"][1] = {"exerciseId": "squat", "reps": -1}
    answer = await http.post(WORKOUTS, json=broken, headers=ada)
    assert problem(answer) == (400, "INVALID_REQUEST")
    assert violations(answer) == ["title", "sets[1].exerciseId", "sets[1].reps"]

    unknown = new_workout(squat)
    unknown["sets"][1]["exerciseId"] = SystemIds().new()
    answer = await http.post(WORKOUTS, json=unknown, headers=ada)
    assert problem(answer) == (400, "SET_EXERCISE_UNKNOWN")
    assert violations(answer) == ["sets[1].exerciseId"]

    backwards = new_workout(squat, endTime="2026-03-01T17:30:00Z")
    assert problem(await http.post(WORKOUTS, json=backwards, headers=ada)) == (400, "WORKOUT_TIME_INVALID")


async def test_changes_at_the_same_time_are_all_kept(http: httpx.AsyncClient, ada: Headers, squat: str) -> None:
    path = f"{WORKOUTS}/{(await http.post(WORKOUTS, json=new_workout(squat), headers=ada)).json()['id']}"
    changes: list[Json] = [{"title": "Leg day"}, {"notes": "heavy"}, {"endTime": "2026-03-01T18:30:00Z"}]

    answers = await asyncio.gather(*(http.patch(path, json=change, headers=ada) for change in changes))

    assert [answer.status_code for answer in answers] == [200, 200, 200]
    assert (await http.get(path, headers=ada)).json().items() >= {
        k: v for each in changes for k, v in each.items()
    }.items()
