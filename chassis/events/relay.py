"""The relay: what committed in a service's outbox gets to the bus, at least once.

It claims rows that aren't published, never `id > cursor`: ids commit out of order. One relay a schema is
active, by an advisory lock whose connection dies with its process; the others wait for it.
"""

import asyncio
import hashlib
import logging
import time
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta

import asyncpg

from chassis.db import Database
from chassis.errors import Unavailable
from chassis.events.bus import Bus, BusError, Generation
from chassis.events.statements import RelayStatements, relay_statements
from chassis.outbox import channel
from chassis.pool import Connection
from chassis.telemetry import metrics

log = logging.getLogger(__name__)

BATCH = 500
"""Events a round trip: 5,000 events/s are ten rounds, and half a megabyte is held at a time."""
POLL = 0.2
"""Seconds after which the outbox is looked at without a notice."""
STANDBY = 0.5
"""Seconds between attempts to become the active relay: fail-over within 2 s, with the time to notice."""
CHECK = 1.0
"""Seconds between looks at the bus's generation and the lock's connection."""
TIDY = 5.0
"""Seconds between trimming the log and deleting old rows."""
BOUND = 100_000
"""Events in a log at which the relay pauses: about 100 MB in Redis. The outbox grows meanwhile, visibly."""
KEPT = timedelta(hours=24)
"""How long published rows stay, to be published again to a bus that lost its data."""
DOUBTFUL = timedelta(seconds=60)
"""What a bus that started again, or whose replica took over, may have lost: it syncs to disk every second. Counted back
from the last publication, which was before the bus died or within `CHECK` after it."""
KEPT_IN_INBOX = timedelta(days=7)
"""Longer than anything is published again by itself; a later repeat changes nothing, because versions decide."""
READERLESS = 10_000
"""Events that a log without any reader keeps."""
COUNTED = 10_000
"""Waiting rows that are counted at most: some 10 ms; all of 400,000 would take 0.6 s every second."""
DELETE_BATCH = 5_000
BREATH = 0.2
"""Seconds between two batches, in which events are published: 25,000 old rows a second go."""
RETRY = 0.5
"""Seconds after the database or the bus failed."""


class Relay:
    """The relay of one service; `run` is a worker."""

    def __init__(
        self, db: Database, bus: Bus, connect: Callable[[], Awaitable[Connection]], *, bound: int = BOUND
    ) -> None:
        """connect: opens a connection outside the pool, for the lock and the notices."""
        self._db = db
        self._bus = bus
        self._connect = connect
        self._bound = bound
        self._sql: RelayStatements = relay_statements(db.service)
        self._poked = asyncio.Event()
        self._lock = _lock(db.service)
        self.active = False
        """Whether this relay is the one that publishes."""
        self.paused = False
        """Whether the log is full."""
        self.backlog = 0
        """Rows not published, as of the last look; `COUNTED` stands for more."""
        self.oldest_age = 0.0
        """Seconds that the oldest of them has waited."""
        for name, text, read in (
            ("outbox_unpublished", f"Events that wait in the outbox; {COUNTED} or more", lambda: self.backlog),
            ("outbox_oldest_seconds", "Age of the oldest event that waits in the outbox", lambda: self.oldest_age),
            ("relay_active", "1 where the relay of the schema is the active one", lambda: self.active),
            ("relay_paused", "1 while the log of the service is full", lambda: self.paused),
        ):
            metrics.watch(name, text, read, service=db.service)

    async def run(self) -> None:
        """Publishes until it is cancelled, whenever this relay is the active one."""
        failing = False
        while True:
            try:
                await self._lead()
            except (Unavailable, BusError, OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
                if not failing:
                    log.warning("the relay of %s can't publish: %s", self._db.service, error)
                failing = True
            else:
                failing = False
            await asyncio.sleep(RETRY)

    async def _lead(self) -> None:
        """Becomes the active relay, and publishes until the lock or a server is lost."""
        connection = await self._connect()
        try:
            while not await connection.fetchval("SELECT pg_try_advisory_lock($1)", self._lock):  # noqa: ASYNC110
                await asyncio.sleep(STANDBY)
            await connection.add_listener(channel(self._db.service), lambda *_: self._poked.set())
            self.active = True
            log.info("the relay of %s is active", self._db.service)
            await self._publish_for_ever(connection)
        finally:
            self.active = False
            connection.terminate()

    async def _publish_for_ever(self, connection: Connection) -> None:
        checked = tidied = 0.0
        while True:
            now = time.monotonic()
            if now - checked >= CHECK:
                checked = now
                await connection.execute("SELECT 1")
                await self._measure_outbox()  # before the bus, whose failure must not hide that the outbox grows
                await self._follow(await self._bus.generation())
                await self._measure_log()
            if now - tidied >= TIDY:
                tidied = now
                if await self._tidy():
                    tidied += BREATH - TIDY
            self._poked.clear()
            if not self.paused and await self.publish() == BATCH:
                continue
            try:
                async with asyncio.timeout(POLL):
                    await self._poked.wait()
            except TimeoutError:
                pass

    async def publish(self) -> int:
        """Publishes one batch; returns how many events it had."""
        rows = await self._db.rows(self._sql.claim, most=BATCH)
        if not rows:
            return 0
        await self._bus.append(self._db.service, [row["event"] for row in rows])
        async with self._db.write() as tx:
            await tx.execute(self._sql.mark, ids=[row["id"] for row in rows], now=self._db.clock.now())
        return len(rows)

    async def _follow(self, generation: Generation) -> None:
        """Publishes again what the bus may have lost since the outbox was last published to it."""
        row = await self._db.row(self._sql.read_state)
        if row is not None and (row["epoch"], row["incarnation"]) == (generation.epoch, generation.incarnation):
            return
        lost_all = row is not None and row["epoch"] != generation.epoch
        # Not from now on: for how long the bus was away doesn't tell what it lost when it died.
        last: datetime | None = await self._db.value(self._sql.last_published)
        now = self._db.clock.now()
        since = min(last or now, now) - (KEPT if lost_all else DOUBTFUL)
        async with self._db.write() as tx:
            again = await tx.execute(self._sql.unmark, since=since) if row is not None else 0
            await tx.execute(self._sql.write_state, epoch=generation.epoch, incarnation=generation.incarnation)
        if again:
            log.warning("the bus may have lost events: publishing %d of %s again", again, self._db.service)

    async def _measure_outbox(self) -> None:
        row = await self._db.row(self._sql.measure, most=COUNTED)
        self.backlog = row["backlog"] if row else 0
        oldest = row["oldest"] if row else None
        self.oldest_age = (self._db.clock.now() - oldest).total_seconds() if oldest else 0.0

    async def _measure_log(self) -> None:
        full = await self._bus.length(self._db.service) >= self._bound
        if full and not self.paused:
            log.error("the log of %s is full; its relay pauses until a consumer catches up", self._db.service)
        self.paused = full

    async def _tidy(self) -> bool:
        """Returns whether there are more old rows than went in this batch."""
        await self._bus.trim(self._db.service, READERLESS)
        now = self._db.clock.now()
        async with self._db.write() as tx:
            sent = await tx.execute(self._sql.purge_outbox, before=now - KEPT, most=DELETE_BATCH)
        async with self._db.write() as tx:
            heard = await tx.execute(self._sql.purge_inbox, before=now - KEPT_IN_INBOX, most=DELETE_BATCH)
        return DELETE_BATCH in (sent, heard)


def _lock(service: str) -> int:
    name = f"fitnesshub relay of {service}"
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big", signed=True)
