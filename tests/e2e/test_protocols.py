"""The same story over REST, gRPC and gRPC-Web, by the clients that users have, in both profiles.

A workout is created twice under one Idempotency-Key, read, listed, changed under a stale etag, and looked
for by somebody else.
"""

import asyncio
import json
import shutil
import subprocess
import sys
import uuid
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from chassis.contract import load_contract

PACKAGE = "fitnesshub.workout.v1.WorkoutService"
Json = dict[str, Any]
Answer = tuple[str, Json]
"""gRPC status code by its name in lower case with `ok`, and the message."""
Client = Callable[[str, Json, dict[str, str]], Awaitable[Answer]]

REST: dict[str, tuple[str, str]] = {
    "CreateWorkout": ("POST", "/api/v1/workouts"),
    "GetWorkout": ("GET", "/api/v1/workouts/{workoutId}"),
    "ListWorkouts": ("GET", "/api/v1/workouts"),
    "UpdateWorkout": ("PATCH", "/api/v1/workouts/{workoutId}"),
}
CODES = {200: "ok", 201: "ok", 404: "not_found", 412: "aborted"}


def run(line: list[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(line, capture_output=True, text=True, timeout=30, check=False)


def rest(edge_url: str) -> Client:
    """REST and JSON."""

    async def call(method: str, request: Json, headers: dict[str, str]) -> Answer:
        verb, path = REST[method]
        async with httpx.AsyncClient(base_url=edge_url) as client:
            body = request.get("workout")
            answer = await client.request(verb, path.format(**request), json=body, headers=headers)
        return CODES[answer.status_code], answer.json()

    return call


def program(command: list[str], url: str) -> Client:
    """A command-line client that takes a JSON message and prints one."""

    async def call(method: str, request: Json, headers: dict[str, str]) -> Answer:
        words = [word for name, value in headers.items() for word in ("-H", f"{name}: {value}")]
        target = [f"{url}/{PACKAGE}/{method}"] if "://" in url else [url, f"{PACKAGE}/{method}"]
        line = [*command, *words, "-d", json.dumps(request), *target]
        done = await asyncio.to_thread(run, line)
        if done.returncode == 0:
            return "ok", json.loads(done.stdout)
        for code in ("not_found", "aborted"):
            if code in done.stderr.lower() or code.replace("_", "") in done.stderr.lower():
                return code, {}
        pytest.fail(f"{method}: {done.stderr}")

    return call


def clients(edge_url: str) -> dict[str, Client | None]:
    """Every client, by name; None for one that isn't on this machine."""
    buf = str(Path(sys.executable).with_name("buf"))
    grpcurl = shutil.which("grpcurl")
    return {
        "rest": rest(edge_url),
        "buf grpc": program([buf, "curl", "--protocol", "grpc", "--http2-prior-knowledge"], edge_url),
        "buf grpc-web": program([buf, "curl", "--protocol", "grpcweb"], edge_url),
        "grpcurl": program([grpcurl, "-plaintext"], edge_url.removeprefix("http://")) if grpcurl else None,
    }


@pytest.mark.parametrize("profile", ["embedded", "split"], indirect=True, scope="session")
@pytest.mark.parametrize("name", ["rest", "buf grpc", "buf grpc-web", "grpcurl"])
async def test_the_story_of_a_workout(name: str, edge_url: str, token: Callable[..., str]) -> None:
    call = clients(edge_url)[name]
    if call is None:
        pytest.skip("grpcurl isn't on this machine")
    ada = {"authorization": f"Bearer {token(None, 'ada@protocols.dev')}"}
    bob = {"authorization": f"Bearer {token(None, 'bob@protocols.dev')}"}

    keyed = ada | {"idempotency-key": uuid.uuid4().hex}
    request = {"workout": {"title": "Push day", "startTime": "2026-11-20T17:00:00Z"}}
    code, first = await call("CreateWorkout", request, keyed)
    assert code == "ok"
    again = await call("CreateWorkout", request, keyed)
    assert again == ("ok", first)
    workout_id = str(first["id"])

    assert await call("GetWorkout", {"workoutId": workout_id}, ada) == ("ok", first)
    code, listed = await call("ListWorkouts", {}, ada)
    assert [workout["id"] for workout in listed["workouts"]].count(workout_id) == 1

    change = {"workoutId": workout_id, "workout": {"title": "Pull day", "etag": first["etag"]}}
    code, changed = await call("UpdateWorkout", change, ada)
    assert (code, changed["title"]) == ("ok", "Pull day")
    assert (await call("UpdateWorkout", change, ada))[0] == "aborted", "the etag is stale now"

    assert (await call("GetWorkout", {"workoutId": workout_id}, bob))[0] == "not_found"
    assert (await call("UpdateWorkout", {"workoutId": workout_id, "workout": {"title": "mine"}}, bob))[0] == "not_found"
    assert (await call("GetWorkout", {"workoutId": workout_id}, ada))[1]["title"] == "Pull day"


@pytest.mark.parametrize("profile", ["embedded", "split"], indirect=True, scope="session")
def test_reflection_lists_every_service(edge_url: str) -> None:
    """`buf curl` resolves the description of each service it is told of, and fails on the first gap."""
    buf = str(Path(sys.executable).with_name("buf"))
    done = run([buf, "curl", "--protocol", "grpc", "--http2-prior-knowledge", "--list-methods", edge_url])
    assert done.returncode == 0, done.stderr
    assert {path.removeprefix("/") for path in load_contract().methods} <= set(done.stdout.split())
