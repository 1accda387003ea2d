"""`fitnesshub events`: what goes over the bus, how far its readers are, and what they gave up.

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

from chassis import redis_client
from chassis.events.bus import Bus, BusError, DeadLetter
from chassis.events.redis_bus import RedisBus
from embedded.home import find_home
from embedded.problems import EmbeddedError, NotRunningError
from embedded.servers import plan
from embedded.state import load

POLL = 0.3
"""Seconds between two looks when following."""
PAGE = 500
"""Entries fetched at a time."""
TIMEOUT = 5.0
"""Seconds the server has to answer."""
Row = Mapping[str, Any]


def tail(arguments: Namespace) -> int:
    """Shows the last events, and with -f what comes."""
    return _run(lambda bus: _tail(bus, arguments))


def lag(arguments: Namespace) -> int:
    """Shows how far each group is with each log."""
    return _run(lambda bus: _lag(bus, arguments))


def dead_letters(arguments: Namespace) -> int:
    """Lists dead letters, or the groups that have some."""
    return _run(lambda bus: _list(bus, arguments))


def replay(arguments: Namespace) -> int:
    """Gives dead letters to their group once more."""
    return _run(lambda bus: _each(bus, arguments, bus.revive, "given to {group} again"))


def discard(arguments: Namespace) -> int:
    """Removes dead letters for good."""
    return _run(lambda bus: _each(bus, arguments, bus.discard, "removed from the dead letters of {group}"))


def _run(command: Callable[[Bus], Awaitable[None]]) -> int:
    async def run() -> None:
        async with _bus() as bus:
            await command(bus)

    try:
        asyncio.run(run())
    except BusError as error:
        raise EmbeddedError(f"Redis doesn't do it: {error}") from error
    return 0


@asynccontextmanager
async def _bus() -> AsyncIterator[Bus]:
    home = find_home(os.environ)
    if load(home) is None:
        raise NotRunningError(home.root)
    redis = redis_client.connect(plan(home, os.environ).redis.url, timeout=TIMEOUT)
    try:
        yield RedisBus(redis)
    finally:
        await redis.aclose()


async def _tail(bus: Bus, arguments: Namespace) -> None:
    known = await bus.sources()
    if arguments.source and arguments.source not in known:
        raise EmbeddedError(f"{arguments.source!r} has published nothing; there are: {', '.join(known) or 'none'}")
    positions: dict[str, str] = {}

    async def look() -> list[Row]:
        """What is new since the last look, in the order of time."""
        rows: list[Row] = []
        for source in [arguments.source] if arguments.source else await bus.sources():
            if source in positions:
                found = await bus.following(source, positions[source], PAGE)
            else:
                found = await bus.newest(source, arguments.lines)
            positions[source] = found[-1].position if found else positions.get(source, "")
            rows += [_event_row(delivery.data) | {"source": source} for delivery in found]
        return sorted(rows, key=lambda row: str(row["time"]))

    columns = ("time", "source", "type", "aggregate", "version", "id")
    _show((await look())[-arguments.lines :], columns, arguments)
    while arguments.follow:
        await asyncio.sleep(POLL)
        _show(await look(), columns, arguments, has_head=False)


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
    _show(rows, ("source", "group", "waiting", "unacknowledged", "dead"), arguments)


async def _list(bus: Bus, arguments: Namespace) -> None:
    if not arguments.group:
        groups = await bus.groups_with_dead_letters()
        _show([{"group": group, "dead": count} for group, count in groups.items()], ("group", "dead"), arguments)
        return
    rows = [
        {
            "position": letter.position,
            "since": _moment(datetime.fromtimestamp(letter.time, UTC)),
            "source": letter.source or "(replayed)",
        }
        | _event_row(letter.data)
        | {"reason": letter.reason}
        for letter in await _all(bus, arguments.group)
    ]
    _show(rows, ("position", "since", "source", "type", "id", "reason"), arguments)


async def _each(bus: Bus, arguments: Namespace, act: Callable[[str, DeadLetter], Awaitable[None]], done: str) -> None:
    letters = await _all(bus, arguments.group)
    chosen = [letter for letter in letters if arguments.all or letter.position == arguments.position]
    if not chosen and arguments.position:
        raise EmbeddedError(f"{arguments.group} has no dead letter at {arguments.position}")
    for letter in chosen:
        await act(arguments.group, letter)
    if arguments.json:
        _show([{"position": letter.position} for letter in chosen], (), arguments)
    else:
        print(f"{len(chosen)} {'event' if len(chosen) == 1 else 'events'} {done.format(group=arguments.group)}")


async def _all(bus: Bus, group: str) -> list[DeadLetter]:
    found: list[DeadLetter] = []
    while page := await bus.dead_letters(group, after=found[-1].position if found else "", count=PAGE):
        found += page
    return found


def _event_row(data: bytes) -> dict[str, Any]:
    try:
        event = Event.FromString(data)
        time = event.time.ToDatetime(UTC)
    except (DecodeError, ValueError):
        return {"time": "", "type": "(not an event)", "aggregate": "", "version": "", "id": ""}
    return {
        "time": _moment(time),
        "type": event.type.removeprefix("fitnesshub."),
        "aggregate": f"{event.aggregate_type}/{event.aggregate_id}",
        "version": event.aggregate_version,
        "id": event.id,
    }


def _moment(time: datetime) -> str:
    return time.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _show(rows: Sequence[Row], columns: Iterable[str], arguments: Namespace, *, has_head: bool = True) -> None:
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
