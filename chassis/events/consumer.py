"""The consumer: gives a group's events to its handlers, each with effect once.

An event's id goes into the group's inbox in the transaction of its effect; what was there is skipped. What
fails is tried again with growing pauses, alone, and in the end becomes a dead letter.
"""

import asyncio
import logging
import random
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass

from fitnesshub.event.v1.event_pb2 import Event
from google.protobuf.descriptor_pool import Default
from google.protobuf.message import DecodeError, Message
from google.protobuf.message_factory import GetMessageClass

from chassis.clock import is_uuid
from chassis.db import Database, WriteSession
from chassis.errors import Aborted, Unavailable
from chassis.events.bus import Bus, BusError, Delivery
from chassis.events.statements import erased, receive
from chassis.telemetry import metrics

log = logging.getLogger(__name__)

BATCH = 200
"""Events a transaction; a fetch brings as many a log."""
WAIT = 1.0
"""Seconds a fetch waits for something new."""
RECLAIM = 2.0
"""Seconds between looks for events that a dead consumer holds, and between signs of life for those held here."""
IDLE = 10.0
"""Seconds after which a consumer that doesn't acknowledge counts as dead; should it live, the inbox decides."""
ATTEMPTS = 8
"""Times an event is tried before it is a dead letter: some 25 s, with the pauses below."""
PAUSE = (0.1, 15.0)
"""Seconds before the second attempt, doubled each time, and the longest; each is spread by half."""
KILLER_DELIVERIES = 10
"""An event that was given out this often and never came to an end kills whoever handles it. From the third time on
it comes alone, so that none is counted for what another one does."""
MOST_FAILED = 1000
"""Failed events in memory at which nothing new is fetched until some are done with."""
RETRY = 0.5
"""Seconds after the database or the bus failed."""


@dataclass(frozen=True, slots=True)
class Received:
    """An event with what is in it."""

    event: Event
    data: Message
    """Of a type that this version doesn't know: the `google.protobuf.Any` as it came."""


Handler = Callable[[WriteSession, Sequence[Received]], Awaitable[None]]
"""Lets events take effect: all of them, in one transaction. They come in any order, and an older version may come
after a newer one: a handler replaces what it holds of an aggregate if the version is newer, and never increments."""


@dataclass(frozen=True)
class Subscription:
    """What a service wants to hear. Handlers by full name of the event; `EVERY` takes all others."""

    group: str
    sources: tuple[str, ...]
    handlers: Mapping[str, Handler]
    hears_of_erased: bool = False
    """Whether events about persons who were erased take effect still, as in an archive that keeps what is left of
    them. For all others such events are as if they had never been."""


EVERY = "*"


class PoisonError(Exception):
    """An event that can't be read, whoever tries."""


@dataclass(slots=True, eq=False)
class _Held:
    """A delivery on its way through this consumer."""

    delivery: Delivery
    received: Received
    attempts: int = 0
    failures: int = 0
    """Attempts that may be the event's own fault."""
    due: float = 0.0


class Consumer:
    """One consumer of a group; `run` is a worker, and any number may run."""

    def __init__(self, db: Database, bus: Bus, subscription: Subscription, name: str) -> None:
        """name: of this consumer, different from that of every other one that ever was."""
        self._db = db
        self._bus = bus
        self._name = name
        self._group = subscription.group
        self._sources = subscription.sources
        self._handlers = subscription.handlers
        self._hears_of_erased = subscription.hears_of_erased
        self._receive = receive(db.service)
        self._failed: list[_Held] = []
        self._looked = 0.0
        self._may_be_more = True
        self.lag = 0
        """Events that the group still has before it, as of the last look."""
        self.buried = 0
        metrics.watch("events_lag", "Events a group has before it", lambda: self.lag, group=self._group)
        metrics.watch("events_buried", "Events this process gave up on", lambda: self.buried, group=self._group)

    async def run(self) -> None:
        """Handles events until it is cancelled."""
        failing = False
        joined = False
        while True:
            try:
                if not joined:
                    await self._bus.join(self._group, self._sources)
                    joined = True
                await self.step()
                failing = False
            except (Unavailable, Aborted, BusError) as error:
                if not failing:
                    log.warning("the consumers of %s have to wait: %s", self._group, error)
                failing = True
                joined = False  # a bus that lost its data lost its groups
                await asyncio.sleep(RETRY)

    async def step(self) -> int:
        """Handles what is due: failures to be tried again, else new events. Returns how many took effect."""
        now = time.monotonic()
        if now - self._looked >= RECLAIM:
            self._looked = now
            self._may_be_more = True
            await self._bus.keep(self._group, self._name, [held.delivery for held in self._failed])
            await self._measure()
        due = next((held for held in self._failed if held.due <= now), None)
        if due is not None:
            self._failed.remove(due)
            return await self._try(due)
        if self._may_be_more:
            deliveries = await self._bus.reclaim(self._group, self._name, self._sources, idle=IDLE, count=BATCH)
            self._may_be_more = bool(deliveries)
            if deliveries:
                return await self._handle(deliveries)
        wait = max(0.001, min([WAIT, *(held.due - now for held in self._failed)]))
        if len(self._failed) >= MOST_FAILED:
            await asyncio.sleep(wait)
            return 0
        deliveries = await self._bus.fetch(self._group, self._name, self._sources, count=BATCH, wait=wait)
        return await self._handle(deliveries) if deliveries else 0

    async def _handle(self, deliveries: Sequence[Delivery]) -> int:
        """Together; when that fails, one by one in the next steps."""
        mine = {(held.delivery.source, held.delivery.position) for held in self._failed}
        batch: list[_Held] = []
        for delivery in deliveries:
            if (delivery.source, delivery.position) in mine:
                continue
            try:
                if delivery.deliveries > KILLER_DELIVERIES:
                    await self._db.ping()  # while the database is away, no event is judged
                    raise PoisonError(f"was given out {delivery.deliveries} times and never came to an end")
                batch.append(_Held(delivery, read_event(delivery.data)))
            except PoisonError as error:
                await self._bury(delivery, str(error))
        if not batch:
            return 0
        try:
            count = await self._apply(batch)
        except Exception as error:
            self._failed += batch
            if isinstance(error, Unavailable | Aborted):
                await self._excuse(batch)
            if _asks_to_wait(error):
                raise
            log.info("a batch of %d events failed for %s; trying one by one", len(batch), self._group)
            return 0
        await self._bus.acknowledge(self._group, [held.delivery for held in batch])
        return count

    async def _try(self, held: _Held) -> int:
        """One event by itself; a failure has it tried again later, or buries it."""
        try:
            count = await self._apply([held])
        except Exception as error:
            self._failed.append(held)
            if isinstance(error, Unavailable | Aborted):
                await self._excuse([held])
            await self._put_off(held, error)
            if _asks_to_wait(error):
                raise
            return 0
        await self._bus.acknowledge(self._group, [held.delivery])
        return count

    async def _put_off(self, held: _Held, error: Exception) -> None:
        held.attempts += 1
        held.failures += not _asks_to_wait(error)
        event = held.received.event
        if held.failures >= ATTEMPTS:
            log.error("%s gives up on event %s (%s)", self._group, event.id, event.type, exc_info=error)
            await self._bury(held.delivery, f"{type(error).__name__}: {error}")
            self._failed.remove(held)
            return
        if held.attempts == 1:
            log.warning("event %s (%s) failed for %s; trying again", event.id, event.type, self._group, exc_info=error)
        first, longest = PAUSE
        pause = longest if held.attempts > ATTEMPTS else min(first * 2 ** (held.attempts - 1), longest)
        held.due = time.monotonic() + pause * random.uniform(0.5, 1.5)  # noqa: S311 - spreads load, keeps no secret

    async def _excuse(self, batch: Sequence[_Held]) -> None:
        """What ended without an effect killed nobody. Raises Unavailable while the database is away."""
        await self._bus.keep(self._group, self._name, [held.delivery for held in batch], anew=True)
        await self._db.ping()

    async def _apply(self, batch: Sequence[_Held]) -> int:
        """The effect of the events that had none yet, in one transaction."""
        events = {held.received.event.id: held.received for held in batch}
        async with self._db.write() as tx:
            # Sorted: two consumers with the same events wait for each other, and not in a circle.
            rows = await tx.rows(self._receive, group=self._group, event_ids=sorted(events), now=self._db.clock.now())
            new = [events[str(row["event_id"])] for row in rows]
            if not self._hears_of_erased:
                new = await without_erased(tx, self._db.service, new)
            for handler, received in by_handler(self._handlers, new):
                await handler(tx, received)
        return len(new)

    async def _bury(self, delivery: Delivery, reason: str) -> None:
        self.buried += 1
        log.error("%s buries an event of %s at %s: %s", self._group, delivery.source, delivery.position, reason)
        await self._bus.bury(self._group, delivery, reason)

    async def _measure(self) -> None:
        lags = [each for source in self._sources for each in await self._bus.lag(source, self._group)]
        self.lag = sum(each.waiting + each.unacknowledged for each in lags)


def _asks_to_wait(error: Exception) -> bool:
    """Whether it is no event's fault, if the database answers: of what took too long the event may be the reason."""
    return isinstance(error, Aborted) or (
        isinstance(error, Unavailable) and not isinstance(error.__cause__, TimeoutError)
    )


async def without_erased(tx: WriteSession, service: str, events: Sequence[Received]) -> list[Received]:
    """The events that aren't about persons of whom this service knows that they were erased."""
    subjects = {received.event.subject_user_id for received in events} - {""}
    if not subjects:
        return list(events)
    gone = {row["user_id"] for row in await tx.rows(erased(service), user_ids=sorted(subjects))}
    return [received for received in events if received.event.subject_user_id not in gone]


def by_handler(handlers: Mapping[str, Handler], events: Sequence[Received]) -> list[tuple[Handler, list[Received]]]:
    """Who handles which. Events of a type that nobody here handles have no effect: a later version may know them."""
    found: dict[Handler, list[Received]] = {}
    for received in events:
        handler = handlers.get(received.event.type) or handlers.get(EVERY)
        if handler is not None:
            found.setdefault(handler, []).append(received)
    return list(found.items())


def read_event(data: bytes) -> Received:
    """The event and what is in it. Raises PoisonError."""
    try:
        event = Event.FromString(data)
    except DecodeError:
        raise PoisonError("isn't an event") from None
    if not is_uuid(event.id):
        raise PoisonError("has no id")
    try:
        event.time.ToDatetime()
    except ValueError:
        raise PoisonError("has a time outside the calendar") from None
    if event.type != event.data.TypeName():
        raise PoisonError(
            f"says that it is a {event.type or 'nothing'} and holds a {event.data.TypeName() or 'nothing'}"
        )
    try:
        kind = GetMessageClass(Default().FindMessageTypeByName(event.type))
    except KeyError:
        return Received(event, event.data)
    try:
        message: Message = kind.FromString(event.data.value)
    except DecodeError:
        raise PoisonError(f"holds no {event.type}") from None
    return Received(event, message)
