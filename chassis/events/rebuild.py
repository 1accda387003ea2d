"""Rebuilds a projection from the event store while live traffic goes on, or compares it with a rebuild.

Events take effect again in a shadow of the tables. In the end the live consumers are held for a moment, until what
took effect there did so here as well; then both are compared, or the shadow takes the place of the live tables.
"""

import asyncio
import hashlib
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

import asyncpg

from chassis import uuid7
from chassis.db import Database, WriteSession
from chassis.errors import Aborted, Failure, Unavailable
from chassis.events.consumer import Received, Subscription, by_handler, read_event, without_erased
from chassis.events.relay import KEPT_IN_INBOX
from chassis.events.shadow import INBOX, ReadersError, Shadow, ShadowError, ShadowSessions
from chassis.events.statements import receive

log = logging.getLogger(__name__)

BATCH = 10_000
"""Events a transaction: what handlers make of several events at once they make once, and 100 MB hold them."""
CLOSE = 500
"""New events in a pass through the store below which the shadow has caught up: the next pass takes milliseconds."""
HOLD_SECONDS = 10.0
"""How long the live consumers are held at most. They wait in the database, and readers don't notice."""
BEHIND_SECONDS = 30.0
"""How long live projection and store wait for each other before the consumers are held."""
LOCK_TIMEOUT = "5s"
"""How long is waited for the consumers' transactions under way."""
ATTEMPTS = 10
"""Times the end is tried when events don't reach the store in time, or readers don't let go."""
LOOKS = 3
"""Times a difference is looked at: the deletion of a person under way makes one for a moment."""
PAUSE = 1.0
"""Seconds between attempts."""
POLL = 0.05
MARGIN = timedelta(hours=1)
"""By which clocks may differ and the longest rebuild may last while old inbox rows are purged."""
UNDER_WAY = timedelta(minutes=10)
"""Longer than any transaction of a consumer takes, with the difference of clocks."""
ALWAYS = datetime.min.replace(tzinfo=UTC)
SHOWN = 5
"""Ids named in a message."""
LEFT_OUT = ""
"""The group under which the shadow's inbox has events without effect there."""


class RebuildError(Exception):
    """The projection can't be rebuilt now; the text says why. The live one is as it was."""


@dataclass(frozen=True, slots=True)
class Replayed:
    """A part of the event store."""

    events: Sequence[bytes]
    """Serialised `fitnesshub.event.v1.Event`s, oldest first."""
    left_out: Sequence[str]
    """Ids of the others: of types that nobody handles, or about persons who were erased."""
    position: int
    """Up to which was looked."""


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
    aside: tuple[str, ...] = ()
    """Other tables of the service that handlers write into. What a rebuild writes there is thrown away."""


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
        self._sessions = ShadowSessions(db, f"{db.service}_rebuild", (*projection.tables, *projection.aside))
        self._receive = receive(db.service)
        self._position = 0
        self._forgotten: set[str] = set()
        # Events made before this may have left the live inbox.
        horizon = db.clock.now() - KEPT_IN_INBOX + MARGIN
        self._floor = uuid7.lowest(int(horizon.timestamp() * 1000))
        self.report = Report()

    async def run(self) -> Report:
        """Rebuilds the projection and puts it in place. Raises RebuildError."""
        async with self._prepared() as (owner, shadow):
            for attempt in range(1, ATTEMPTS + 1):
                try:
                    lost = await self._settle(owner, BEHIND_SECONDS)
                    if lost:
                        raise RebuildError(f"handlers fail now with events that took effect before: {_some(lost)}")
                    async with self._held(owner):
                        await owner.execute(self._sql(_HEAR_OF), self._group, self._floor)
                        await shadow.swap()
                    return self.report
                except (_NotSettledError, ReadersError, asyncpg.LockNotAvailableError) as error:
                    if attempt == ATTEMPTS:
                        raise RebuildError(f"the rebuilt tables can't be put in place: {error}") from error
                    log.info("the rebuilt tables of %s can't be put in place yet: %s", self._db.service, error)
                await asyncio.sleep(PAUSE)
                await self._catch_up()
        raise AssertionError("unreachable")

    async def verify(self) -> Report:
        """Compares the live tables with a rebuild and changes nothing. Raises RebuildError."""
        async with self._prepared() as (owner, shadow):
            looks = 0
            for attempt in range(1, ATTEMPTS + 1):
                try:
                    self.report.differences = await self._differences(owner, shadow)
                    looks += 1
                    if not self.report.differences or looks == LOOKS or attempt == ATTEMPTS:
                        return self.report
                except (_NotSettledError, asyncpg.LockNotAvailableError) as error:
                    if attempt == ATTEMPTS:
                        raise RebuildError(f"the projection can't be compared: {error}") from error
                await asyncio.sleep(PAUSE)
                await self._catch_up()
        raise AssertionError("unreachable")

    async def _differences(self, owner: Any, shadow: Shadow) -> list[str]:
        lost = await self._settle(owner, BEHIND_SECONDS)
        found = [f"handlers fail now with events that took effect before: {_some(lost)}"] if lost else []
        if behind := await self._wait_for_live(owner):
            found.append(f"{len(behind)} events of the store have no effect: {_some(behind)}")
        reader = await asyncpg.connect(self._dsn)
        try:
            async with reader.transaction(isolation="repeatable_read", readonly=True):
                async with self._held(owner):
                    # Its first statement fixes what this transaction sees; hashing may take longer than holding.
                    await reader.execute("SELECT FROM pg_class LIMIT 1")
                live = await shadow.hashes(reader, self._db.service)
                rebuilt = await shadow.hashes(reader, shadow.schema)
        finally:
            await reader.close()
        return found + [
            f"{table}: live {live[table]}; rebuilt {rebuilt[table]}" for table in live if live[table] != rebuilt[table]
        ]

    @asynccontextmanager
    async def _prepared(self) -> AsyncIterator[tuple[Any, Shadow]]:
        """The shadow, caught up; it is gone afterwards."""
        started = time.monotonic()
        owner = await asyncpg.connect(self._dsn)
        shadow = Shadow(owner, self._db.service, self._projection.tables, self._projection.aside)
        try:
            if not await owner.fetchval("SELECT pg_try_advisory_lock($1)", _lock(self._db.service)):
                raise RebuildError(f"another rebuild of {self._db.service} is under way")
            try:
                await shadow.create()
                # Whoever is known as erased now has no effect in the shadow at all.
                self._forgotten = await self._erased(owner)
                await self._pass()
                await shadow.analyze()
                await self._catch_up()
                yield owner, shadow
            finally:
                await shadow.drop()
        except ShadowError as error:
            raise RebuildError(str(error)) from error
        except Failure as error:
            raise RebuildError(f"the event store or the database failed: {error}") from error
        except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError) as error:
            raise RebuildError(f"the database refuses: {error}") from error
        finally:
            await owner.close()
            self.report.seconds = time.monotonic() - started

    @asynccontextmanager
    async def _held(self, owner: Any) -> AsyncIterator[None]:
        """Holds the live consumers; inside, what took effect live did so in the shadow, and nothing else can."""
        async with owner.transaction():
            await owner.execute(f"SET LOCAL lock_timeout = '{LOCK_TIMEOUT}'")
            # Whoever handles an event writes into the inbox first; reading it stays possible.
            await owner.execute(f'LOCK TABLE "{self._db.service}".{INBOX} IN SHARE MODE')
            held = time.monotonic()
            try:
                await self._settle(owner, HOLD_SECONDS, self._db.clock.now() - UNDER_WAY)
                await self._forget_erased(owner)
                yield
            finally:
                self.report.held_seconds = time.monotonic() - held

    async def _settle(self, owner: Any, timeout: float, since: datetime = ALWAYS) -> list[str]:
        """Returns when what took effect live since a time did so in the shadow.

        Nothing else takes effect there: a comparison needs the same events on both sides. Returns events that took
        effect once, but that handlers fail with now. Raises _NotSettledError after `timeout` seconds.
        """
        deadline = time.monotonic() + timeout
        while True:
            rows = await owner.fetch(self._sql(_MISSING), self._group, since)
            found = {str(row["event_id"]) for row in rows}
            missing = found - self.report.failed.keys()
            if not missing:
                return sorted(found)
            if time.monotonic() > deadline:
                raise _NotSettledError(
                    f"{len(missing)} events that took effect aren't in the event store: {_some(missing)};"
                    " look at the dead letters and the lag of its group"
                )
            if not await self._pass(missing):
                await asyncio.sleep(POLL)

    async def _wait_for_live(self, owner: Any) -> set[str]:
        """Returns when what took effect in the shadow did so live, or else the events that don't."""
        deadline = time.monotonic() + BEHIND_SECONDS
        while True:
            rows = await owner.fetch(self._sql(_BEHIND), self._group, self._floor)
            behind = {str(row["event_id"]) for row in rows}
            if not behind:
                return behind
            if time.monotonic() > deadline:
                break
            await asyncio.sleep(POLL)
        # Events of who was erased since are gone from the bus; the store leaves them out now.
        async for part in self._projection.store.replay(0):
            behind -= set(part.left_out)
        return behind

    async def _catch_up(self) -> None:
        while await self._pass() >= CLOSE:
            pass

    async def _pass(self, only: Collection[str] | None = None) -> int:
        """Lets what is new in the store take effect; returns how many events were. only: these, leaving the rest."""
        count, position = 0, self._position
        batch: list[Received] = []
        left_out: list[str] = []
        async for part in self._projection.store.replay(position):
            batch += [each for each in map(read_event, part.events) if only is None or each.event.id in only]
            left_out += [each for each in part.left_out if only is None or each in only]
            position = part.position
            if len(batch) >= BATCH or len(left_out) >= BATCH:
                count += await self._take(batch, left_out)
                batch, left_out = [], []
        count += await self._take(batch, left_out)
        if only is None:
            self._position = position
        return count

    async def _take(self, received: Sequence[Received], left_out: Sequence[str]) -> int:
        """Together; when that fails, by halves, until what fails is alone."""
        try:
            return await self._apply(received, left_out)
        except (Unavailable, Aborted):
            raise
        except Exception as error:
            if not received:
                raise
            if len(received) > 1:
                middle = len(received) // 2
                return await self._take(received[:middle], left_out) + await self._take(received[middle:], [])
            event = received[0].event
            log.warning("event %s (%s) fails", event.id, event.type, exc_info=error)
            self.report.failed[event.id] = f"{type(error).__name__}: {error}"
            return await self._apply([], left_out)

    async def _apply(self, received: Sequence[Received], left_out: Sequence[str]) -> int:
        """As a consumer does it; in one transaction. Returns how many weren't seen before."""
        if not received and not left_out:
            return 0
        events = {each.event.id: each for each in received}
        now = self._db.clock.now()
        async with self._sessions.write() as tx:
            rows = await tx.rows(self._receive, group=self._group, event_ids=list(events), now=now)
            new = [events[str(row["event_id"])] for row in rows]
            if not self._projection.subscription.hears_of_erased:
                new = await without_erased(tx, self._db.service, new)
            for handler, handled in by_handler(self._projection.subscription.handlers, new):
                await handler(tx, handled)
            others = await tx.rows(self._receive, group=LEFT_OUT, event_ids=list(left_out), now=now)
        self.report.events += len(new)
        return len(rows) + len(others)

    async def _forget_erased(self, owner: Any) -> None:
        for user_id in sorted(await self._erased(owner) - self._forgotten):
            async with self._sessions.write() as tx:
                await self._projection.forget(tx, user_id)
            self._forgotten.add(user_id)

    async def _erased(self, owner: Any) -> set[str]:
        rows = await owner.fetch(f'SELECT user_id FROM "{self._db.service}".erased_subjects')  # noqa: S608 - our own name
        return {row["user_id"] for row in rows}

    def _sql(self, text: str) -> str:
        return text.format(live=f'"{self._db.service}".{INBOX}', shadow=f'"{self._db.service}_rebuild".{INBOX}')


def _lock(service: str) -> int:
    name = f"fitnesshub rebuild of {service}"
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big", signed=True)


def _some(ids: Collection[str]) -> str:
    shown = ", ".join(sorted(ids)[:SHOWN])
    return f"{shown}, …" if len(ids) > SHOWN else shown


_MISSING = """
SELECT event_id FROM {live} AS seen WHERE consumer_group = $1 AND handled_at >= $2
AND NOT EXISTS (SELECT FROM {shadow} AS known WHERE known.event_id = seen.event_id AND known.consumer_group IN ($1, ''))
"""
_BEHIND = """
SELECT event_id FROM {shadow} AS seen WHERE consumer_group = $1 AND event_id >= $2
AND NOT EXISTS (SELECT FROM {live} AS known WHERE known.event_id = seen.event_id AND known.consumer_group = $1)
"""
# What took effect in the shadow and comes to the consumers only now.
_HEAR_OF = """
INSERT INTO {live} SELECT * FROM {shadow} AS seen WHERE consumer_group = $1 AND event_id >= $2
AND NOT EXISTS (SELECT FROM {live} AS known WHERE known.event_id = seen.event_id AND known.consumer_group = $1)
"""
