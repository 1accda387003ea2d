"""`fitnesshub events`: how far the readers of the bus are, and what they gave up.

Content of events is never shown: it is about persons, and the audit service shows it to who may see it.
"""

import asyncio
import json
import os
from argparse import Namespace
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

from fitnesshub.event.v1.event_pb2 import Event
from google.protobuf.message import DecodeError
from redis.exceptions import RedisError

from chassis import redis_client
from chassis.events.bus import Bus, BusError, DeadLetter
from chassis.events.redis_bus import RedisBus
from embedded.home import find_home
from embedded.problems import EmbeddedError, NotRunningError
from embedded.servers import plan
from embedded.state import load

PAGE = 500
"""Entries fetched at a time."""
TIMEOUT = 5.0
"""Seconds the server has for a command: where it lost count of a log, all of the log is read."""
GREETING = 2.0
"""Seconds in which it must say that it is there."""
NAMED = 5
"""Positions that a refusal names."""
UNREADABLE = "(not an event)"
ADVICE = "`fitnesshub status` shows whether it answers, `fitnesshub logs valkey` what it said last"
Row = Mapping[str, Any]


def lag(arguments: Namespace) -> int:
    """Shows how far each group is with each log."""
    return _run(lambda bus: _lag(bus, arguments))


def dead_letters(arguments: Namespace) -> int:
    """Lists dead letters, or the groups that have some."""
    return _run(lambda bus: _list(bus, arguments))


def replay(arguments: Namespace) -> int:
    """Gives dead letters to their group once more."""
    return _run(lambda bus: _replay(bus, arguments))


def discard(arguments: Namespace) -> int:
    """Removes dead letters for good."""
    return _run(lambda bus: _discard(bus, arguments))


def _run(command: Callable[[Bus], Awaitable[None]]) -> int:
    async def run() -> None:
        async with _bus() as bus:
            await command(bus)

    try:
        asyncio.run(run())
    except BusError as error:
        raise EmbeddedError(f"Redis doesn't do it: {error}; {ADVICE}") from error
    return 0


@asynccontextmanager
async def _bus() -> AsyncIterator[Bus]:
    home = find_home(os.environ)
    if load(home) is None:
        raise NotRunningError(home.root)
    server = plan(home, os.environ).redis
    redis = redis_client.connect(server.url, timeout=TIMEOUT)
    try:
        async with asyncio.timeout(GREETING):
            await redis.ping()
    except (RedisError, OSError) as error:
        await redis.aclose()
        what = f"no answer within {GREETING:g} s" if isinstance(error, TimeoutError) else str(error)
        raise EmbeddedError(f"Redis at {server.address}: {what}; {ADVICE}") from error
    try:
        yield RedisBus(redis)
    finally:
        await redis.aclose()


async def _lag(bus: Bus, arguments: Namespace) -> None:
    dead = await bus.groups_with_dead_letters()
    rows = [
        {
            "source": source,
            "group": each.group,
            "waiting": each.waiting,
            "unacknowledged": each.unacknowledged,
            "dead": dead.get(each.group, 0),
        }
        for source in await bus.sources()
        for each in await bus.lag(source)
    ]
    show(rows, ("source", "group", "waiting", "unacknowledged", "dead"), arguments)


async def _list(bus: Bus, arguments: Namespace) -> None:
    if not arguments.group:
        groups = await bus.groups_with_dead_letters()
        show([{"group": group, "dead": count} for group, count in groups.items()], ("group", "dead"), arguments)
        return
    rows = [
        {
            "position": letter.position,
            "since": _moment(datetime.fromtimestamp(letter.time, UTC)),
            "source": letter.source or "(replayed)",
        }
        | event_row(letter.data)
        | {"reason": letter.reason}
        for letter in await _all(bus, arguments.group)
    ]
    show(rows, ("position", "since", "source", "type", "id", "reason"), arguments)


async def _replay(bus: Bus, arguments: Namespace) -> None:
    """What can't be read would only be given up again: that is refused, after the rest is replayed."""
    chosen = await _chosen(bus, arguments)
    unreadable = [letter for letter in chosen if event_row(letter.data)["type"] == UNREADABLE]
    readable = [letter for letter in chosen if letter not in unreadable]
    if readable or not unreadable:
        await _each(readable, bus.revive, "given to {group} again", arguments)
    if unreadable:
        which = ", ".join(letter.position for letter in unreadable[:NAMED])
        more = f" and {len(unreadable) - NAMED} more" if len(unreadable) > NAMED else ""
        raise EmbeddedError(f"{which}{more}: can't be read as an event, so can only be discarded")


async def _discard(bus: Bus, arguments: Namespace) -> None:
    chosen = await _chosen(bus, arguments)
    await _each(chosen, bus.discard, "removed from the dead letters of {group}", arguments)


async def _chosen(bus: Bus, arguments: Namespace) -> list[DeadLetter]:
    letters = await _all(bus, arguments.group)
    chosen = [letter for letter in letters if arguments.all or letter.position == arguments.position]
    if not chosen and arguments.position:
        raise EmbeddedError(f"{arguments.group} has no dead letter at {arguments.position}")
    return chosen


async def _each(
    letters: Sequence[DeadLetter],
    act: Callable[[str, DeadLetter], Awaitable[None]],
    done: str,
    arguments: Namespace,
) -> None:
    for letter in letters:
        await act(arguments.group, letter)
    if arguments.json:
        show([{"position": letter.position} for letter in letters], (), arguments)
    else:
        print(f"{len(letters)} {'event' if len(letters) == 1 else 'events'} {done.format(group=arguments.group)}")


async def _all(bus: Bus, group: str) -> list[DeadLetter]:
    """The dead letters of a group. Raises EmbeddedError for a group that neither reads nor has any."""
    known = {each.group for source in await bus.sources() for each in await bus.lag(source)}
    known.update(await bus.groups_with_dead_letters())
    if group not in known:
        raise EmbeddedError(f"there is no group {group!r}; there are: {', '.join(sorted(known)) or 'none'}")
    found: list[DeadLetter] = []
    while page := await bus.dead_letters(group, after=found[-1].position if found else "", count=PAGE):
        found += page
    return found


def event_row(data: bytes) -> dict[str, Any]:
    """What is shown of an event; for one that can't be read, its type says so."""
    try:
        event = Event.FromString(data)
        time = event.time.ToDatetime(UTC)
    except (DecodeError, ValueError):
        return {"time": "", "type": UNREADABLE, "aggregate": "", "version": "", "id": ""}
    return {
        "time": _moment(time),
        "type": event.type.removeprefix("fitnesshub."),
        "aggregate": f"{event.aggregate_type}/{event.aggregate_id}",
        "version": event.aggregate_version,
        "id": event.id,
    }


def _moment(time: datetime) -> str:
    return time.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def show(rows: Sequence[Row], columns: Iterable[str], arguments: Namespace, *, has_head: bool = True) -> None:
    """A table; with --json one object a line."""
    if arguments.json:
        for row in rows:
            print(json.dumps(row), flush=True)
        return
    names = list(columns)
    cells = [[name.upper() for name in names]] if has_head else []
    cells += [[str(row[name]) for name in names] for row in rows]
    widths = [max((len(line[column]) for line in cells), default=0) for column in range(len(names))]
    for line in cells:
        print("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip(), flush=True)
