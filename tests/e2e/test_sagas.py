"""ListSagas, ListOwnSagas and RetrySaga through the edge, in both profiles: what follows a workout can be seen."""

import asyncio
import uuid
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from tests.e2e.stack import Stack


def bearer(token: str) -> dict[str, str]:
    return {"authorization": f"Bearer {token}"}


async def own_sagas(http: httpx.AsyncClient, token: str, count: int) -> list[dict[str, Any]]:
    """The caller's sagas, once there are so many and each was tried."""
    async with asyncio.timeout(15):
        while True:
            answer = await http.get("/api/v1/users/me/sagas", headers=bearer(token))
            sagas: list[dict[str, Any]] = answer.json()["sagas"]
            if len(sagas) == count and all(
                each["status"] != "SAGA_STATUS_RUNNING" or each["trouble"] for each in sagas
            ):
                return sagas
            await asyncio.sleep(0.1)


@pytest.mark.parametrize("profile", ["embedded", "split"], indirect=True, scope="session")
async def test_what_follows_a_workout_can_be_seen(
    http: httpx.AsyncClient, token: Callable[..., str], stack: Stack
) -> None:
    person = stack.token(email=f"{uuid.uuid4().hex}@example.org")
    workout = {"title": "Legs", "startTime": "2026-11-20T17:00:00Z", "sets": []}
    made = [(await http.post("/api/v1/workouts", json=workout, headers=bearer(person))).json()["id"] for _ in range(2)]
    sagas = await own_sagas(http, person, 2)
    assert [saga["key"] for saga in sagas] == [f"{made[1]}/1", f"{made[0]}/1"]
    assert {(saga["service"], saga["kind"], saga["status"]) for saga in sagas} == {
        ("workout", "workout_creation", "SAGA_STATUS_DONE")
    }
    assert all(saga.keys().isdisjoint(("data", "problem", "attempts")) for saga in sagas)

    admin = bearer(token("admin"))
    listed = await http.get("/api/v1/admin/sagas", params={"key": f"{made[0]}/1"}, headers=admin)
    assert (listed.json()["nextPageToken"], listed.json()["missingServices"]) == ("", [])
    (seen,) = listed.json()["sagas"]
    assert (seen["id"], seen["data"]["statsState"], seen["problem"]) == (sagas[1]["id"], "updated", "")
    refused = await http.get("/api/v1/admin/sagas", headers=bearer(person))
    assert refused.status_code == 403
    retried = await http.post(f"/api/v1/admin/sagas/{sagas[0]['id']}:retry", json={}, headers=admin)
    assert (retried.status_code, retried.json()["details"][0]["reason"]) == (400, "SAGA_DONE")
    unknown = await http.post(f"/api/v1/admin/sagas/{uuid.uuid4()}:retry", json={}, headers=admin)
    assert (unknown.status_code, unknown.json()["details"][0]["reason"]) == (404, "SAGA_NOT_FOUND")
