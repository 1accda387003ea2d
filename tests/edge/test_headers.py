"""Headers: security, CORS, compression, ids."""

import re

import httpx
import pytest
from fitnesshub.workout.v1 import exercise_pb2, exercise_service_pb2, workout_pb2

from tests.edge.paths import GET_WORKOUT, LIST_EXERCISES
from tests.edge.world import ORIGIN, World

WORKOUT = "/api/v1/workouts/w1"
PREFLIGHT = {"origin": ORIGIN, "access-control-request-method": "PATCH"}


@pytest.fixture(autouse=True)
def answers(world: World) -> None:
    world.backend.answers(GET_WORKOUT, workout_pb2.Workout(id="w1"))
    many = [exercise_pb2.Exercise(id=str(number), name="Squat") for number in range(100)]
    world.backend.answers(LIST_EXERCISES, exercise_service_pb2.ListExercisesResponse(exercises=many))


async def test_security_headers_are_on_answers(world: World) -> None:
    async with world.caller() as caller:
        headers = (await caller.get(WORKOUT)).headers
    assert headers["strict-transport-security"] == "max-age=31536000; includeSubDomains"
    assert "default-src 'self'" in headers["content-security-policy"]
    assert "frame-ancestors 'none'" in headers["content-security-policy"]
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["x-frame-options"] == "DENY"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["server"] == "fitnesshub"
    assert not [name for name in headers if name.startswith("x-envoy-")]


@pytest.mark.parametrize("path", [WORKOUT, "/health", "/auth/v1/token?grant_type=password", "/nothing"])
async def test_a_preflight_of_an_allowed_origin_is_answered(world: World, path: str) -> None:
    async with world.caller(anonymous=True) as caller:
        answer = await caller.options(path, headers=PREFLIGHT)
    assert answer.status_code == 200
    assert answer.headers["access-control-allow-origin"] == ORIGIN
    assert answer.headers["access-control-allow-credentials"] == "true"
    assert listed(answer, "methods") == {"get", "post", "put", "patch", "delete", "options"}
    assert listed(answer, "headers") >= {
        *("authorization", "content-type", "idempotency-key", "apikey", "x-client-info", "x-supabase-api-version"),
        *("x-grpc-web", "x-user-agent", "grpc-timeout"),
    }


def listed(answer: httpx.Response, what: str) -> set[str]:
    return {each.strip().lower() for each in answer.headers[f"access-control-allow-{what}"].split(",")}


async def test_a_foreign_origin_gets_nothing(world: World) -> None:
    async with world.caller() as caller:
        for origin in ("https://evil.example", "http://localhost:3000.evil.example", "null"):
            answer = await caller.options(WORKOUT, headers=PREFLIGHT | {"origin": origin})
            assert not [name for name in answer.headers if name.startswith("access-control-")]
            answer = await caller.get(WORKOUT, headers={"origin": origin})
            assert not [name for name in answer.headers if name.startswith("access-control-")]


@pytest.mark.parametrize("path", [WORKOUT, "/api/v1/exercises", "/nothing", "/api/v1/workouts?nope=1"])
@pytest.mark.parametrize("anonymous", [False, True])
async def test_a_browser_can_read_every_answer(world: World, path: str, anonymous: bool) -> None:
    async with world.caller(anonymous=anonymous, origin=ORIGIN) as caller:
        answer = await caller.get(path)
    assert answer.headers["access-control-allow-origin"] == ORIGIN
    assert "x-request-id" in answer.headers["access-control-expose-headers"]
    assert "origin" in answer.headers["vary"].lower()


@pytest.mark.parametrize(("accepted", "used"), [("br, gzip", "br"), ("gzip", "gzip"), ("identity", None)])
async def test_json_is_compressed(world: World, accepted: str, used: str | None) -> None:
    async with (
        world.caller() as caller,
        caller.stream("GET", "/api/v1/exercises", headers={"accept-encoding": accepted}) as answer,
    ):
        assert answer.headers.get("content-encoding") == used


async def test_a_small_answer_is_not(world: World) -> None:
    async with world.caller() as caller:
        assert "content-encoding" not in (await caller.get(WORKOUT)).headers


async def test_every_call_has_an_id_of_ours(world: World) -> None:
    async with world.caller() as caller:
        answer = await caller.get(WORKOUT, headers={"x-request-id": "theirs"})
    request_id = answer.headers["x-request-id"]
    assert re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", request_id)
    assert world.backend.last(GET_WORKOUT).metadata["x-request-id"] == request_id


async def test_a_trace_begins_here_or_goes_on(world: World) -> None:
    trace, span = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
    async with world.caller() as caller:
        await caller.get(WORKOUT)
        made = str(world.backend.last(GET_WORKOUT).metadata["traceparent"])
        await caller.get(WORKOUT, headers={"traceparent": f"00-{trace}-{span}-01"})
        kept = str(world.backend.last(GET_WORKOUT).metadata["traceparent"])
    assert re.fullmatch(r"00-[0-9a-f]{32}-[0-9a-f]{16}-0[01]", made)
    assert kept.startswith(f"00-{trace}-")
    assert span not in kept


async def test_names_that_grpc_does_not_know_stay_outside(world: World) -> None:
    """HTTP allows more characters in a name; a service would end the call as INTERNAL."""
    foreign = ("a~", "a+b", "!", "$a", "a|b.c", "%41", "ei%", "'a'", "a^", "`a", "*", "#a#", "A&B")
    async with world.caller() as caller:
        answer = await caller.get(WORKOUT, headers=dict.fromkeys(foreign, "x") | {"X-Kept.1": "y", "7": "z"})
    assert answer.status_code == 200
    metadata = world.backend.last(GET_WORKOUT).metadata
    assert (metadata["x-kept.1"], metadata["7"]) == ("y", "z")
    assert not [name for name in metadata if not re.fullmatch("[a-z0-9._-]+", name)]
