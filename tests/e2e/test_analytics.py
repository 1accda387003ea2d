"""What training adds up to, through the edge in both profiles: own writes are read, charts are images, sums follow."""

import asyncio
import uuid
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from tests.e2e.stack import Stack

ANALYTICS = "/api/v1/users/me/analytics"
DAY = {"granularity": "GRANULARITY_DAY", "fromDate": "2026-11-20", "toDate": "2026-11-20"}


def bearer(token: str) -> dict[str, str]:
    return {"authorization": f"Bearer {token}"}


async def created(http: httpx.AsyncClient, headers: dict[str, str], reps: int) -> tuple[str, str]:
    """Id of a new workout and the consistency token of its write."""
    found = await http.get("/api/v1/exercises:search", params={"query": "barbell bench press", "pageSize": 1})
    exercise_id = found.json()["matches"][0]["exercise"]["id"]
    sets: list[dict[str, Any]] = [
        {"exerciseId": exercise_id, "reps": 10, "weight": 40, "setType": "SET_TYPE_WARMUP"},
        {"exerciseId": exercise_id, "reps": reps, "weight": 100},
    ]
    workout = {
        "title": "Push day",
        "startTime": "2026-11-20T23:30:00Z",
        "endTime": "2026-11-21T00:15:00Z",
        "sets": sets,
    }
    answer = await http.post("/api/v1/workouts", json=workout, headers=headers)
    assert answer.status_code == 201, answer.text
    return answer.json()["id"], answer.headers["x-consistency-token"]


async def read(
    http: httpx.AsyncClient, path: str, headers: dict[str, str], token: str, **params: Any
) -> httpx.Response:
    """An answer that isn't stale: one that is says so, and the next is tried."""
    async with asyncio.timeout(15):
        while True:
            answer = await http.get(path, params=params, headers=headers | {"x-consistency-token": token})
            assert answer.status_code == 200, answer.text
            if answer.headers.get("x-stale") != "true":
                return answer


@pytest.mark.parametrize("profile", ["embedded", "split"], indirect=True, scope="session")
async def test_a_write_is_in_the_next_read(http: httpx.AsyncClient, stack: Stack) -> None:
    headers = bearer(stack.token(email=f"{uuid.uuid4().hex}@example.org"))
    workout_id, _ = await created(http, headers, 5)
    _, token = await created(http, headers, 3)

    answer = await read(http, f"{ANALYTICS}/training", headers, token, **DAY)
    totals = answer.json()["totals"]
    assert (totals["workouts"], totals["reps"], totals["volumeKg"], totals["durationSeconds"]) == (2, "8", 800, "5400")
    muscles = (await read(http, f"{ANALYTICS}/muscles", headers, token)).json()["muscles"]
    assert muscles[0] == {"muscle": "MUSCLE_CHEST", "sets": 2, "reps": 8, "volumeKg": 800}
    streaks = (await read(http, f"{ANALYTICS}/streaks", headers, token)).json()
    assert streaks["longestDays"] == {"length": 1, "startDate": "2026-11-20", "endDate": "2026-11-20"}

    chart = await read(http, f"{ANALYTICS}/training:chart", headers, token, measure="CHART_MEASURE_VOLUME", **DAY)
    assert chart.headers["content-type"] == "image/svg+xml"
    assert chart.text.startswith("<svg ")
    assert "2026-11-20: 800 kg" in chart.text
    by_muscle = await read(http, f"{ANALYTICS}/muscles:chart", headers, token)
    assert "Chest: 2 sets" in by_muscle.text

    gone = await http.delete(f"/api/v1/workouts/{workout_id}", headers=headers)
    token = gone.headers["x-consistency-token"]
    answer = await read(http, f"{ANALYTICS}/training", headers, token, **DAY)
    assert answer.json()["totals"]["volumeKg"] == 300

    preferences = {"timeZone": "Europe/Berlin"}
    moved = await http.patch("/api/v1/users/me/preferences", json=preferences, headers=headers)
    token = moved.headers["x-consistency-token"]
    answer = await read(http, f"{ANALYTICS}/training", headers, token, **DAY)
    assert (answer.json()["totals"]["workouts"], answer.json()["timeZone"]) == (0, "Europe/Berlin")


@pytest.mark.parametrize("profile", ["embedded"], indirect=True, scope="session")
async def test_the_platform_is_counted(http: httpx.AsyncClient, stack: Stack, token: Callable[..., str]) -> None:
    person, admin = bearer(stack.token(email=f"{uuid.uuid4().hex}@example.org")), bearer(token("admin"))
    path, asked = "/api/v1/admin/analytics/activity", {"fromDate": "2026-11-20", "toDate": "2026-11-20"}
    before = (await http.get(path, params=asked, headers=admin)).json()["periods"][0]
    await created(http, person, 5)
    async with asyncio.timeout(20):
        while (await http.get(path, params=asked, headers=admin)).json()["periods"][0] == before:
            await asyncio.sleep(0.2)
    assert (await http.get(path, params=asked, headers=person)).status_code == 403


@pytest.mark.parametrize("profile", ["embedded"], indirect=True, scope="session")
async def test_bad_input(http: httpx.AsyncClient, stack: Stack) -> None:
    headers = bearer(stack.token(email=f"{uuid.uuid4().hex}@example.org"))
    for params, reason, field in (
        ({"fromDate": "2026-02-02", "toDate": "2026-02-01"}, "DATE_RANGE_INVALID", "fromDate"),
        ({"fromDate": "2010-01-01"}, "DATE_RANGE_TOO_LONG", "fromDate"),
        ({"fromDate": "2026-02-30"}, "INVALID_REQUEST", "fromDate"),
    ):
        answer = await http.get(f"{ANALYTICS}/training", params=params, headers=headers)
        assert answer.status_code == 400
        details = answer.json()["details"]
        assert details[0]["reason"] == reason
        assert details[1]["fieldViolations"][0]["field"] == field
