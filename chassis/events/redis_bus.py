"""The bus on Redis Streams: a stream a source, a consumer group a reader, a stream of dead letters a group."""

import asyncio
import time
from collections.abc import Callable, Coroutine, Sequence
from functools import wraps
from typing import Any, Concatenate, ParamSpec, TypeVar
from uuid import uuid4

from fitnesshub.event.v1.event_pb2 import Event
from google.protobuf.message import DecodeError
from redis.asyncio import Redis
from redis.exceptions import RedisError, ResponseError

from chassis.events.bus import BusError, DeadLetter, Delivery, Generation, GroupLag

STREAM = "fitnesshub:events:"
DEAD = "fitnesshub:dead-letters:"
REVIVED = "fitnesshub:revived:"
"""A group's own log of events that it is given again; it is read like the log of a source."""
EPOCH = "fitnesshub:events-epoch"
SCAN = 100
"""Entries looked at by one call of a scan: 2.5 ms of CPU, so 2.5 s for a log at its bound."""
COUNTED = 1000
"""Entries counted one by one at most: 25 ms of CPU, every 2 s for each group that is behind."""
_EVENT = b"event"
_BEGINNING = "0"

P = ParamSpec("P")
R = TypeVar("R")
_Method = Callable[Concatenate["RedisBus", P], Coroutine[Any, Any, R]]


def _translated(method: _Method[P, R]) -> _Method[P, R]:
    """Redis's errors as BusError, and a cancellation always as one.

    The client sends with `asyncio.wait_for`, which up to Python 3.11 swallows one that comes as the sending ends.
    """

    @wraps(method)
    async def run(self: "RedisBus", /, *arguments: P.args, **named: P.kwargs) -> R:
        task = asyncio.current_task()
        before = task.cancelling() if task else 0
        try:
            result = await method(self, *arguments, **named)
        except (RedisError, OSError) as error:
            raise BusError(f"{method.__name__}: {type(error).__name__}: {error}") from error
        finally:
            if task and task.cancelling() > before:
                raise asyncio.CancelledError
        return result

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
            Delivery(_source(stream.decode()), position.decode(), fields.get(_EVENT, b""))
            for stream, entries in _pairs(answer)
            for position, fields in entries
        ]

    @_translated
    async def reclaim(
        self, group: str, consumer: str, sources: Sequence[str], *, idle: float, count: int
    ) -> list[Delivery]:
        found: list[Delivery] = []
        suspects: list[tuple[str, bytes, int]] = []
        least = round(idle * 1000)

        async def claim(stream: str, times: dict[bytes, int]) -> list[Delivery]:
            # Only what is idle still: another consumer may have been faster.
            entries = await self._redis.xclaim(stream, group, consumer, least, list(times))
            return [
                Delivery(_source(stream), position.decode(), fields.get(_EVENT, b""), times[position] + 1)
                for position, fields in entries
                if fields
            ]

        for stream in self._streams(group, sources):
            pending = await self._redis.xpending_range(stream, group, "-", "+", count, idle=least)
            once = {each["message_id"]: 1 for each in pending if each["times_delivered"] <= 1}
            if once:
                found += await claim(stream, once)
            suspects += [
                (stream, each["message_id"], int(each["times_delivered"]))
                for each in pending
                if each["times_delivered"] > 1
            ]
        for stream, position, times in suspects:
            found = found or await claim(stream, {position: times})
        return found

    @_translated
    async def keep(self, group: str, consumer: str, deliveries: Sequence[Delivery], *, anew: bool = False) -> None:
        async with self._redis.pipeline(transaction=False) as pipeline:
            for stream, positions in _by_stream(group, deliveries).items():
                pipeline.xclaim(stream, group, consumer, 0, positions, retrycount=1 if anew else None, justid=True)
            await pipeline.execute()

    @_translated
    async def acknowledge(self, group: str, deliveries: Sequence[Delivery]) -> None:
        async with self._redis.pipeline(transaction=False) as pipeline:
            for stream, positions in _by_stream(group, deliveries).items():
                _done(pipeline, stream, group, positions)
            await pipeline.execute()

    @_translated
    async def bury(self, group: str, delivery: Delivery, reason: str) -> None:
        letter: Any = {_EVENT: delivery.data, "source": delivery.source, "reason": reason, "time": repr(time.time())}
        async with self._redis.pipeline(transaction=True) as pipeline:
            pipeline.xadd(DEAD + group, letter)
            _done(pipeline, _stream(delivery.source, group), group, [delivery.position])
            await pipeline.execute()

    @_translated
    async def dead_letters(self, group: str, *, after: str = "", count: int = 100) -> list[DeadLetter]:
        entries = await self._redis.xrange(DEAD + group, f"({after}" if after else "-", "+", count)
        return [
            DeadLetter(
                position=position.decode(),
                source=fields[b"source"].decode(),
                data=fields.get(_EVENT, b""),
                reason=fields[b"reason"].decode(),
                time=float(fields[b"time"]),
            )
            for position, fields in entries or ()
        ]

    @_translated
    async def groups_with_dead_letters(self) -> dict[str, int]:
        found: dict[str, int] = {}
        for key in sorted(await self._keys(DEAD)):
            if length := await self._redis.xlen(key):
                found[key.removeprefix(DEAD)] = int(length)
        return found

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
    async def lag(self, source: str, group: str = "") -> list[GroupLag]:
        stream = STREAM + source
        found = []
        for each in await self._groups(stream):
            name = each["name"].decode()
            if group in ("", name):
                waiting = each["lag"]
                if waiting is None:  # Redis loses count when entries that nobody read were removed
                    waiting = await self._count(stream, each["last-delivered-id"].decode())
                found.append(GroupLag(name, int(waiting), int(each["pending"])))
        return found

    async def _count(self, stream: str, after: str) -> int:
        """Entries after a position; more than `COUNTED` are as many as there are in all."""
        count = 0
        while entries := await self._redis.xrange(stream, f"({after}", "+", SCAN):
            count += len(entries)
            if count > COUNTED:
                return int(await self._redis.xlen(stream))
            after = entries[-1][0].decode()
        return count

    @_translated
    async def sources(self) -> list[str]:
        return sorted([key.removeprefix(STREAM) for key in await self._keys(STREAM)])

    @_translated
    async def newest(self, source: str, count: int) -> list[Delivery]:
        entries = await self._redis.xrevrange(STREAM + source, "+", "-", count)
        return [Delivery(source, position.decode(), fields.get(_EVENT, b"")) for position, fields in reversed(entries)]

    @_translated
    async def following(self, source: str, position: str, count: int) -> list[Delivery]:
        entries = await self._redis.xrange(STREAM + source, f"({position}" if position else "-", "+", count)
        return [Delivery(source, found.decode(), fields.get(_EVENT, b"")) for found, fields in entries]

    @_translated
    async def purge_subject(self, source: str, user_id: str) -> int:
        streams = [STREAM + source, *await self._keys(DEAD), *await self._keys(REVIVED)]
        return sum([await self._purge(stream, user_id.encode()) for stream in streams])

    async def _purge(self, stream: str, user_id: bytes) -> int:
        count, position = 0, "-"
        while entries := await self._redis.xrange(stream, position, "+", SCAN):
            gone = [found for found, fields in entries if _is_about(fields.get(_EVENT, b""), user_id)]
            if gone:
                count += await self._redis.xdel(stream, *gone)
            position = f"({entries[-1][0].decode()}"
        return count

    @_translated
    async def rewrite_files(self) -> None:
        if (await self._redis.info("persistence"))["aof_enabled"]:
            # Refused while the server does so already, maybe since before the last removal: to be tried again.
            await self._redis.bgrewriteaof()

    async def _keys(self, prefix: str) -> list[str]:
        return [key.decode() async for key in self._redis.scan_iter(match=f"{prefix}*", count=1000)]

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


def _by_stream(group: str, deliveries: Sequence[Delivery]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for delivery in deliveries:
        found.setdefault(_stream(delivery.source, group), []).append(delivery.position)
    return found


def _done(pipeline: Any, stream: str, group: str, positions: list[str]) -> None:
    pipeline.xack(stream, group, *positions)
    if stream == REVIVED + group:  # nobody else reads it, and nothing else trims it
        pipeline.xdel(stream, *positions)


def _source(stream: str) -> str:
    """Empty for a group's own log."""
    return stream.removeprefix(STREAM) if stream.startswith(STREAM) else ""


def _is_about(data: bytes, user_id: bytes) -> bool:
    if user_id not in data:  # the subject stands in the event as it is
        return False
    try:
        return Event.FromString(data).subject_user_id.encode() == user_id
    except DecodeError:
        return True


def _pairs(answer: Any) -> Any:
    """Streams with their entries; RESP3 gives a dict of lists of lists."""
    if not answer:
        return ()
    return ((name, batches[0]) for name, batches in answer.items()) if isinstance(answer, dict) else answer


def _order(position: str) -> tuple[int, int]:
    moment, _, number = position.partition("-")
    return int(moment), int(number)
