"""The bus on Redis Streams: a stream a source, a consumer group a reader, a stream of dead letters a group."""

import time
from collections.abc import Callable, Coroutine, Sequence
from functools import wraps
from typing import Any, Concatenate, ParamSpec, TypeVar
from uuid import uuid4

from redis.asyncio import Redis
from redis.exceptions import RedisError, ResponseError

from chassis.events.bus import BusError, DeadLetter, Delivery, Generation, GroupLag

STREAM = "fitnesshub:events:"
DEAD = "fitnesshub:dead-letters:"
REVIVED = "fitnesshub:revived:"
"""A group's own log of events that it is given again; it is read like the log of a source."""
EPOCH = "fitnesshub:events-epoch"
_EVENT = b"event"
_BEGINNING = "0"

P = ParamSpec("P")
R = TypeVar("R")
_Method = Callable[Concatenate["RedisBus", P], Coroutine[Any, Any, R]]


def _translated(method: _Method[P, R]) -> _Method[P, R]:
    """Redis's errors as BusError."""

    @wraps(method)
    async def run(self: "RedisBus", /, *arguments: P.args, **named: P.kwargs) -> R:
        try:
            return await method(self, *arguments, **named)
        except (RedisError, OSError) as error:
            raise BusError(f"{method.__name__}: {type(error).__name__}: {error}") from error

    return run


class RedisBus:
    """A `chassis.events.bus.Bus`.

    The client must wait for answers longer than any `wait` of `fetch`, and give bytes.
    """

    def __init__(self, redis: Redis) -> None:
        # redis-py's annotations allow for text and for both of its protocols everywhere.
        self._redis: Any = redis

    @_translated
    async def generation(self) -> Generation:
        async with self._redis.pipeline(transaction=False) as pipeline:
            pipeline.set(EPOCH, uuid4().hex, nx=True)
            pipeline.get(EPOCH)
            pipeline.info("server")
            _, epoch, server = await pipeline.execute()
        return Generation(epoch.decode(), str(server["run_id"]))

    @_translated
    async def append(self, source: str, events: Sequence[bytes]) -> None:
        async with self._redis.pipeline(transaction=False) as pipeline:
            for event in events:
                pipeline.xadd(STREAM + source, {_EVENT: event})
            await pipeline.execute()

    @_translated
    async def length(self, source: str) -> int:
        return int(await self._redis.xlen(STREAM + source))

    @_translated
    async def join(self, group: str, sources: Sequence[str]) -> None:
        for stream in self._streams(group, sources):
            try:
                await self._redis.xgroup_create(stream, group, _BEGINNING, mkstream=True)
            except ResponseError as error:
                if "BUSYGROUP" not in str(error):
                    raise

    @_translated
    async def fetch(
        self, group: str, consumer: str, sources: Sequence[str], *, count: int, wait: float
    ) -> list[Delivery]:
        streams: Any = dict.fromkeys(self._streams(group, sources), ">")
        answer = await self._redis.xreadgroup(group, consumer, streams, count=count, block=max(1, round(wait * 1000)))
        return [
            Delivery(_source(stream.decode()), position.decode(), fields[_EVENT])
            for stream, entries in _pairs(answer)
            for position, fields in entries
        ]

    @_translated
    async def reclaim(
        self, group: str, consumer: str, sources: Sequence[str], *, idle: float, count: int
    ) -> list[Delivery]:
        found: list[Delivery] = []
        least = round(idle * 1000)
        for stream in self._streams(group, sources):
            pending = await self._redis.xpending_range(stream, group, "-", "+", count, idle=least)
            if not pending:
                continue
            times = {each["message_id"]: each["times_delivered"] for each in pending}
            # Only what is idle still: another consumer may have been faster.
            for position, fields in await self._redis.xclaim(stream, group, consumer, least, list(times)):
                if fields:
                    data = fields[_EVENT]
                    found.append(Delivery(_source(stream), position.decode(), data, int(times[position]) + 1))
        return found

    @_translated
    async def acknowledge(self, group: str, deliveries: Sequence[Delivery]) -> None:
        by_stream: dict[str, list[str]] = {}
        for delivery in deliveries:
            by_stream.setdefault(_stream(delivery.source, group), []).append(delivery.position)
        async with self._redis.pipeline(transaction=False) as pipeline:
            for stream, positions in by_stream.items():
                pipeline.xack(stream, group, *positions)
            await pipeline.execute()

    @_translated
    async def bury(self, group: str, delivery: Delivery, reason: str) -> None:
        letter: Any = {_EVENT: delivery.data, "source": delivery.source, "reason": reason, "time": repr(time.time())}
        async with self._redis.pipeline(transaction=True) as pipeline:
            pipeline.xadd(DEAD + group, letter)
            pipeline.xack(_stream(delivery.source, group), group, delivery.position)
            await pipeline.execute()

    @_translated
    async def dead_letters(self, group: str, *, after: str = "", count: int = 100) -> list[DeadLetter]:
        entries = await self._redis.xrange(DEAD + group, f"({after}" if after else "-", "+", count)
        return [
            DeadLetter(
                position=position.decode(),
                source=fields[b"source"].decode(),
                data=fields[_EVENT],
                reason=fields[b"reason"].decode(),
                time=float(fields[b"time"]),
            )
            for position, fields in entries or ()
        ]

    @_translated
    async def groups_with_dead_letters(self) -> dict[str, int]:
        found: dict[str, int] = {}
        async for key in self._redis.scan_iter(match=f"{DEAD}*", count=1000):
            if length := await self._redis.xlen(key):
                found[key.decode().removeprefix(DEAD)] = int(length)
        return dict(sorted(found.items()))

    @_translated
    async def revive(self, group: str, letter: DeadLetter) -> None:
        async with self._redis.pipeline(transaction=True) as pipeline:
            pipeline.xadd(REVIVED + group, {_EVENT: letter.data})
            pipeline.xdel(DEAD + group, letter.position)
            await pipeline.execute()

    @_translated
    async def discard(self, group: str, letter: DeadLetter) -> None:
        await self._redis.xdel(DEAD + group, letter.position)

    @_translated
    async def trim(self, source: str, keep: int) -> int:
        stream = STREAM + source
        groups = await self._groups(stream)
        if not groups:
            return int(await self._redis.xtrim(stream, maxlen=keep, approximate=False))
        needed = min([await self._oldest_needed(stream, group) for group in groups], key=_order)
        return int(await self._redis.xtrim(stream, minid=needed, approximate=False))

    @_translated
    async def lag(self, source: str) -> list[GroupLag]:
        stream = STREAM + source
        found = []
        for group in await self._groups(stream):
            waiting = group["lag"]
            if waiting is None:  # Redis loses count when entries that nobody read were removed
                waiting = len(await self._redis.xrange(stream, f"({group['last-delivered-id'].decode()}", "+"))
            found.append(GroupLag(group["name"].decode(), int(waiting), int(group["pending"])))
        return found

    async def _groups(self, stream: str) -> list[dict[str, Any]]:
        if not await self._redis.exists(stream):
            return []
        return list(await self._redis.xinfo_groups(stream))

    async def _oldest_needed(self, stream: str, group: dict[str, Any]) -> str:
        """The first entry that a group still needs: the oldest it holds, else the one after the last it was given."""
        if group["pending"]:
            pending = await self._redis.xpending(stream, group["name"])
            if pending["min"] is not None:
                return str(pending["min"].decode())
        moment, _, number = group["last-delivered-id"].decode().partition("-")
        return f"{moment}-{int(number) + 1}"

    @staticmethod
    def _streams(group: str, sources: Sequence[str]) -> list[str]:
        return [*(STREAM + source for source in sources), REVIVED + group]


def _stream(source: str, group: str) -> str:
    return STREAM + source if source else REVIVED + group


def _source(stream: str) -> str:
    """Empty for a group's own log."""
    return stream.removeprefix(STREAM) if stream.startswith(STREAM) else ""


def _pairs(answer: Any) -> Any:
    """Streams with their entries; RESP3 gives a dict of lists of lists."""
    if not answer:
        return ()
    return ((name, batches[0]) for name, batches in answer.items()) if isinstance(answer, dict) else answer


def _order(position: str) -> tuple[int, int]:
    moment, _, number = position.partition("-")
    return int(moment), int(number)
