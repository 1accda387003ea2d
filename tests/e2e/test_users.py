"""Profiles, sessions and accounts over REST, as clients and administrators see them: through Envoy."""

import asyncio
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import httpx
import pytest

from tests.e2e.consistency import differences
from tests.e2e.stack import Stack

PASSWORD = "correct horse battery"
ME = "/api/v1/users/me"
ADMIN = "/api/v1/admin/users"
Json = dict[str, Any]
Headers = dict[str, str]


@pytest.fixture(scope="session", autouse=True)
async def _consistent(stack: Stack) -> AsyncIterator[None]:
    """At the end of the session columns and wire forms must say the same."""
    yield
    assert await differences(stack.home) == []


@pytest.fixture
async def admin(token: Callable[..., str]) -> Headers:
    return {"authorization": f"Bearer {await asyncio.to_thread(token, 'admin')}"}


def bearer(session: Json, **more: str) -> Headers:
    return {"authorization": f"Bearer {session['access_token']}", **more}


def new_name() -> str:
    return f"u{uuid.uuid4().hex[:20]}"


async def sign_up(http: httpx.AsyncClient) -> Json:
    content = {"email": f"{uuid.uuid4().hex}@example.org", "password": PASSWORD}
    return found(await http.post("/auth/v1/signup", json=content))


async def sign_in(http: httpx.AsyncClient, email: str, password: str = PASSWORD, **headers: str) -> httpx.Response:
    content = {"email": email, "password": password}
    return await http.post("/auth/v1/token?grant_type=password", json=content, headers=headers)


def found(answer: httpx.Response) -> Json:
    """The content of a success."""
    assert answer.status_code == 200, answer.text
    content: Json = answer.json()
    return content


def problem(answer: httpx.Response) -> tuple[int, str]:
    """Status and reason of an error, which must have the one shape of errors."""
    content = answer.json()
    assert {"code", "message", "details"} <= content.keys()
    return answer.status_code, content["details"][0]["reason"]


def dialect_problem(answer: httpx.Response) -> tuple[int, str]:
    """Status and GoTrue's error code."""
    return answer.status_code, answer.json()["error_code"]


async def seconds_until(condition: Callable[[], Awaitable[bool]], every: float = 0.05) -> float:
    """Waits for a condition; returns how long it took. Fails after 10 s."""
    began = time.monotonic()
    while not await condition():
        assert time.monotonic() - began < 10
        await asyncio.sleep(every)
    return time.monotonic() - began


async def refused_everywhere(http: httpx.AsyncClient, session: Json) -> float:
    """Seconds until a session's token is refused by every service that knows people, and by /auth/v1."""

    async def is_refused() -> bool:
        paths = ("/api/v1/workouts", ME, f"{ME}/profile", "/auth/v1/user")
        answers = await asyncio.gather(*(http.get(path, headers=bearer(session)) for path in paths))
        return [answer.status_code for answer in answers] == [401, 401, 401, 403]

    return await seconds_until(is_refused)


async def test_a_profile_is_filled_in_shown_found_and_hidden_again(http: httpx.AsyncClient) -> None:
    ada, bob = await sign_up(http), await sign_up(http)
    name = new_name()
    empty = found(await http.get(f"{ME}/profile", headers=bearer(ada)))
    assert empty == {"userId": ada["user"]["id"], "etag": empty["etag"]}

    change = {"username": name, "displayName": "Ada Łovelace", "birthDate": "1990-12-10", "heightCm": 165.5}
    guarded = bearer(ada, **{"if-match": f'"{empty["etag"]}"'})
    filled = found(await http.patch(f"{ME}/profile", json=change, headers=guarded))
    assert filled | change == filled
    stale = await http.patch(f"{ME}/profile", json={"bio": "late"}, headers=guarded)
    assert problem(stale) == (412, "PROFILE_ETAG_MISMATCH")
    assert found(await http.get(f"{ME}/profile", headers=bearer(ada))) == filled

    public = f"/api/v1/users/{ada['user']['id']}/public-profile"
    assert problem(await http.get(public, headers=bearer(bob))) == (404, "USER_NOT_FOUND")
    assert found(await http.get(public, headers=bearer(ada)))["username"] == name

    shown = {"visibility": "PROFILE_VISIBILITY_PUBLIC"}
    found(await http.patch(f"{ME}/profile", json=shown, headers=bearer(ada)))
    seen = found(await http.get(public))
    assert seen.keys() == {"userId", "username", "displayName", "bio", "location", "avatarUri", "joinTime"}
    for query in (name, name[:12].upper(), "lovela"):
        answer = await http.get("/api/v1/users:search", params={"query": query, "pageSize": 100}, headers=bearer(bob))
        assert seen in found(answer)["profiles"]

    cleared = await http.patch(
        f"{ME}/profile", params={"updateMask": "visibility,heightCm"}, json={}, headers=bearer(ada)
    )
    assert found(cleared).keys() == filled.keys() - {"heightCm"}
    assert problem(await http.get(public)) == (404, "USER_NOT_FOUND")
    answer = await http.get("/api/v1/users:search", params={"query": name}, headers=bearer(bob))
    assert found(answer)["profiles"] == []


async def test_a_username_is_free_kept_or_taken(http: httpx.AsyncClient) -> None:
    ada, bob = await sign_up(http), await sign_up(http)
    name = new_name()
    found(await http.patch(f"{ME}/profile", json={"username": name}, headers=bearer(ada)))
    for sent, expected in (
        (name, (409, "USERNAME_TAKEN")),
        ("ad_min", (400, "USERNAME_RESERVED")),
        ("Ada", (400, "INVALID_REQUEST")),
    ):
        answer = await http.patch(f"{ME}/profile", json={"username": sent}, headers=bearer(bob))
        assert problem(answer) == expected, sent
        fields = [each["field"] for detail in answer.json()["details"] for each in detail.get("fieldViolations", [])]
        assert fields == ["username"], sent


async def test_preferences_have_defaults_until_somebody_chooses(http: httpx.AsyncClient) -> None:
    ada = await sign_up(http)
    defaults = found(await http.get(f"{ME}/preferences", headers=bearer(ada)))
    assert defaults == {
        "weightUnit": "WEIGHT_UNIT_KG",
        "distanceUnit": "DISTANCE_UNIT_KILOMETER",
        "timeZone": "UTC",
        "firstDayOfWeek": "MONDAY",
        "language": "en",
        "effortScale": "EFFORT_SCALE_RPE",
        "etag": defaults["etag"],
    }
    change = {"timeZone": "Europe/Berlin", "firstDayOfWeek": "SUNDAY", "weightUnit": "WEIGHT_UNIT_LB"}
    chosen = found(await http.patch(f"{ME}/preferences", json=change, headers=bearer(ada)))
    assert chosen == defaults | change | {"etag": chosen["etag"], "updateTime": chosen["updateTime"]}
    assert found(await http.get(f"{ME}/preferences", headers=bearer(ada))) == chosen
    back = await http.patch(f"{ME}/preferences", params={"updateMask": "timeZone"}, json={}, headers=bearer(ada))
    assert found(back)["timeZone"] == "UTC"
    wrong = await http.patch(f"{ME}/preferences", json={"timeZone": "Mars/Olympus"}, headers=bearer(ada))
    assert problem(wrong) == (400, "INVALID_REQUEST")


async def test_stats_are_there_from_the_start(http: httpx.AsyncClient) -> None:
    ada = await sign_up(http)
    stats = found(await http.get(f"{ME}/stats", headers=bearer(ada)))
    # In JSON, 64-bit integers are strings.
    nothing = {"workouts": "0", "durationSeconds": "0", "sets": "0", "reps": "0", "volumeKg": 0, "distanceMeters": 0}
    assert stats == {"userId": ada["user"]["id"], **nothing}


async def test_one_of_two_devices_is_signed_out(http: httpx.AsyncClient) -> None:
    laptop = await sign_up(http)
    phone = found(await sign_in(http, laptop["user"]["email"], **{"user-agent": "FitnessHub/1.0 (Android 16)"}))

    sessions = found(await http.get(f"{ME}/sessions", headers=bearer(laptop)))["sessions"]

    assert [each.get("current", False) for each in sessions] == [False, True]
    assert sessions[0]["userAgent"] == "FitnessHub/1.0 (Android 16)"
    assert sessions[1]["userAgent"].startswith("python-httpx/")
    assert sessions[0]["ipAddress"] == sessions[1]["ipAddress"]
    assert sessions[0]["ipAddress"].startswith("127.")
    assert sessions[0]["method"] == "password"

    path = f"{ME}/sessions/{sessions[0]['id']}"
    revoked = await http.delete(path, headers=bearer(laptop))
    assert (revoked.status_code, revoked.content) == (204, b"")
    assert await refused_everywhere(http, phone) < 5
    refresh = {"refresh_token": phone["refresh_token"]}
    answer = await http.post("/auth/v1/token?grant_type=refresh_token", json=refresh)
    assert dialect_problem(answer) == (400, "refresh_token_not_found")
    assert problem(await http.delete(path, headers=bearer(laptop))) == (404, "SESSION_NOT_FOUND")
    left = found(await http.get(f"{ME}/sessions", headers=bearer(laptop)))["sessions"]
    assert [each["id"] for each in left] == [sessions[1]["id"]]


@pytest.mark.parametrize("profile", ["embedded", "split"], indirect=True, scope="session")
async def test_a_suspended_persons_token_is_refused_within_five_seconds_and_later_they_return(
    http: httpx.AsyncClient, admin: Headers
) -> None:
    ada = await sign_up(http)
    email, path = ada["user"]["email"], f"{ADMIN}/{ada['user']['id']}"
    name = new_name()
    shown = {"username": name, "visibility": "PROFILE_VISIBILITY_PUBLIC"}
    found(await http.patch(f"{ME}/profile", json=shown, headers=bearer(ada)))
    assert (await http.get("/api/v1/workouts", headers=bearer(ada))).status_code == 200

    suspended = found(await http.post(f"{path}:suspend", json={"reason": "spam"}, headers=admin))

    assert suspended["suspension"]["reason"] == "spam"
    assert await refused_everywhere(http, ada) < 5
    assert dialect_problem(await sign_in(http, email)) == (403, "user_banned")
    assert dialect_problem(await sign_in(http, email, "wrong horse")) == (400, "invalid_credentials")
    refresh = {"refresh_token": ada["refresh_token"]}
    answer = await http.post("/auth/v1/token?grant_type=refresh_token", json=refresh)
    assert dialect_problem(answer) == (403, "user_banned")
    public = f"/api/v1/users/{ada['user']['id']}/public-profile"
    assert problem(await http.get(public)) == (404, "USER_NOT_FOUND")
    listed = await http.get(ADMIN, params={"suspended": "true", "emailPrefix": email}, headers=admin)
    assert found(listed)["users"] == [suspended]

    reinstated = found(await http.post(f"{path}:reinstate", json={}, headers=admin))
    assert "suspension" not in reinstated
    again = found(await sign_in(http, email))
    assert found(await http.get(f"{ME}/profile", headers=bearer(again)))["username"] == name
    assert found(await http.get(public))["username"] == name
    assert (await http.get(ME, headers=bearer(ada))).status_code == 401


async def test_a_suspension_ends_by_itself(http: httpx.AsyncClient, admin: Headers) -> None:
    ada = await sign_up(http)
    until = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 3))
    path = f"{ADMIN}/{ada['user']['id']}"
    found(await http.post(f"{path}:suspend", json={"reason": "cool down", "until": until}, headers=admin))

    async def is_back() -> bool:
        answer = await sign_in(http, ada["user"]["email"])
        assert answer.status_code == 200 or dialect_problem(answer) == (403, "user_banned")
        return answer.status_code == 200

    # Anonymous calls are limited: 100 in 15 minutes.
    assert await seconds_until(is_back, every=0.5) > 1
    assert "suspension" not in found(await http.get(path, headers=admin))


async def test_new_roles_need_a_new_token_and_old_ones_die(http: httpx.AsyncClient, admin: Headers) -> None:
    ada = await sign_up(http)
    path = f"{ADMIN}/{ada['user']['id']}"
    assert problem(await http.get(path, headers=bearer(ada))) == (403, "ROLE_REQUIRED")
    changed = found(await http.post(f"{path}:updateRoles", json={"roles": ["ROLE_ADMIN"]}, headers=admin))
    assert changed["roles"] == ["member", "admin"]
    assert await refused_everywhere(http, ada) < 5

    as_admin = found(await sign_in(http, ada["user"]["email"]))
    assert found(await http.get(path, headers=bearer(as_admin)))["roles"] == ["member", "admin"]
    found(await http.post(f"{path}:updateRoles", json={}, headers=admin))
    assert await refused_everywhere(http, as_admin) < 5

    member = found(await sign_in(http, ada["user"]["email"]))
    assert member["user"]["app_metadata"]["roles"] == ["member"]
    revoked = found(await http.post(f"{path}:revokeSessions", json={}, headers=admin))
    assert revoked == {"sessions": 1}
    assert await refused_everywhere(http, member) < 5
