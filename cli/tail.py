"""`fitnesshub events tail`: what was published, read from the outboxes, where published events stay for a day.

Not from Redis: a log there is trimmed as soon as all its groups have read it, so it is mostly empty.
"""

import asyncio
import os
from argparse import Namespace
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import asyncpg

from cli.events import event_row, show
from embedded.home import find_home
from embedded.problems import EmbeddedError, NotRunningError
from embedded.servers import plan
from embedded.state import load

POLL = 0.3
"""Seconds between two looks when following."""
PAGE = 500
"""Events of a service fetched at a time."""
TIMEOUT = 3.0
"""Seconds the server has to answer."""
COLUMNS = ("time", "source", "type", "aggregate", "version", "id")
Row = Mapping[str, Any]
Position = tuple[datetime, UUID]
"""When it was published and its id. A service has one relay, which marks a batch at a time: later is greater."""
BEGINNING: Position = (datetime(1, 1, 1, tzinfo=UTC), UUID(int=0))


def tail(arguments: Namespace) -> int:
    """Shows the last events, and with -f what comes. Raises EmbeddedError."""
    home = find_home(os.environ)
    if load(home) is None:
        raise NotRunningError(home.root)
    servers = plan(home, os.environ)
    try:
        asyncio.run(_tail(servers.owner_url, arguments))
    except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        said = str(error) or f"no answer within {TIMEOUT:g} s"
        where = f"PostgreSQL at {servers.database.address}"
        raise EmbeddedError(f"{where} gives no events: {said}; see `fitnesshub status` and its log") from error
    return 0


async def _tail(url: str, arguments: Namespace) -> None:
    connection = await asyncpg.connect(url, timeout=TIMEOUT, command_timeout=TIMEOUT)
    try:
        outboxes = await _Outboxes.of(connection, arguments.source)
        show((await outboxes.newest(arguments.lines))[-arguments.lines :], COLUMNS, arguments)
        while arguments.follow:
            await asyncio.sleep(POLL)
            while rows := await outboxes.following():
                show(rows, COLUMNS, arguments, has_head=False)
    finally:
        connection.terminate()


class _Outboxes:
    """The outboxes that are looked at, and how far each is shown."""

    def __init__(self, connection: Any, sources: Sequence[str]) -> None:
        self._connection = connection
        self._positions = dict.fromkeys(sources, BEGINNING)

    @classmethod
    async def of(cls, connection: Any, source: str | None) -> "_Outboxes":
        """Of one service, or of all. Raises EmbeddedError for a service that has none."""
        found = await connection.fetch("SELECT schemaname FROM pg_tables WHERE tablename = 'outbox' ORDER BY 1")
        known = [str(row["schemaname"]) for row in found]
        if source and source not in known:
            raise EmbeddedError(f"{source!r} publishes nothing; there are: {', '.join(known) or 'none'}")
        return cls(connection, [source] if source else known)

    async def newest(self, count: int) -> list[Row]:
        """The last `count` of each, in the order of time."""
        order = "WHERE published_at IS NOT NULL ORDER BY published_at DESC, id DESC LIMIT $1"
        return await self._read(order, lambda _: (count,), newest_first=True)

    async def following(self) -> list[Row]:
        """A page of each of what was published since, in the order of time."""
        order = "WHERE published_at >= $1 AND (published_at, id) > ($1, $2) ORDER BY published_at, id LIMIT $3"
        return await self._read(order, lambda source: (*self._positions[source], PAGE), newest_first=False)

    async def _read(self, order: str, values: Any, *, newest_first: bool) -> list[Row]:
        rows: list[Row] = []
        for source in self._positions:
            sql = f'SELECT published_at, id, event FROM "{source}".outbox {order}'  # noqa: S608 - a schema that exists
            found = await self._connection.fetch(sql, *values(source))
            if found:
                last = found[0 if newest_first else -1]
                self._positions[source] = (last["published_at"], last["id"])
            rows += [event_row(each["event"]) | {"source": source} for each in found]
        return sorted(rows, key=lambda row: str(row["time"]))
