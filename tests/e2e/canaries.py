"""Where in a running stack a piece of text is found: the written list of stores that an erasure has to reach.

docs/operations.md, "Erasing a person", has the same list in words.
"""

import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import asyncpg
from redis.asyncio import Redis

from embedded.home import Home
from embedded.servers import plan
from embedded.valkey import Valkey
from tests.stack.keeper import start

TABLES = """
    SELECT format('%I.%I', n.nspname, c.relname) FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
    WHERE c.relkind IN ('r', 'p', 'm') AND NOT c.relispartition AND n.nspname !~ '^(pg_|information_schema$)'
    ORDER BY 1
"""
SAMPLES = """
    SELECT format('statistics of %s.%s.%s', schemaname, tablename, attname) FROM pg_stats
    WHERE concat(most_common_vals, histogram_bounds, most_common_elems) ~ $1 OR
        concat(most_common_vals, histogram_bounds, most_common_elems) ~ $2
"""


async def places(home: Path, text: str) -> list[str]:
    """Every place of the stack in this state folder where the text stands, plain or as bytes in hexadecimal."""
    servers = plan(Home(home), {})
    owner = await asyncpg.connect(servers.owner_url)
    redis = Redis.from_url(servers.redis.url)
    try:
        return [
            *[place async for place in _in_database(owner, text)],
            *[f"key {key}" async for key in _in_redis(redis, text.encode())],
            *_in_files(Home(home), text.encode()),
            *[f"append-only file, key {key}" async for key in _in_append_only_file(Home(home), text.encode())],
        ]
    finally:
        await owner.close()
        await redis.aclose()


async def _in_database(owner: Any, text: str) -> AsyncIterator[str]:
    """A row as text has all its columns, bytes among them in hexadecimal."""
    as_bytes = text.encode().hex()
    for (table,) in await owner.fetch(TABLES):
        found = f"SELECT count(*) FROM {table} AS t WHERE position($1 IN t::text) > 0 OR position($2 IN t::text) > 0"
        if count := await owner.fetchval(found, text, as_bytes):
            yield f"{count} rows of {table}"
    for (sample,) in await owner.fetch(SAMPLES, text, as_bytes):
        yield sample


async def _in_redis(redis: Any, text: bytes) -> AsyncIterator[str]:
    async for key in redis.scan_iter(count=1000):
        kind = await redis.type(key)
        if kind == b"stream":
            values: list[Any] = await redis.xrange(key)
        elif kind == b"hash":
            values = await redis.hgetall(key)
        elif kind == b"zset":
            values = await redis.zrange(key, 0, -1, withscores=True)
        elif kind == b"set":
            values = await redis.smembers(key)
        elif kind == b"list":
            values = await redis.lrange(key, 0, -1)
        else:
            assert kind == b"string", f"a kind of key that this scan doesn't know: {kind}"
            values = [await redis.get(key)]
        if _holds([key, values], text):
            yield key.decode()


def _holds(value: Any, text: bytes) -> bool:
    if isinstance(value, bytes):
        return text in value
    if isinstance(value, dict):
        return any(_holds(each, text) for pair in value.items() for each in pair)
    return isinstance(value, list | tuple | set) and any(_holds(each, text) for each in value)


def _in_files(home: Home, text: bytes) -> Iterator[str]:
    """All files of the state folder, as logs and checkpoints, but those of PostgreSQL, which is asked itself."""
    for file in sorted(home.root.rglob("*")):
        if file.is_file() and not file.is_relative_to(home.data / "postgresql") and text in file.read_bytes():
            yield f"file {file.relative_to(home.root)}"


async def _in_append_only_file(home: Home, text: bytes) -> AsyncIterator[str]:
    """What another server finds in the files: they are compressed in part."""
    with tempfile.TemporaryDirectory(prefix="fh-") as folder:
        copy = Valkey(Path(folder) / "data", Path(folder))
        shutil.copytree(home.data / "valkey", copy.data)
        copy.prepare()
        process = start(copy.command())
        redis = Redis.from_url(copy.url)
        try:
            await copy.wait_ready()
            async for key in _in_redis(redis, text):
                yield key
        finally:
            await redis.aclose()
            process.terminate()
            process.wait()
