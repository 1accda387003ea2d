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
SQUAT = "e64abac6-b9bf-5434-abef-943cb9ee8604"
"""Ids of our catalogue are the same on every installation."""


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


async def test_our_own_catalogue_is_there_without_a_command(http: httpx.AsyncClient) -> None:
    async with asyncio.timeout(10):
        while (answer := await http.get(f"{EXERCISES}/{SQUAT}")).status_code == 404:
            await asyncio.sleep(0.1)

    assert answer.status_code == 200, answer.text
    squat = answer.json()
    assert (squat["name"], squat["source"], squat["sourceId"]) == (
        "Barbell Back Squat",
        "fitnesshub",
        "barbell-back-squat",
    )
    names = {each["language"]: each["name"] for each in squat["translations"]}
    assert names["de"] == "Kniebeuge mit Langhantel"
    assert (squat["met"], squat["metSource"]) == (5.0, "2024:02052")


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


async def test_filters_narrow_the_list(http: httpx.AsyncClient, admin: dict[str, str]) -> None:
    source = f"e2e-{uuid.uuid4().hex}"
    rows = [row("a", name="Filtered A"), row("b", name="Filtered B", secondaryMuscles=["MUSCLE_NECK"])]
    assert (await http.post(IMPORT, json={"source": source, "exercises": rows}, headers=admin)).status_code == 200

    asked = {"muscle": "MUSCLE_NECK", "category": "EXERCISE_CATEGORY_CARDIO", "level": "EXERCISE_LEVEL_EXPERT"}
    answer = await http.get(EXERCISES, params=asked | {"pageSize": 100})

    assert answer.status_code == 200, answer.text
    exercises = answer.json()["exercises"]
    assert "Filtered B" in [each["name"] for each in exercises]
    assert all("MUSCLE_NECK" in each["primaryMuscles"] + each["secondaryMuscles"] for each in exercises)
    assert (await http.get(EXERCISES, params={"muscle": "MUSCLE_TAIL"})).status_code == 400


async def test_search_finds_in_spite_of_typing_errors_and_in_german(http: httpx.AsyncClient) -> None:
    async with asyncio.timeout(10):
        while (await http.get(f"{EXERCISES}/{SQUAT}")).status_code == 404:
            await asyncio.sleep(0.1)

    async def best(**asked: str) -> dict[str, Any]:
        answer = await http.get(f"{EXERCISES}:search", params=asked)
        assert answer.status_code == 200, answer.text
        match: dict[str, Any] = answer.json()["matches"][0]
        return match

    assert (await best(query="barbell back squat"))["exercise"]["id"] == SQUAT
    assert (await best(query="barbel back sqaut"))["exercise"]["id"] == SQUAT
    german = await best(query="kniebeuge mit langhantel", language="de")
    assert (german["exercise"]["id"], german["exercise"]["displayName"]) == (SQUAT, "Kniebeuge mit Langhantel")
    assert german["score"] >= 3

    refused = await http.get(f"{EXERCISES}:search")
    assert (refused.status_code, refused.json()["details"][0]["reason"]) == (400, "INVALID_REQUEST")


async def test_the_life_of_an_own_exercise(http: httpx.AsyncClient, token: Callable[..., str]) -> None:
    email = f"{uuid.uuid4().hex}@e2e.fitnesshub.dev"
    owner = {"authorization": f"Bearer {await asyncio.to_thread(token, 'member', email)}"}
    sent = row("", name="Towel Curl")
    del sent["sourceId"]

    made = await http.post(EXERCISES, json=sent, headers=owner)
    assert made.status_code == 201, made.text
    exercise = made.json()
    path = f"{EXERCISES}/{exercise['id']}"
    assert (await http.get(path)).status_code == 404
    assert (await http.get(path, headers=owner)).json() == exercise
    again = await http.post(EXERCISES, json=sent, headers=owner)
    assert (again.status_code, again.json()["details"][0]["reason"]) == (409, "EXERCISE_ALREADY_EXISTS")
    own = await http.get(EXERCISES, params={"own": True}, headers=owner)
    assert [each["id"] for each in own.json()["exercises"]] == [exercise["id"]]
    assert (await http.get(EXERCISES, params={"own": True})).status_code == 401

    changed = await http.patch(path, json={"name": "Rope Curl"}, headers=owner | {"if-match": f'"{exercise["etag"]}"'})
    assert (changed.status_code, changed.json()["name"]) == (200, "Rope Curl")
    stale = await http.patch(path, json={"name": "x"}, headers=owner | {"if-match": f'"{exercise["etag"]}"'})
    assert (stale.status_code, stale.json()["details"][0]["reason"]) == (412, "EXERCISE_ETAG_MISMATCH")
    said = await http.patch(path, json={"name": "x", "etag": exercise["etag"]}, headers=owner)
    assert (said.status_code, said.json()["details"][0]["reason"]) == (412, "EXERCISE_ETAG_MISMATCH")
    library = await http.patch(f"{EXERCISES}/{SQUAT}", json={"name": "x"}, headers=owner)
    assert (library.status_code, library.json()["details"][0]["reason"]) == (403, "EXERCISE_NOT_YOURS")

    assert (await http.delete(path, headers=owner)).status_code == 204
    assert (await http.get(path, headers=owner)).status_code == 404


async def test_a_deleted_exercise_leaves_a_tombstone(http: httpx.AsyncClient, admin: dict[str, str]) -> None:
    content = {"source": f"e2e-{uuid.uuid4().hex}", "exercises": [row("a"), row("b")]}
    outcomes = (await http.post(IMPORT, json=content, headers=admin)).json()["outcomes"]
    gone, left = (each["exerciseId"] for each in outcomes)
    since = (await http.get(f"{EXERCISES}/{gone}")).json()["createTime"]

    deleted = await http.delete(f"{EXERCISES}/{gone}", params={"replacedBy": left}, headers=admin)

    assert deleted.status_code == 204, deleted.text
    assert (await http.get(f"{EXERCISES}/{gone}")).json()["details"][0]["metadata"] == {
        "exerciseId": gone,
        "replacedBy": left,
    }
    answer = await http.get(f"{EXERCISES}:tombstones", params={"deleteTimeFrom": since, "pageSize": 100})
    assert answer.status_code == 200, answer.text
    tombstones = {each["exerciseId"]: each["replacedBy"] for each in answer.json()["tombstones"]}
    assert tombstones[gone] == left


async def test_the_library_is_downloaded_and_not_sent_twice(http: httpx.AsyncClient, admin: dict[str, str]) -> None:
    content = {"source": f"e2e-{uuid.uuid4().hex}", "exercises": [row("a")]}
    [outcome] = (await http.post(IMPORT, json=content, headers=admin)).json()["outcomes"]
    one = (await http.get(f"{EXERCISES}/{outcome['exerciseId']}")).json()

    # Others change the library meanwhile: what is asked again is compared with what was got.
    size = 0
    for encoding in ("identity", "gzip", "br"):
        async with asyncio.timeout(30):
            while True:
                got = await http.get(f"{EXERCISES}:download", headers={"accept-encoding": encoding})
                assert got.status_code == 200, got.text
                again = await http.get(
                    f"{EXERCISES}:download", headers={"accept-encoding": encoding, "if-none-match": got.headers["etag"]}
                )
                if again.status_code == 304:
                    break
        assert again.content == b""
        assert got.headers.get("content-encoding", "identity") == encoding
        assert got.headers["content-type"] == "application/json"
        assert got.headers["cache-control"] == "public, no-cache"
        assert again.headers["etag"].removeprefix("W/") == got.headers["etag"].removeprefix("W/")
        if encoding == "br":  # no decoder here
            assert len(got.content) < size / 4
        else:
            assert one in got.json()["exercises"]
            size = max(size, len(got.content))
