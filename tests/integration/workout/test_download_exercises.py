"""DownloadExercises."""

import asyncio
import json

import pytest
from fitnesshub.workout.v1.exercise_pb2 import Exercise
from google.protobuf.json_format import ParseDict

from services.workout.api import exercise_download
from tests.integration.workout.exercises import BadToken, Download, create, delete, every, own_exercise, update
from tests.integration.workout.turns import Turns
from tests.integration.workout.world import Athlete, Importer, Visitor, World, new_exercise


@pytest.fixture
def admin(world: World) -> Athlete:
    """An administrator."""
    return Athlete(world, roles=("admin",))


@pytest.fixture
async def ids(world: World, importer: Importer) -> list[str]:
    """A library of three."""
    await world.clear()
    outcomes = await importer.run([new_exercise(each, f"Üb {each}") for each in "abc"])
    return [outcome.exercise_id for outcome in outcomes]


async def test_the_whole_library_as_json(visitor: Visitor, ada: Athlete, ids: list[str]) -> None:
    await create(ada, own_exercise())
    download = Download(visitor)

    content = json.loads(await download.read())

    assert list(content) == ["exercises"]
    stored = sorted(await every(visitor), key=lambda each: each.id)
    assert [ParseDict(each, Exercise()) for each in content["exercises"]] == stored
    assert len(stored) == 3
    assert download.parts[0].content_type == "application/json"
    assert download.headers["cache-control"] == "public, no-cache"
    assert "x-http-code" not in download.headers


async def test_in_parts(visitor: Visitor, ids: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exercise_download, "PART_BYTES", 100)
    download = Download(visitor)

    assert len(json.loads(await download.read())["exercises"]) == 3
    assert len(download.parts) > 10


@pytest.mark.parametrize("form", ["{}", "W/{}", '"x", {}', "*"])
async def test_who_has_it_is_not_sent_it(visitor: Visitor, ids: list[str], form: str) -> None:
    first = Download(visitor)
    await first.read()
    again = Download(visitor, if_none_match=form.format(first.headers["etag"]))

    assert await again.read() == b""

    assert again.headers["etag"] == first.headers["etag"]
    assert again.headers["x-http-code"] == "304"


async def test_every_change_of_the_library_changes_the_etag(
    visitor: Visitor, ada: Athlete, admin: Athlete, importer: Importer, ids: list[str]
) -> None:
    seen = [await etag(visitor)]

    await update(admin, ids[0], Exercise(name="Other"))
    seen.append(await etag(visitor))
    await delete(admin, ids[1])
    seen.append(await etag(visitor))
    await importer.run([new_exercise("d")])
    seen.append(await etag(visitor))
    assert len(set(seen)) == 4

    made = await create(ada, own_exercise())
    await delete(ada, made.id)
    assert await etag(visitor) == seen[-1]


async def test_it_is_made_once_for_a_version(
    visitor: Visitor, admin: Athlete, world: World, ids: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    printed = 0
    real = exercise_download._print

    def count(wire: bytes) -> bytes:
        nonlocal printed
        printed += 1
        return real(wire)

    monkeypatch.setattr(exercise_download, "_print", count)
    await update(admin, ids[0], Exercise(name="New version"))

    documents = await asyncio.gather(*(Download(visitor).read() for _ in range(5)))

    assert len(set(documents)) == 1
    assert printed == 3


async def test_a_large_library_lets_other_calls_have_their_turn(
    visitor: Visitor, world: World, importer: Importer, turns: Turns
) -> None:
    await world.clear()
    await importer.run([new_exercise(str(number)) for number in range(300)])
    turns.watch(exercise_download, "_print")

    await turns.during(Download(visitor).read())

    assert turns.most == {"_print": exercise_download.AT_ONCE}


async def test_a_bad_token_does_not_matter(world: World, ids: list[str]) -> None:
    assert len(json.loads(await Download(BadToken(world)).read())["exercises"]) == 3


async def etag(visitor: Visitor) -> str:
    download = Download(visitor)
    await download.read()
    return download.headers["etag"]
