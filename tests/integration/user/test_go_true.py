"""The Supabase Auth protocol through the pipeline: statuses, shapes and headers that REST clients see."""

import json
from typing import Any

import pytest
from fitnesshub.user.v1 import gotrue_service_pb2 as pb
from google.api.httpbody_pb2 import HttpBody

from tests.integration.user.world import PASSWORD, Answer, World

ANONYMOUS_KEY = "Bearer eyJhbGciOiJIUzI1NiJ9.eyJyb2xlIjoiYW5vbiJ9.c2lnbmF0dXJl"


def body(content: object) -> HttpBody:
    return HttpBody(content_type="application/json", data=json.dumps(content).encode())


async def sign_up(world: World, content: object, **headers: str) -> Answer:
    return await world.gotrue("GoTrueSignUp", pb.GoTrueSignUpRequest(body=body(content)), **headers)


async def token(world: World, grant_type: str, content: object, **headers: str) -> Answer:
    request = pb.GoTrueTokenRequest(body=body(content), grant_type=grant_type)
    return await world.gotrue("GoTrueToken", request, **headers)


async def user(world: World, authorization: str = "") -> Answer:
    headers = {"authorization": authorization} if authorization else {}
    return await world.gotrue("GoTrueGetUser", pb.GoTrueGetUserRequest(), **headers)


async def logout(world: World, authorization: str = "", scope: str = "") -> Answer:
    headers = {"authorization": authorization} if authorization else {}
    return await world.gotrue("GoTrueLogout", pb.GoTrueLogoutRequest(scope=scope), **headers)


def code(answer: Answer) -> tuple[int, Any]:
    """Status and error code, which the header repeats."""
    assert answer.headers["x-sb-error-code"] == answer.content["error_code"]
    assert answer.content["code"] == answer.status
    assert answer.content["msg"]
    return answer.status, answer.content["error_code"]


async def test_a_whole_life_of_a_session(world: World) -> None:
    email = world.address()
    signed_up = await sign_up(world, {"email": email, "password": PASSWORD, "data": {"name": "Ada", "age": 36}})
    assert signed_up.status == 200
    assert signed_up.content["user"]["user_metadata"] == {"name": "Ada", "age": 36}
    assert signed_up.content["token_type"] == "bearer"
    assert signed_up.content["expires_at"] == int(world.clock.now().timestamp()) + 3600

    signed_in = await token(world, "password", {"email": email, "password": PASSWORD}, authorization=ANONYMOUS_KEY)
    assert signed_in.status == 200
    assert signed_in.content["user"]["id"] == signed_up.content["user"]["id"]

    world.advance(11)
    refreshed = await token(
        world, "refresh_token", {"refresh_token": signed_in.content["refresh_token"]}, authorization=ANONYMOUS_KEY
    )
    assert refreshed.status == 200

    authorization = f"Bearer {refreshed.content['access_token']}"
    assert (await user(world, authorization)).content == refreshed.content["user"]

    signed_out = await logout(world, authorization)
    assert (signed_out.status, signed_out.content) == (204, None)
    assert code(await user(world, authorization)) == (403, "session_not_found")
    # Now by the list that the pipeline reads from Redis, as in every other service.
    await world.ended.refresh()
    assert code(await user(world, authorization)) == (403, "session_not_found")
    assert code(await logout(world, authorization)) == (403, "session_not_found")


@pytest.mark.parametrize("version", [None, "2024-01-01"])
async def test_errors_follow_the_api_version(world: World, version: str | None) -> None:
    headers = {"x_supabase_api_version": version} if version else {}
    answer = await token(world, "password", {"email": world.address(), "password": "wrong horse"}, **headers)
    assert answer.status == 400
    assert answer.headers["x-sb-error-code"] == "invalid_credentials"
    assert answer.content == (
        {"code": "invalid_credentials", "message": "Invalid login credentials"}
        if version
        else {"code": 400, "error_code": "invalid_credentials", "msg": "Invalid login credentials"}
    )


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ({"email": "new@example.org", "password": "short"}, (422, "weak_password")),
        ({"email": "new@example.org"}, (400, "validation_failed")),
        ({"password": PASSWORD}, (400, "validation_failed")),
        ({"email": "no address", "password": PASSWORD}, (400, "validation_failed")),
        ({"email": "new@example.org", "password": "x" * 2000}, (400, "validation_failed")),
        ({"email": "new@example.org", "password": PASSWORD, "data": {"x": "y" * 5000}}, (400, "validation_failed")),
        ({"email": "new@example.org", "password": PASSWORD, "data": {"x": "\0"}}, (400, "validation_failed")),
        ({"email": "new@example.org", "password": PASSWORD, "data": []}, (400, "bad_json")),
        ({"email": 7, "password": PASSWORD}, (400, "bad_json")),
        ([], (400, "bad_json")),
        ({"phone": "+4912345", "password": PASSWORD}, (400, "phone_provider_disabled")),
        ({"data": {}}, (422, "anonymous_provider_disabled")),
    ],
)
async def test_a_sign_up_that_cant_be(world: World, content: object, expected: tuple[int, str]) -> None:
    assert code(await sign_up(world, content)) == expected


async def test_an_address_that_is_taken(world: World) -> None:
    session = await world.sign_up()
    answer = await sign_up(world, {"email": session.user.email, "password": PASSWORD})
    assert code(answer) == (422, "user_already_exists")


async def test_a_weak_password_says_why(world: World) -> None:
    answer = await sign_up(world, {"email": world.address(), "password": "password123"})
    assert answer.content["weak_password"] == {"reasons": ["pwned"]}


async def test_sign_ups_switched_off(world: World) -> None:
    closed = world.with_settings(sign_up_enabled="false")
    answer = await sign_up(closed, {"email": world.address(), "password": PASSWORD})
    assert code(answer) == (422, "signup_disabled")


@pytest.mark.parametrize(
    ("grant_type", "content", "expected"),
    [
        ("password", {"email": "nobody@example.org", "password": "wrong horse"}, (400, "invalid_credentials")),
        ("password", {"password": "wrong horse"}, (400, "validation_failed")),
        ("password", {"phone": "+4912345", "password": "wrong horse"}, (422, "phone_provider_disabled")),
        ("password", "text", (400, "bad_json")),
        ("refresh_token", {"refresh_token": "nobody-has-this"}, (400, "refresh_token_not_found")),
        ("refresh_token", {}, (400, "validation_failed")),
        ("pkce", {"auth_code": "a", "code_verifier": "b"}, (400, "invalid_credentials")),
        ("id_token", {"id_token": "a"}, (400, "invalid_credentials")),
        ("web3", {"chain": "ethereum"}, (400, "invalid_credentials")),
        ("", {}, (400, "invalid_credentials")),
    ],
)
async def test_a_token_that_cant_be(world: World, grant_type: str, content: object, expected: tuple[int, str]) -> None:
    answer = await token(world, grant_type, content)
    assert code(answer) == expected
    if grant_type not in ("password", "refresh_token"):
        assert "unsupported_grant_type" in answer.content["msg"]


async def test_a_refresh_token_used_twice(world: World) -> None:
    first = await world.sign_up()
    await world.refresh(first.refresh_token)
    world.advance(11)
    answer = await token(world, "refresh_token", {"refresh_token": first.refresh_token})
    assert code(answer) == (400, "refresh_token_already_used")


async def test_a_locked_address(world: World) -> None:
    content = {"email": world.address(), "password": "wrong horse"}
    for _ in range(10):
        assert (await token(world, "password", content)).status == 400
    answer = await token(world, "password", content)
    assert code(answer) == (429, "over_request_rate_limit")
    assert answer.headers["retry-after"] == "900"


@pytest.mark.parametrize(
    ("authorization", "expected"), [("", (401, "no_authorization")), (ANONYMOUS_KEY, (403, "bad_jwt"))]
)
async def test_strangers(world: World, authorization: str, expected: tuple[int, str]) -> None:
    assert code(await user(world, authorization)) == expected
    assert code(await logout(world, authorization)) == expected


async def test_a_scope_that_isnt_one(world: World) -> None:
    session = await world.sign_up()
    answer = await logout(world, f"Bearer {session.access_token}", scope="mine")
    assert code(answer) == (400, "validation_failed")
    assert await world.reason(world.current_user(session)) == ""


@pytest.mark.parametrize(("scope", "others_live"), [("global", False), ("", False), ("local", True)])
async def test_scopes_of_a_logout(world: World, scope: str, others_live: bool) -> None:
    here = await world.sign_up()
    there = await world.sign_in(here.user.email)
    assert (await logout(world, f"Bearer {here.access_token}", scope)).status == 204
    assert (await user(world, f"Bearer {there.access_token}")).status == (200 if others_live else 403)


async def test_a_user_who_is_gone(world: World) -> None:
    session = await world.sign_up()
    await world.delete_user(session.user.id)
    assert code(await user(world, f"Bearer {session.access_token}")) == (403, "user_not_found")


async def test_the_keys_may_be_cached_and_are_public_only(world: World) -> None:
    answer = await world.gotrue("GoTrueGetJwks", pb.GoTrueGetJwksRequest())
    assert answer.status == 200
    assert answer.headers["cache-control"] == "public, max-age=600"
    assert answer.content["keys"]
    for key in answer.content["keys"]:
        assert (key["kty"], key["crv"], key["alg"], key["use"]) == ("EC", "P-256", "ES256", "sig")
        assert set(key) <= {"kty", "crv", "alg", "use", "kid", "x", "y", "key_ops"}


async def test_settings_and_health(world: World) -> None:
    settings = await world.gotrue("GoTrueGetSettings", pb.GoTrueGetSettingsRequest())
    assert settings.content["external"]["email"] is True
    assert settings.content["disable_signup"] is False
    health = await world.gotrue("GoTrueGetHealth", pb.GoTrueGetHealthRequest())
    assert set(health.content) == {"version", "name", "description"}
