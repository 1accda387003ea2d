"""The exercise library over REST, as a client sees it: through Envoy, with its real policies."""

import asyncio
import uuid
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from chassis.clock import SystemIds

EXERCISES = "/api/v1/exercises"
IMPORT = f"{EXERCISES}:import"


@pytest.fixture
async def admin(token: Callable[..., str]) -> dict[str, str]:
    return {"authorization": f"Bearer {await asyncio.to_thread(token, 'admin')}"}


def row(source_id: str, **fields: Any) -> dict[str, Any]:
    return {
        "sourceId": source_id,
        "name": f"Exercise {source_id}",
        "category": "EXERCISE_CATEGORY_CARDIO",
        "level": "EXERCISE_LEVEL_EXPERT",
        "primaryMuscles": ["MUSCLE_CALVES", "MUSCLE_GLUTES"],
        "instructions": ["Start.", "Stop."],
        **fields,
    }


async def test_what_an_admin_imports_everybody_reads(http: httpx.AsyncClient, admin: dict[str, str]) -> None:
    source = f"e2e-{uuid.uuid4().hex}"
    content: dict[str, Any] = {"source": source}
    content["exercises"] = [row("a"), row("b", level="EXERCISE_LEVEL_UNSPECIFIED"), row("c")]

    answer = await http.post(IMPORT, json=content, headers=admin)

    assert answer.status_code == 200, answer.text
    outcomes = answer.json()["outcomes"]
    assert [(each["sourceId"], each["result"].removeprefix("IMPORT_RESULT_")) for each in outcomes] == [
        ("a", "CREATED"),
        ("b", "REFUSED"),
        ("c", "CREATED"),
    ]
    assert outcomes[1]["problems"] == ["level: is required"]
    got = await http.get(f"{EXERCISES}/{outcomes[2]['exerciseId']}")
    assert got.status_code == 200, got.text
    assert got.json().items() >= row("c", source=source, id=outcomes[2]["exerciseId"]).items()

    again = await http.post(
        IMPORT, json={"source": source, "exercises": [row("a"), row("c", name="New")]}, headers=admin
    )
    assert [each["result"] for each in again.json()["outcomes"]] == ["IMPORT_RESULT_UNCHANGED", "IMPORT_RESULT_UPDATED"]


async def test_members_and_visitors_do_not_import(http: httpx.AsyncClient, token: Callable[..., str]) -> None:
    content = {"source": "e2e-forbidden", "exercises": [row("a")]}
    member = {"authorization": f"Bearer {await asyncio.to_thread(token, 'member')}"}

    assert (await http.post(IMPORT, json=content)).status_code == 401
    assert (await http.post(IMPORT, json=content, headers=member)).status_code == 403


async def test_the_library_is_listed_by_name(http: httpx.AsyncClient, admin: dict[str, str]) -> None:
    source = f"e2e-{uuid.uuid4().hex}"
    content = {"source": source, "exercises": [row(str(number)) for number in range(30)]}
    assert (await http.post(IMPORT, json=content, headers=admin)).status_code == 200

    names: list[str] = []
    token = ""
    while token or not names:
        page = await http.get(EXERCISES, params={"pageSize": 25, "pageToken": token}, headers=admin)
        assert page.status_code == 200, page.text
        names += [each["name"] for each in page.json()["exercises"]]
        token = page.json().get("nextPageToken", "")

    assert len(names) >= 30
    assert names == sorted(names)


async def test_an_exercise_that_is_not_there(http: httpx.AsyncClient) -> None:
    missing = SystemIds().new()

    answer = await http.get(f"{EXERCISES}/{missing}")

    assert answer.status_code == 404
    assert answer.json()["details"][0]["reason"] == "EXERCISE_NOT_FOUND"
    assert answer.json()["details"][0]["metadata"] == {"exerciseId": missing}
