"""Signing up, in and out over REST, as a client sees it: through Envoy, with its real policies."""

import asyncio
import time
import uuid
from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest

PASSWORD = "correct horse battery"
ANONYMOUS_KEY = "eyJhbGciOiJIUzI1NiJ9.eyJyb2xlIjoiYW5vbiJ9.c2lnbmF0dXJl"
ANONYMOUS = {"apikey": ANONYMOUS_KEY, "authorization": f"Bearer {ANONYMOUS_KEY}"}
"""What supabase-js sends before anybody has signed in."""
Json = dict[str, Any]


def address() -> str:
    return f"{uuid.uuid4().hex}@example.org"


def bearer(session: Json) -> dict[str, str]:
    return {"authorization": f"Bearer {session['access_token']}"}


async def sign_up(http: httpx.AsyncClient, email: str = "", **more: Any) -> Json:
    answer = await http.post("/auth/v1/signup", json={"email": email or address(), "password": PASSWORD, **more})
    assert answer.status_code == 200, answer.text
    session: Json = answer.json()
    return session


async def refresh(http: httpx.AsyncClient, refresh_token: str) -> httpx.Response:
    content = {"refresh_token": refresh_token}
    return await http.post("/auth/v1/token?grant_type=refresh_token", json=content, headers=ANONYMOUS)


async def seconds_until(condition: Callable[[], Awaitable[bool]], at_most: float, every: float) -> float:
    """Waits for a condition; returns how long it took. Fails when it takes too long."""
    began = time.monotonic()
    while not await condition():
        assert time.monotonic() - began < at_most
        await asyncio.sleep(every)
    return time.monotonic() - began


def code(answer: httpx.Response) -> tuple[int, str]:
    """Status and GoTrue's error code, which body and header repeat."""
    content = answer.json()
    assert content["code"] == answer.status_code
    assert answer.headers["x-sb-error-code"] == content["error_code"]
    assert "x-http-code" not in answer.headers
    return answer.status_code, content["error_code"]


async def test_a_person_signs_up_in_and_out(http: httpx.AsyncClient) -> None:
    email = address()
    signed_up = await sign_up(http, email, data={"name": "Ada"})
    assert signed_up["user"]["email"] == email
    assert signed_up["user"]["user_metadata"] == {"name": "Ada"}

    signed_in = await http.post(
        "/auth/v1/token?grant_type=password", json={"email": email, "password": PASSWORD}, headers=ANONYMOUS
    )
    assert signed_in.status_code == 200
    assert signed_in.headers["cache-control"] == "no-store"
    session = signed_in.json()
    assert session["user"]["id"] == signed_up["user"]["id"]

    me = await http.get("/api/v1/users/me", headers=bearer(session))
    assert me.status_code == 200
    assert me.json()["email"] == email
    assert me.json()["roles"] == ["member"]

    user = await http.get("/auth/v1/user", headers=bearer(session))
    assert user.json() == session["user"]

    refreshed = await refresh(http, session["refresh_token"])
    assert refreshed.status_code == 200
    assert refreshed.json()["refresh_token"] != session["refresh_token"]

    signed_out = await http.post("/auth/v1/logout", headers=bearer(refreshed.json()))
    assert (signed_out.status_code, signed_out.content) == (204, b"")
    gone = await refresh(http, refreshed.json()["refresh_token"])
    assert code(gone) == (400, "refresh_token_not_found")


async def test_a_session_that_has_ended_is_refused_by_other_services_within_five_seconds(
    http: httpx.AsyncClient,
) -> None:
    session = await sign_up(http)
    assert (await http.get("/api/v1/workouts", headers=bearer(session))).status_code == 200
    assert (await http.post("/auth/v1/logout", headers=bearer(session))).status_code == 204

    async def is_refused() -> bool:
        return (await http.get("/api/v1/workouts", headers=bearer(session))).status_code == 401

    assert await seconds_until(is_refused, at_most=10, every=0.1) < 5
    refused = await http.get("/api/v1/workouts", headers=bearer(session))
    assert refused.json()["details"][0]["reason"] == "SESSION_ENDED"
    assert code(await http.get("/auth/v1/user", headers=bearer(session))) == (403, "session_not_found")


async def test_a_refresh_token_used_again_works_for_ten_seconds_and_then_ends_the_session(
    http: httpx.AsyncClient,
) -> None:
    session = await sign_up(http)
    raced = await asyncio.gather(*(refresh(http, session["refresh_token"]) for _ in range(3)))
    assert [answer.status_code for answer in raced] == [200, 200, 200]
    answers: list[httpx.Response] = []

    async def is_refused() -> bool:
        answers.append(await refresh(http, session["refresh_token"]))
        return answers[-1].status_code != 200

    assert await seconds_until(is_refused, at_most=20, every=2) > 9
    assert code(answers[-1]) == (400, "refresh_token_already_used")
    assert code(await refresh(http, raced[0].json()["refresh_token"])) == (400, "refresh_token_not_found")
    assert (await http.get("/api/v1/users/me", headers=bearer(raced[0].json()))).status_code == 401


@pytest.mark.parametrize(
    ("path", "content", "expected"),
    [
        ("signup", {"email": "new@example.org", "password": "short"}, (422, "weak_password")),
        ("signup", {"email": "no address", "password": PASSWORD}, (400, "validation_failed")),
        ("token?grant_type=password", {"email": "no@example.org", "password": "x"}, (400, "invalid_credentials")),
        ("token?grant_type=refresh_token", {"refresh_token": "nobody-has-this"}, (400, "refresh_token_not_found")),
        ("token?grant_type=pkce", {"auth_code": "a"}, (400, "invalid_credentials")),
    ],
)
async def test_errors_have_the_dialects_shape(
    http: httpx.AsyncClient, path: str, content: Json, expected: tuple[int, str]
) -> None:
    assert code(await http.post(f"/auth/v1/{path}", json=content, headers=ANONYMOUS)) == expected


async def test_bodies_that_are_no_json_and_addresses_that_are_taken(http: httpx.AsyncClient) -> None:
    broken = await http.post("/auth/v1/signup", content=b"{", headers={"content-type": "application/json"})
    assert code(broken) == (400, "bad_json")
    session = await sign_up(http)
    again = await http.post("/auth/v1/signup", json={"email": session["user"]["email"], "password": PASSWORD})
    assert code(again) == (422, "user_already_exists")


async def test_the_api_version_of_2024_names_the_code(http: httpx.AsyncClient) -> None:
    answer = await http.post(
        "/auth/v1/token?grant_type=password",
        json={"email": "nobody@example.org", "password": "wrong horse"},
        headers={"x-supabase-api-version": "2024-01-01"},
    )
    assert answer.status_code == 400
    assert answer.headers["x-supabase-api-version"] == "2024-01-01"
    assert answer.json() == {"code": "invalid_credentials", "message": "Invalid login credentials"}


async def test_strangers(http: httpx.AsyncClient) -> None:
    assert code(await http.get("/auth/v1/user")) == (401, "no_authorization")
    assert code(await http.get("/auth/v1/user", headers=ANONYMOUS)) == (403, "bad_jwt")
    assert code(await http.post("/auth/v1/logout", headers=ANONYMOUS)) == (403, "bad_jwt")
    assert (await http.get("/api/v1/users/me")).status_code == 401


async def test_ten_failures_lock_an_address_whether_or_not_somebody_has_it(http: httpx.AsyncClient) -> None:
    content = {"email": address(), "password": "wrong horse"}
    for _ in range(10):
        answer = await http.post("/auth/v1/token?grant_type=password", json=content)
        assert code(answer) == (400, "invalid_credentials")
    locked = await http.post("/auth/v1/token?grant_type=password", json=content)
    assert code(locked) == (429, "over_request_rate_limit")
    assert 0 < int(locked.headers["retry-after"]) <= 900


async def test_what_everybody_may_read(http: httpx.AsyncClient) -> None:
    keys = await http.get("/auth/v1/.well-known/jwks.json")
    assert keys.headers["cache-control"] == "public, max-age=600"
    assert {key["kty"] for key in keys.json()["keys"]} == {"EC"}
    assert not any("d" in key or "k" in key for key in keys.json()["keys"])
    assert (await http.get("/auth/v1/settings")).json()["external"]["email"] is True
    assert set((await http.get("/auth/v1/health")).json()) == {"version", "name", "description"}
