"""Rebuilds a projection from the event store while live traffic goes on, or compares it with a rebuild.

Events take effect again in a shadow of the tables. In the end the live consumers are held for a moment, until what
took effect there did so here as well; then both are compared, or the shadow takes the place of the live tables.
"""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Protocol

import asyncpg

from chassis import uuid7
from chassis.db import Database, WriteSession
from chassis.events.consumer import Subscription
from chassis.events.relay import KEPT_IN_INBOX
from chassis.events.shadow import Shadow, ShadowError, ShadowSessions
from chassis.events.statements import receive

log = logging.getLogger(__name__)

CLOSE = 500
"""New events in a pass through the store below which the shadow has caught up: the next pass takes milliseconds."""
HOLD_SECONDS = 10.0
"""How long the live consumers are held at most. They wait in the database, and readers don't notice."""
BEHIND_SECONDS = 30.0
"""How long a comparison waits until the live projection has what the store has."""
LOCK_TIMEOUT = "5s"
"""How long the swap waits for readers: everybody else queues behind it meanwhile."""
ATTEMPTS = 5
"""Times the end is tried when events don't reach the store in time, or readers don't let go."""
PAUSE = 1.0
"""Seconds between attempts."""
POLL = 0.05
MARGIN_MS = 3_600_000
"""An hour, by which clocks may differ and the longest rebuild may last while old inbox rows are purged."""
SHOWN = 5
"""Ids named in a message."""


class RebuildError(Exception):
    """The projection can't be rebuilt now; the text says why. The live one is as it was."""


@dataclass(frozen=True, slots=True)
class Replayed:
    """A part of the event store."""

    events: Sequence[bytes]
    """Serialised `fitnesshub.event.v1.Event`s, oldest first."""
    left_out: Sequence[str]
    """Ids of the others: of types that nobody handles, or about people who were erased."""
    position: int
    """Of the last one in the store."""


class EventStore(Protocol):
    """Where all events are, for good."""

    def replay(self, after: int) -> AsyncIterator[Replayed]:
        """What the projection's subscription ever got, recorded after a position. Raises Failure."""
        ...


@dataclass(frozen=True)
class Projection:
    """Tables that hold nothing but what handlers made of events."""

    subscription: Subscription
    tables: tuple[str, ...]
    store: EventStore
    forget: Callable[[WriteSession, str], Awaitable[None]]
    """Deletes what the tables hold of a person."""


@dataclass
class Report:
    """What was done."""

    events: int = 0
    """That took effect in the shadow."""
    seconds: float = 0.0
    """From the beginning to the end."""
    held_seconds: float = 0.0
    """For which the live consumers were held."""
    differences: list[str] = field(default_factory=list)
    """Of a comparison, a sentence each; empty when both are the same."""
    failed: dict[str, str] = field(default_factory=dict)
    """Events that the handlers fail with, by id, and why; live they are dead letters."""


class _NotSettledError(Exception):
    """Live effects are missing in the store for now."""


class Rebuild:
    """One rebuild of one projection."""

    def __init__(self, owner_dsn: str, db: Database, projection: Projection) -> None:
        """owner_dsn: the owner's login, who may make tables. db: as the service itself has it."""
        self._dsn = owner_dsn
        self._db = db
        self._projection = projection
        self._group = projection.subscription.group
        self._sessions = ShadowSessions(db, f"{db.service}_rebuild", projection.tables)
        self._receive = receive(db.service)
        self._position = 0
        self._began = db.clock.now()
        # Older events aren't in inboxes: nothing sends them again by itself, and versions decide if somebody does.
        self._horizon = int((self._began - KEPT_IN_INBOX).timestamp() * 1000)
        self._floor = str(uuid7.lowest(self._horizon + MARGIN_MS))
        self.report = Report()

    async def run(self) -> Report:
        """Rebuilds the projection and puts it in place. Raises RebuildError."""
        async with self._prepared() as (owner, shadow):
            for attempt in range(1, ATTEMPTS + 1):
                try:
                    async with self._held(owner):
                        await shadow.swap(self._group)
                    return self.report
                except (_NotSettledError, asyncpg.LockNotAvailableError, asyncpg.DeadlockDetectedError) as error:
                    if attempt == ATTEMPTS:
                        raise RebuildError(f"the rebuilt tables can't be put in place: {error}") from error
                await asyncio.sleep(PAUSE)
                await self._catch_up()
        raise AssertionError("unreachable")

    async def verify(self) -> Report:
        """Compares the live tables with a rebuild and changes nothing. Raises RebuildError."""
        async with self._prepared() as (owner, shadow):
            for attempt in range(1, ATTEMPTS + 1):
                behind = await self._wait_for_live(owner)
                try:
                    async with self._held(owner):
                        live, rebuilt = await shadow.hashes(self._db.service), await shadow.hashes(shadow.schema)
                except (_NotSettledError, asyncpg.LockNotAvailableError) as error:
                    if attempt == ATTEMPTS:
                        raise RebuildError(f"the projection can't be compared: {error}") from error
                else:
                    self.report.differences = [
                        *behind,
                        *(
                            f"{table}: live {live[table]}, rebuilt {rebuilt[table]}"
                            for table in live
                            if live[table] != rebuilt[table]
                        ),
                    ]
                    # The deletion of a person under way makes a difference for a moment.
                    if not self.report.differences or attempt == ATTEMPTS:
                        return self.report
                await asyncio.sleep(PAUSE)
                await self._catch_up()
        raise AssertionError("unreachable")

    @asynccontextmanager
    async def _prepared(self) -> AsyncIterator[tuple[Any, Shadow]]:
        """The shadow, caught up; it is gone afterwards."""
        started = time.monotonic()
        owner = await asyncpg.connect(self._dsn)
        shadow = Shadow(owner, self._db.service, self._projection.tables)
        try:
            if not await owner.fetchval("SELECT pg_try_advisory_lock($1)", _lock(self._db.service)):
                raise RebuildError(f"another rebuild of {self._db.service} is under way")
            try:
                await shadow.create()
                await self._pass()
                await shadow.create_indexes()
                await self._catch_up()
                yield owner, shadow
            finally:
                await shadow.drop()
        except ShadowError as error:
            raise RebuildError(str(error)) from error
        finally:
            await owner.close()
            self.report.seconds = time.monotonic() - started

    @asynccontextmanager
    async def _held(self, owner: Any) -> AsyncIterator[None]:
        """Holds the live consumers; inside, what took effect live did so in the shadow, and nothing else can."""
        await self._missing(owner, all_rows=True)
        checked = self._db.clock.now()
        async with owner.transaction():
            await owner.execute(f"SET LOCAL lock_timeout = '{LOCK_TIMEOUT}'")
            # Whoever handles an event writes into the inbox first; reading it stays possible.
            await owner.execute(f'LOCK TABLE "{self._db.service}".inbox IN SHARE MODE')
            held = time.monotonic()
            try:
                await self._settle(owner, checked)
                await self._forget_erased(owner)
                yield
            finally:
                self.report.held_seconds = time.monotonic() - held
