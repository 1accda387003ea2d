"""Searches from the cache are what they would be without it: after every change, for everybody, without Redis too."""

import asyncio
import shutil
import signal
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from fitnesshub.workout.v1.exercise_service_pb2 import SearchExercisesRequest, SearchExercisesResponse

from chassis import redis_client
from chassis.cache import Cache
from chassis.call import Call
from chassis.pages import PageTokens
from embedded.valkey import Valkey
from services.workout.api.exercise_search import ExerciseSearch
from services.workout.store.exercise_library import library_revision
from tests.integration.workout.exercises import create, delete, found, own_exercise
from tests.integration.workout.world import Athlete, Importer, Visitor, World, new_exercise
from tests.stack.keeper import start
from tests.stack.waiting import until

NAMES = ["Zork Press", "Incline Zork Press", "Zorking"]
"""In the order in which a search for `zork` finds them."""


@pytest.fixture
async def library(world: World, importer: Importer) -> None:
    """Nothing but these."""
    await world.clear()
    await importer.run([new_exercise(name, name) for name in NAMES])


class Kept:
    """A search on a cache that is looked into."""

    def __init__(self, world: World, redis_url: str) -> None:
        self.redis = redis_client.connect(redis_url)
        self.cache = Cache(self.redis, f"search-{world.new_id()}", timeout=5)
        self._search = ExerciseSearch(world.db, self.cache, PageTokens(bytes(32)))

    async def names(self, query: str, language: str = "") -> list[str]:
        wire = await self._search.run(SearchExercisesRequest(query=query, language=language), Call("/x"))
        return [each.exercise.name for each in SearchExercisesResponse.FromString(wire.data).matches]


@pytest.fixture
async def kept(world: World, redis_url: str) -> AsyncIterator[Kept]:
    made = Kept(world, redis_url)
    yield made
    await made.redis.aclose()


async def test_the_same_again_comes_from_the_cache(kept: Kept, library: None) -> None:
    assert await kept.names("zork") == await kept.names("ZORK ") == NAMES
    assert (kept.cache.misses, kept.cache.hits) == (1, 1)
    await kept.names("zork", language="de")
    await kept.names("zrok")
    assert (kept.cache.misses, kept.cache.hits) == (3, 1)


async def test_callers_who_want_the_same_share_one_load(kept: Kept, library: None) -> None:
    answers = await asyncio.gather(*(kept.names("zork") for _ in range(100)))
    assert answers == [answers[0]] * 100
    assert kept.cache.misses == 1
    assert kept.cache.shared + kept.cache.hits == 99


async def test_every_change_of_the_library_shows_at_once(
    world: World, kept: Kept, importer: Importer, library: None
) -> None:
    async def names() -> set[str]:
        first = await kept.names("zork")
        assert await kept.names("zork") == first
        return set(first)

    assert await names() == set(NAMES)
    [made] = await importer.run([new_exercise("new", "New Zork")])
    assert await names() == {*NAMES, "New Zork"}
    await importer.run([new_exercise("new", "Newer Zork")])
    assert await names() == {*NAMES, "Newer Zork"}
    await delete(Athlete(world, roles=("admin",)), made.exercise_id)
    assert await names() == set(NAMES)


async def test_what_is_derived_anew_is_a_change(world: World, library: None) -> None:
    before = await library_revision(world.db)
    await world.owner_rows("UPDATE workout.exercises SET terms = terms WHERE name = $1", NAMES[0])
    assert await library_revision(world.db) != before


async def test_own_exercises_are_nobody_elses_and_no_change_of_the_library(
    world: World, ada: Athlete, visitor: Visitor, library: None
) -> None:
    before = await library_revision(world.db)
    assert "My Zork" not in await found(ada, "zork")
    mine = await create(ada, own_exercise("My Zork"))
    assert "My Zork" in await found(ada, "zork")
    assert "My Zork" not in await found(visitor, "zork")
    assert await library_revision(world.db) == before
    await delete(ada, mine.id)
    assert "My Zork" not in await found(ada, "zork")


async def test_redis_stops_in_mid_traffic(world: World, library: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("chassis.cache.REST", (0.1, 0.4))
    folder = Path(tempfile.mkdtemp(prefix="fh-"))
    valkey = Valkey(folder / "data", folder)
    valkey.prepare()
    process = start(valkey.command())
    kept = Kept(world, valkey.url)
    kept.cache._timeout = 0.1  # as in life
    answered = 0

    async def traffic() -> None:
        nonlocal answered
        while True:
            assert await kept.names("zork") == NAMES
            answered += 1

    async def more(kind: str) -> None:
        before = getattr(kept.cache, kind)
        await until(lambda: getattr(kept.cache, kind) >= before + 20 or any(user.done() for user in users), timeout=30)

    await valkey.wait_ready()
    users = [asyncio.create_task(traffic()) for _ in range(5)]
    try:
        await more("hits")
        process.send_signal(signal.SIGTERM)
        process.wait()
        await more("skipped")
        process = start(valkey.command())
        await more("hits")
        process.send_signal(signal.SIGSTOP)
        await more("skipped")
        process.send_signal(signal.SIGCONT)
        await more("hits")
    finally:
        for user in users:
            user.cancel()
        results = await asyncio.gather(*users, return_exceptions=True)
        process.kill()
        process.wait()
        await kept.redis.aclose()
        shutil.rmtree(folder)
    assert all(isinstance(each, asyncio.CancelledError) for each in results), results
    assert answered > 80
