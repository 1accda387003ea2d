"""Who gets past the edge, and what a service can believe about the caller."""

import time
from typing import Any

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from fitnesshub.gateway.v1 import saga_service_pb2
from fitnesshub.workout.v1 import exercise_service_pb2, workout_pb2
from google.api import httpbody_pb2

from tests.edge.paths import GET_USER, GET_WORKOUT, IMPORT_EXERCISES, LIST_EXERCISES, LIST_SAGAS
from tests.edge.shapes import assert_error
from tests.edge.world import Issuer, World, running_world

WORKOUT = "/api/v1/workouts/w1"
IMPORT = "/api/v1/exercises:import"
SAGAS = "/api/v1/admin/sagas"


@pytest.fixture(autouse=True)
def answers(world: World) -> None:
    world.backend.answers(GET_WORKOUT, workout_pb2.Workout(id="w1"))
    world.backend.answers(LIST_EXERCISES, exercise_service_pb2.ListExercisesResponse())
    world.backend.answers(IMPORT_EXERCISES, exercise_service_pb2.ImportExercisesResponse())
    world.gateway.answers(LIST_SAGAS, saga_service_pb2.ListSagasResponse())
    world.backend.answers(GET_USER, httpbody_pb2.HttpBody(content_type="application/json", data=b"{}"))


def bad_tokens(issuer: Issuer) -> dict[str, str]:
    now = int(time.time())
    good = issuer.token()
    claims = jwt.decode(good, options={"verify_signature": False})
    public = issuer.key.public_key().public_numbers()
    return {
        "none at all": "",
        "no token": "Bearer",
        "not a token": "Bearer abc",
        "of another scheme": f"Basic {good}",
        "cut": f"Bearer {good[:-4]}",
        "unsigned": f"Bearer {jwt.encode(claims, '', algorithm='none')}",
        "signed with the public key": f"Bearer {jwt.encode(claims, str(public.x).zfill(64), algorithm='HS256')}",
        "by another key": f"Bearer {Issuer(ec.generate_private_key(ec.SECP256R1())).token()}",
        "expired": f"Bearer {issuer.token(exp=now - 10)}",
        "without end": f"Bearer {issuer.token(exp=None)}",
        "not yet good": f"Bearer {issuer.token(nbf=now + 60)}",
        "of another issuer": f"Bearer {issuer.token(iss='https://elsewhere')}",
        "for someone else": f"Bearer {issuer.token(aud='elsewhere')}",
        "for nobody": f"Bearer {issuer.token(aud=None)}",
    }


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER"])
async def test_the_name_of_the_scheme_is_taken_in_any_usual_case(world: World, scheme: str) -> None:
    async with world.caller(anonymous=True) as caller:
        answer = await caller.get(WORKOUT, headers={"authorization": f"{scheme} {world.issuer.token()}"})
    assert answer.status_code == 200, answer.text


@pytest.mark.parametrize("what", sorted(bad_tokens(Issuer())))
async def test_a_bad_token_is_refused(world: World, what: str) -> None:
    header = bad_tokens(world.issuer)[what]
    async with world.caller(anonymous=True) as caller:
        answer = await caller.get(WORKOUT, headers={"authorization": header} if header else {})
    assert_error(answer, 401, 16, "UNAUTHENTICATED")
    assert answer.headers["www-authenticate"] == "Bearer"
    assert not world.backend.count(GET_WORKOUT)


async def test_a_token_within_the_clock_skew_is_good(world: World) -> None:
    token = world.issuer.token(exp=int(time.time()) - 1)
    async with world.caller(anonymous=True, authorization=f"Bearer {token}") as caller:
        assert (await caller.get(WORKOUT)).status_code == 200


async def test_a_token_in_the_query_is_none(world: World) -> None:
    async with world.caller(anonymous=True) as caller:
        answer = await caller.get(f"/api/v1/workouts?access_token={world.issuer.token()}")
    assert answer.status_code in (400, 401)


async def test_the_token_is_forwarded(world: World) -> None:
    token = world.issuer.token()
    async with world.caller(anonymous=True, authorization=f"Bearer {token}") as caller:
        await caller.get(WORKOUT)
    assert world.backend.last(GET_WORKOUT).metadata["authorization"] == f"Bearer {token}"


@pytest.mark.parametrize(
    ("claims", "allowed"),
    [
        ({"app_metadata": {"roles": ["admin"]}}, True),
        ({"app_metadata": {"roles": ["member", "admin"]}}, True),
        ({"app_metadata": {"roles": ["member"]}}, False),
        ({"app_metadata": {"roles": ["administrator"]}}, False),
        ({"app_metadata": {"roles": "admin"}}, False),
        ({"app_metadata": {"role": "admin"}}, False),
        ({"app_metadata": None, "roles": ["admin"], "role": "admin"}, False),
        ({"user_metadata": {"roles": ["admin"]}}, False),
    ],
)
async def test_roles_come_from_app_metadata_alone(world: World, claims: dict[str, Any], allowed: bool) -> None:
    token = world.issuer.token(**claims)
    before = world.gateway.count(LIST_SAGAS)
    async with world.caller(anonymous=True, authorization=f"Bearer {token}") as caller:
        answer = await caller.get(SAGAS)
    if allowed:
        assert answer.status_code == 200
    else:
        assert_error(answer, 403, 7, "ROLE_REQUIRED")
    assert world.gateway.count(LIST_SAGAS) - before == allowed


async def test_who_lacks_the_role_for_an_audited_call_is_left_to_the_service(world: World) -> None:
    """It refuses as well, and records who tried."""
    async with world.caller("member") as caller:
        await caller.post(IMPORT, json={})
    assert world.backend.count(IMPORT_EXERCISES) == 1


async def test_a_role_is_of_no_use_without_a_token(world: World) -> None:
    async with world.caller(anonymous=True) as caller:
        for answer in (await caller.get(SAGAS), await caller.post(IMPORT, json={})):
            assert_error(answer, 401, 16, "UNAUTHENTICATED")


@pytest.mark.parametrize("header", ["", "Bearer anon-key", "expired"])
async def test_public_calls_pass_whatever_the_token(world: World, header: str) -> None:
    """The service says what a bad token means there: supabase-js sends its key as one."""
    if header == "expired":
        header = f"Bearer {world.issuer.token(exp=1)}"
    async with world.caller(anonymous=True) as caller:
        headers = {"authorization": header} if header else {}
        for path in ("/api/v1/exercises", "/auth/v1/user"):
            assert (await caller.get(path, headers=headers)).status_code == 200
    assert world.backend.last(GET_USER).metadata.get("authorization", "") == header


async def test_nobody_speaks_for_the_mesh_from_outside(world: World) -> None:
    forged = {
        "x-fitnesshub-caller": "gateway",
        "x-fitnesshub-anything": "1",
        "x-envoy-attempt-count": "9",
        "x-envoy-original-path": "/forged",
        "x-envoy-external-address": "9.9.9.9",
        "x-envoy-fault-abort-request": "503",
        "x-envoy-upstream-rq-timeout-ms": "1",
        "x-envoy-max-retries": "99",
        "x-forwarded-for": "9.9.9.9",
        "x-forwarded-client-cert": "URI=spiffe://fitnesshub.local/svc/user",
        "x-real-ip": "9.9.9.9",
        "x-http-code": "500",
        "x-request-id": "forged",
    }
    async with world.caller() as caller:
        assert (await caller.get(WORKOUT, headers=forged)).status_code == 200
    seen = world.backend.last(GET_WORKOUT).metadata
    assert not {name for name in seen if name.startswith("x-fitnesshub-")}
    assert not {name for name in seen if name in forged and seen[name] == forged[name]}
    assert seen["x-envoy-attempt-count"] == "1"
    assert seen["x-envoy-external-address"] == seen["x-forwarded-for"]
    assert str(seen["x-forwarded-for"]).startswith("127.1.")


async def test_without_keys_nobody_is_told_to_sign_in_again(tmp_path_factory: pytest.TempPathFactory) -> None:
    """A client that sees 401 throws its session away; here the fault is ours."""
    async with running_world(tmp_path_factory.mktemp("keyless"), key_set=False) as world:
        async with world.caller() as caller:
            assert_error(await caller.get(WORKOUT), 503, 14, "UPSTREAM_UNAVAILABLE")
        async with httpx.AsyncClient(base_url=world.url, verify=False) as caller:
            assert_error(await caller.get(WORKOUT), 401, 16, "UNAUTHENTICATED")
