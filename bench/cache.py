"""What the cache saves SearchExercises: hits, misses, searches with Redis away, and a stampede.

`make bench-cache` runs it and writes its section of docs/performance.md.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from statistics import median

import uvloop
from fitnesshub.workout.v1.exercise_pb2 import EXERCISE_CATEGORY_STRENGTH, EXERCISE_LEVEL_BEGINNER, Exercise, Muscle
from fitnesshub.workout.v1.exercise_service_pb2 import SearchExercisesRequest

from bench.report import machine, publish, table
from bench.servers import Servers, servers
from chassis import redis_client
from chassis.cache import Cache
from chassis.call import Call
from chassis.clock import SystemClock, SystemIds
from chassis.db import Database
from chassis.pages import PageTokens
from chassis.tokens import make_secrets
from services.workout.api.catalogue_upkeep import CatalogueUpkeep
from services.workout.api.exercise_search import ExerciseSearch
from services.workout.store.exercise_writes import StoredExercise, create_exercises

SIZES = (0, 20_000)
"""Exercises beside our own catalogue."""
QUERIES = ("curl", "bench press", "sqat")
MUSCLES = Muscle.values()[1:]
ROUNDS = 40
CALLERS = 100
NOWHERE = "unix:///nowhere/valkey.sock"
COMMAND = "make bench-cache"


def search_of(db: Database, cache: Cache) -> Callable[[str], Awaitable[object]]:
    """Asks as a caller without exercises of their own does, past the pipeline."""
    search = ExerciseSearch(db, cache, PageTokens(bytes(32)))
    return lambda query: search.run(SearchExercisesRequest(query=query), Call("/x"))


async def timed(work: Callable[[], Awaitable[object]]) -> float:
    """Median of the rounds, in milliseconds."""
    took = []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        await work()
        took.append((time.perf_counter() - began) * 1e3)
    return median(took)


async def one_size(at: Servers, db: Database, count: int) -> list[list[str]]:
    """A row for each query: without a cache, missed, hit, and with Redis away."""
    redis = redis_client.connect(at.redis_url)
    plain = search_of(db, Cache(redis_client.connect(NOWHERE), "away"))
    cached = search_of(db, Cache(redis, "bench"))
    rows = []
    for query in QUERIES:

        async def miss(query: str = query) -> None:
            await redis.flushdb()
            await cached(query)

        await plain(query)
        away, missed = await timed(lambda: plain(query)), await timed(miss)  # noqa: B023 - done before the next
        hit = await timed(lambda: cached(query))  # noqa: B023 - as above
        rows.append([f"{count:,}", f"`{query}`", f"{away:.1f}", f"{missed:.1f}", f"{hit:.1f}", f"{away / hit:.1f}"])
    await redis.aclose()
    return rows


async def stampede(at: Servers, db: Database) -> str:
    """How many loads so many callers cost who want the same at once, after it was changed."""
    redis = redis_client.connect(at.redis_url)
    await redis.flushdb()
    cache = Cache(redis, "stampede", timeout=5)
    search = search_of(db, cache)
    began = time.perf_counter()
    await asyncio.gather(*(search("sqat") for _ in range(CALLERS)))
    took = (time.perf_counter() - began) * 1e3
    await redis.aclose()
    plain = search_of(db, Cache(redis_client.connect(NOWHERE), "alone"))
    alone = await timed(lambda: plain("sqat"))
    return (
        f"{CALLERS} callers at once for a key that isn't there: {cache.misses} load, {cache.shared} shared it,"
        f" {cache.hits} hits; all answered in {took:.0f} ms (one alone takes {alone:.0f})."
    )


async def fill(db: Database, count: int) -> None:
    """Adds exercises whose names share words with each other and with the catalogue."""
    first, second = (
        ("Cable", "Dumbbell", "Machine", "Band", "Smith"),
        ("Curl", "Press", "Squat", "Row", "Raise", "Pull"),
    )
    ids, now = SystemIds(), SystemClock().now()
    for start in range(0, count, 500):
        made = []
        for number in range(start, start + 500):
            name = f"{first[number % 5]} {second[number % 6]} Variation {number}"
            exercise = Exercise(
                id=ids.new(),
                name=name,
                source="bench",
                source_id=str(number),
                category=EXERCISE_CATEGORY_STRENGTH,
                level=EXERCISE_LEVEL_BEGINNER,
                primary_muscles=[MUSCLES[number % len(MUSCLES)]],
            )
            exercise.create_time.FromDatetime(now)
            exercise.update_time.FromDatetime(now)
            made.append(StoredExercise(exercise, 1))
        async with db.write() as tx:
            await create_exercises(tx, made)


async def run() -> str:
    """Measures everything; returns the section's text."""
    kind = machine()
    rows: list[list[str]] = []
    async with servers() as at:
        make_secrets(at.database.secrets, ["workout"])
        await at.database.migrate(["workout"])
        db = at.database.connect("workout")
        await db.open()
        catalogue = await CatalogueUpkeep(db, SystemClock(), SystemIds()).keep()
        for more in SIZES:
            await fill(db, more)
            rows += await one_size(at, db, catalogue + more)
        rush = await stampede(at, db)
        await db.close()
    head = ["exercises", "query", "Redis away, ms", "miss, ms", "hit, ms", "saved"]
    return f"`{COMMAND}` on {kind}:\n\n{table(head, rows)}\n\n{rush}"


if __name__ == "__main__":
    section = uvloop.run(run())
    print(section)
    publish("cache", section)
