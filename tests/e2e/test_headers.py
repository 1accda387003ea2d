"""Request headers that a caller may send, wittingly or not: never a 5xx, never silently ignored where they matter."""

import uuid
from collections.abc import Callable

import httpx
import pytest

START = {"title": "Push day", "startTime": "2026-11-20T17:00:00Z"}
WORKOUTS = "/api/v1/workouts"


@pytest.fixture
def ada(token: Callable[..., str]) -> dict[str, str]:
    return {"authorization": f"Bearer {token(None, 'ada@headers.dev')}"}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("grpc-encoding", "bogus"),
        ("grpc-encoding", "gzip"),
        ("foo-bin", "!!!"),
        ("grpc-tags-bin", "x"),
        ("grpc-trace-bin", "x"),
        ("grpc-previous-rpc-attempts", "z"),
        ("grpc-internal-encoding-request", "x"),
        ("grpc-timeout", "bogus"),
        ("traceparent", "bogus"),
        ("te", "gzip"),
        *((name, "x") for name in ("w~x", "f8c.|", "sz$#02", "!r*b", "'%dagz+c'", "`", "X.Y-1")),
    ],
)
async def test_a_strange_header_changes_nothing(
    http: httpx.AsyncClient, ada: dict[str, str], name: str, value: str
) -> None:
    answer = await http.post(WORKOUTS, json=START, headers=ada | {name: value})
    assert answer.status_code == 201, answer.text


@pytest.mark.parametrize("size", [20_000, 40_000, 70_000])
async def test_headers_are_taken_whole_or_refused_as_too_large(
    http: httpx.AsyncClient, ada: dict[str, str], size: int
) -> None:
    answer = await http.get(WORKOUTS, headers=ada | {"x-large": "a" * size})
    assert answer.status_code == (200 if size < 24_000 else 431), answer.text
    if answer.status_code == 431:
        assert answer.json()["details"][0]["reason"] == "REQUEST_TOO_LARGE"


async def test_a_long_query_is_a_callers_mistake(http: httpx.AsyncClient, ada: dict[str, str]) -> None:
    answer = await http.get(WORKOUTS, params={"pageToken": "a" * 15_000}, headers=ada)
    assert answer.status_code == 400
    assert answer.json()["details"][0]["reason"] == "INVALID_REQUEST"


async def test_an_empty_idempotency_key_is_refused(http: httpx.AsyncClient, ada: dict[str, str]) -> None:
    answer = await http.post(WORKOUTS, json=START, headers=ada | {"idempotency-key": ""})
    assert answer.status_code == 400
    assert answer.json()["details"][0]["reason"] == "IDEMPOTENCY_KEY_INVALID"


async def test_if_match_guards_update_and_delete(http: httpx.AsyncClient, ada: dict[str, str]) -> None:
    keyed = ada | {"idempotency-key": uuid.uuid4().hex}
    workout = (await http.post(WORKOUTS, json=START, headers=keyed)).json()
    path, etag = f"{WORKOUTS}/{workout['id']}", workout["etag"]
    matching = ada | {"if-match": f'"{etag}"'}
    assert (await http.patch(path, json={"title": "Pull day"}, headers=matching)).status_code == 200
    assert (await http.patch(path, json={"title": "Lost"}, headers=matching)).status_code == 412
    assert (await http.delete(path, headers=matching)).status_code == 412
    assert (await http.get(path, headers=ada)).json()["title"] == "Pull day"
    assert (await http.delete(path, headers=ada | {"if-match": "*"})).status_code == 204
