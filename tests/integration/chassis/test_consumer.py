"""Every event takes effect once: twice, late, out of order, broken, or while servers come and go."""

import asyncio
import random
import time
from collections.abc import AsyncIterator, Sequence

import pytest
from fitnesshub.event.v1.event_pb2 import Event
from google.protobuf.timestamp_pb2 import Timestamp
from google.protobuf.wrappers_pb2 import Int64Value, StringValue
from redis.asyncio import Redis

from chassis import redis_client
from chassis.db import Database, WriteSession
from chassis.errors import Aborted, Unavailable
from chassis.events import consumer as module
from chassis.events.consumer import EVERY, Consumer, Received, Subscription
from chassis.events.redis_bus import REVIVED, STREAM, RedisBus
from tests.integration.chassis import depot as tables
from tests.integration.chassis.events import (
    CLEAR,
    CLEAR_INBOX,
    GROUP,
    INBOX,
    STOCK,
    STOCKS,
    keep_stock,
    stock_event,
    subscription,
)

ID = "018f3c9e-7b1a-7c3e-9d2f-0123456789ab"


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "WAIT", 0.05)
    monkeypatch.setattr(module, "PAUSE", (0.001, 0.01))


@pytest.fixture
async def bus(redis: Redis, redis_url: str) -> AsyncIterator[RedisBus]:
    client = redis_client.connect(redis_url, timeout=5)
    bus = RedisBus(client)
    await bus.join(GROUP, ["depot"])
    yield bus
    await client.aclose()


@pytest.fixture
async def depot(depot: Database) -> Database:
    async with depot.write() as tx:
        await tx.execute(CLEAR)
        await tx.execute(CLEAR_INBOX)
    return depot


async def append(bus: RedisBus, *events: Event) -> None:
    await bus.append("depot", [event.SerializeToString() for event in events])


async def drain(consumer: Consumer, bus: RedisBus, group: str = GROUP) -> int:
    """Lets a consumer work until its group has nothing left; returns how many events took effect."""
    count = 0
    async with asyncio.timeout(10):
        while any(lag.waiting or lag.unacknowledged for lag in await bus.lag("depot") if lag.group == group):
            count += await consumer.step()
    return count


async def test_an_event_takes_effect(depot: Database, bus: RedisBus) -> None:
    item = tables.new_id()
    await append(bus, stock_event(item, 1, Int64Value(value=7)))
    assert await drain(Consumer(depot, bus, subscription(), "one"), bus) == 1
    assert await depot.value(STOCK, item_id=item) == 7


async def test_twice_is_once(depot: Database, bus: RedisBus) -> None:
    event = stock_event(tables.new_id(), 1, Int64Value(value=7))
    consumer = Consumer(depot, bus, subscription(), "one")
    await append(bus, event, event)
    await append(bus, event)
    assert await drain(consumer, bus) == 1
    await append(bus, event)
    assert await drain(consumer, bus) == 0
    assert await depot.value(INBOX) == 1


async def test_order_does_not_matter(depot: Database, bus: RedisBus) -> None:
    items = [tables.new_id() for _ in range(5)]
    events = [stock_event(item, version, Int64Value(value=version)) for item in items for version in range(1, 9)]
    random.Random(7).shuffle(events)
    await append(bus, *events, *events[:10])
    assert await drain(Consumer(depot, bus, subscription(), "one"), bus) == len(events)
    assert [await depot.value(STOCK, item_id=item) for item in items] == [8] * 5


async def test_a_newer_form_of_a_known_event_takes_effect(depot: Database, bus: RedisBus) -> None:
    item = tables.new_id()
    event = stock_event(item, 1, Int64Value(value=7))
    event.data.value += StringValue(value="not known here").SerializeToString().replace(b"\x0a", b"\x7a", 1)
    event.MergeFromString(b"\xfa\x3f\x01x")  # field 1023 of the envelope
    await append(bus, event)
    assert await drain(Consumer(depot, bus, subscription(), "one"), bus) == 1
    assert await depot.value(STOCK, item_id=item) == 7


@pytest.mark.parametrize("newest_first", [False, True])
async def test_the_version_decides_and_not_the_time(depot: Database, bus: RedisBus, newest_first: bool) -> None:
    item = tables.new_id()
    future, past = (stock_event(item, version, Int64Value(value=version)) for version in (3, 9))
    future.time.FromJsonString("9999-12-31T23:59:59.999999999Z")
    past.time.FromJsonString("0001-01-01T00:00:00Z")
    await append(bus, *((past, future) if newest_first else (future, past)))
    assert await drain(Consumer(depot, bus, subscription(), "one"), bus) == 2
    assert await depot.value(STOCK, item_id=item) == 9
    assert await bus.dead_letters(GROUP) == []


async def test_two_consumers_with_the_same_events(depot: Database, bus: RedisBus) -> None:
    events = [stock_event(tables.new_id(), 1, Int64Value(value=1)) for _ in range(50)]
    await append(bus, *events)
    await append(bus, *reversed(events))
    consumers = [Consumer(depot, bus, subscription(), name) for name in ("one", "two")]
    assert sum(await asyncio.gather(*(drain(consumer, bus) for consumer in consumers))) == 50
    assert await depot.value(STOCKS) == 50


async def test_a_failing_event_is_buried_and_the_others_take_effect(depot: Database, bus: RedisBus) -> None:
    good = [stock_event(tables.new_id(), 1, Int64Value(value=1)) for _ in range(5)]
    bad = stock_event(tables.new_id(), 1, Int64Value(value=-1))
    await append(bus, *good[:2], bad, *good[2:])
    consumer = Consumer(depot, bus, subscription(), "one")
    assert await drain(consumer, bus) == 5
    (letter,) = await bus.dead_letters(GROUP)
    assert Event.FromString(letter.data).id == bad.id
    assert letter.reason == "ValueError: a stock can't be negative"
    assert consumer.buried == 1


async def test_a_revived_letter_takes_effect_when_the_handler_is_mended(
    depot: Database, bus: RedisBus, redis: Redis
) -> None:
    async def broken(_tx: WriteSession, _events: Sequence[Received]) -> None:
        raise RuntimeError("not today")

    item = tables.new_id()
    await append(bus, stock_event(item, 1, Int64Value(value=3)))
    await drain(Consumer(depot, bus, subscription(broken), "one"), bus)
    (letter,) = await bus.dead_letters(GROUP)
    await bus.revive(GROUP, letter)
    mended = Consumer(depot, bus, subscription(), "two")
    async with asyncio.timeout(10):
        while not await mended.step():
            pass
    assert await depot.value(STOCK, item_id=item) == 3
    assert await redis.xlen(REVIVED + GROUP) == 0
    assert await bus.dead_letters(GROUP) == []


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"\xff\xff", "isn't an event"),
        (Event(type="x").SerializeToString(), "has no id"),
        (Event(id=ID, time=Timestamp(seconds=2**62)).SerializeToString(), "has a time outside the calendar"),
        (
            Event(id=ID, type="a.B").SerializeToString(),
            "says that it is a a.B and holds a nothing",
        ),
    ],
)
async def test_what_cannot_be_read_is_buried_at_once(depot: Database, bus: RedisBus, data: bytes, reason: str) -> None:
    await bus.append("depot", [data])
    await drain(Consumer(depot, bus, subscription(), "one"), bus)
    (letter,) = await bus.dead_letters(GROUP)
    assert (letter.data, letter.reason) == (data, reason)


async def test_an_entry_that_somebody_else_made_is_buried_and_stops_nobody(
    depot: Database, bus: RedisBus, redis: Redis
) -> None:
    await redis.xadd("fitnesshub:events:depot", {"x": "garbage"})
    await append(bus, stock_event(tables.new_id(), 1, Int64Value(value=1)))
    await drain(Consumer(depot, bus, subscription(), "one"), bus)
    (letter,) = await bus.dead_letters(GROUP)
    assert (letter.data, letter.reason) == (b"", "has no id")
    assert [each.data for each in await bus.newest("depot", 2)][:1] == [b""]


async def test_a_broken_payload_is_buried(depot: Database, bus: RedisBus) -> None:
    event = stock_event(tables.new_id(), 1, Int64Value(value=1))
    event.data.value = b"\xff"
    await append(bus, event)
    await drain(Consumer(depot, bus, subscription(), "one"), bus)
    (letter,) = await bus.dead_letters(GROUP)
    assert letter.reason == "holds no google.protobuf.Int64Value"


async def test_types_that_nobody_handles_are_passed_over(depot: Database, bus: RedisBus) -> None:
    unknown = stock_event(tables.new_id(), 1, StringValue(value="x"))
    unknown.type = "depot.v9.FromTheFuture"
    unknown.data.type_url = "type.googleapis.com/depot.v9.FromTheFuture"
    await append(bus, unknown, stock_event(tables.new_id(), 1, StringValue(value="x")))
    await drain(Consumer(depot, bus, subscription(), "one"), bus)
    assert await bus.dead_letters(GROUP) == []

    heard: list[Received] = []

    async def hear(_tx: WriteSession, events: Sequence[Received]) -> None:
        heard.extend(events)

    await append(bus, unknown)
    everything = Subscription("everything", ("depot",), {EVERY: hear})
    await bus.join("everything", ["depot"])
    await drain(Consumer(depot, bus, everything, "one"), bus, "everything")
    assert {received.event.type for received in heard} == {unknown.type, "google.protobuf.StringValue"}


async def test_what_a_dead_consumer_held_is_taken_over(
    depot: Database, bus: RedisBus, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "IDLE", 0.0)
    item = tables.new_id()
    await append(bus, stock_event(item, 1, Int64Value(value=5)))
    assert len(await bus.fetch(GROUP, "dead", ["depot"], count=10, wait=1)) == 1
    assert await drain(Consumer(depot, bus, subscription(), "one"), bus) == 1
    assert await depot.value(STOCK, item_id=item) == 5


async def test_an_event_that_kills_its_consumers_is_buried(
    depot: Database, bus: RedisBus, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "IDLE", 0.0)
    await append(bus, stock_event(tables.new_id(), 1, Int64Value(value=5)))
    await bus.fetch(GROUP, "dead", ["depot"], count=10, wait=1)
    for _ in range(module.KILLER_DELIVERIES):
        await bus.reclaim(GROUP, "dead", ["depot"], idle=0, count=10)

    async def ping() -> None:
        raise Unavailable("DEPENDENCY_UNAVAILABLE", "the database is away")

    with monkeypatch.context() as patch:
        patch.setattr(depot, "ping", ping)
        with pytest.raises(Unavailable):
            await Consumer(depot, bus, subscription(), "one").step()
        assert await bus.dead_letters(GROUP) == []
    await drain(Consumer(depot, bus, subscription(), "two"), bus)
    (letter,) = await bus.dead_letters(GROUP)
    assert "never came to an end" in letter.reason


async def test_a_killer_is_buried_without_those_beside_it(
    depot: Database, bus: RedisBus, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "IDLE", 0.0)

    class KilledError(BaseException):
        """As by the kernel, for its memory."""

    async def handler(tx: WriteSession, events: Sequence[Received]) -> None:
        if any(isinstance(each.data, Int64Value) and each.data.value == 666 for each in events):
            raise KilledError
        await keep_stock(tx, events)

    events = [stock_event(tables.new_id(), 1, Int64Value(value=666 if n == 20 else 5)) for n in range(40)]
    await append(bus, *events)
    deaths = 0
    while deaths <= module.KILLER_DELIVERIES:
        try:
            await drain(Consumer(depot, bus, subscription(handler), f"life {deaths}"), bus)
            break
        except KilledError:
            deaths += 1
    assert deaths == module.KILLER_DELIVERIES
    (letter,) = await bus.dead_letters(GROUP)
    assert Event.FromString(letter.data).id == events[20].id
    assert await depot.value(STOCKS) == 39


async def test_lives_that_end_while_the_database_is_away_are_no_events_fault(
    depot: Database, bus: RedisBus, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "IDLE", 0.0)

    async def refuse(*_: object) -> None:
        raise Unavailable("DEPENDENCY_UNAVAILABLE", "the database is away")

    await append(bus, *(stock_event(tables.new_id(), 1, Int64Value(value=5)) for _ in range(10)))
    with monkeypatch.context() as patch:
        patch.setattr(depot, "ping", refuse)
        for life in range(module.KILLER_DELIVERIES + 2):
            consumer = Consumer(depot, bus, subscription(refuse), f"life {life}")
            for _ in range(3):
                with pytest.raises(Unavailable):
                    await consumer.step()
    assert await drain(Consumer(depot, bus, subscription(), "last"), bus) == 10
    assert await bus.dead_letters(GROUP) == []


async def test_an_event_that_takes_too_long_holds_up_no_other(
    depot: Database, bus: RedisBus, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def handler(tx: WriteSession, events: Sequence[Received]) -> None:
        if any(isinstance(each.data, Int64Value) and each.data.value == 666 for each in events):
            raise Unavailable("DEPENDENCY_UNAVAILABLE", "the statement took too long") from TimeoutError()
        await keep_stock(tx, events)

    slow = stock_event(tables.new_id(), 1, Int64Value(value=666))
    await append(bus, slow)
    consumer = Consumer(depot, bus, subscription(handler), "one")
    with monkeypatch.context() as patch:
        patch.setattr(module, "PAUSE", (60.0, 60.0))
        await consumer.step()
        await consumer.step()  # by itself; then in half a minute at the earliest
        await append(bus, *(stock_event(tables.new_id(), 1, Int64Value(value=5)) for _ in range(3)))
        await consumer.step()
        assert await depot.value(STOCKS) == 3
        assert await bus.dead_letters(GROUP) == []
        for held in consumer._failed:
            held.due = 0.0
    await drain(consumer, bus)
    (letter,) = await bus.dead_letters(GROUP)
    assert Event.FromString(letter.data).id == slow.id


@pytest.mark.parametrize(
    "failure", [Unavailable("DEPENDENCY_UNAVAILABLE", "the key is missing"), Aborted("WRITE_CONFLICT", "came second")]
)
async def test_an_event_whose_handler_asks_to_wait_is_never_buried(
    depot: Database, bus: RedisBus, monkeypatch: pytest.MonkeyPatch, failure: Unavailable | Aborted
) -> None:
    monkeypatch.setattr(module, "RETRY", 0.001)
    refused = 0
    mended = False

    async def handler(tx: WriteSession, events: Sequence[Received]) -> None:
        nonlocal refused
        if not mended and any(isinstance(each.data, Int64Value) and each.data.value == 666 for each in events):
            refused += 1
            raise failure
        await keep_stock(tx, events)

    await append(bus, stock_event(tables.new_id(), 1, Int64Value(value=666)))
    consumer = Consumer(depot, bus, subscription(handler), "one")
    task = asyncio.create_task(consumer.run())
    try:
        async with asyncio.timeout(10):
            while refused <= 2 * module.ATTEMPTS:
                await asyncio.sleep(0.01)
            await append(bus, *(stock_event(tables.new_id(), 1, Int64Value(value=5)) for _ in range(3)))
            while await depot.value(STOCKS) != 3:
                await asyncio.sleep(0.01)
            assert await bus.dead_letters(GROUP) == []
            while not consumer._failed:  # it is being tried
                await asyncio.sleep(0.001)
            (held,) = consumer._failed
            assert held.failures == 0
            mended = True
            while await depot.value(STOCKS) != 4:
                await asyncio.sleep(0.01)
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_what_waits_to_be_tried_again_is_not_taken_over(
    depot: Database, bus: RedisBus, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "RECLAIM", 0.01)
    monkeypatch.setattr(module, "IDLE", 0.5)
    monkeypatch.setattr(module, "PAUSE", (60.0, 60.0))
    await append(bus, stock_event(tables.new_id(), 1, Int64Value(value=-1)))
    consumer = Consumer(depot, bus, subscription(), "one")
    end = time.monotonic() + 1.0
    while time.monotonic() < end:
        await consumer.step()
        assert await bus.reclaim(GROUP, "two", ["depot"], idle=module.IDLE, count=10) == []


async def test_the_same_position_in_two_logs(depot: Database, bus: RedisBus, redis: Redis) -> None:
    await bus.join(GROUP, ["depot", "annex"])
    both = Subscription(GROUP, ("depot", "annex"), {"google.protobuf.Int64Value": keep_stock})
    consumer = Consumer(depot, bus, both, "one")
    for source, stock in (("depot", -1), ("annex", 1)):
        event = stock_event(tables.new_id(), 1, Int64Value(value=stock))
        await redis.xadd(STREAM + source, {"event": event.SerializeToString()}, id="1000-0")
        await consumer.step()
    async with asyncio.timeout(10):
        while not await depot.value(STOCKS):
            await consumer.step()


async def test_a_database_that_is_away_is_no_events_fault(
    depot: Database, bus: RedisBus, monkeypatch: pytest.MonkeyPatch
) -> None:
    away = 30

    async def ping() -> None:
        if away > 0:
            raise Unavailable("DEPENDENCY_UNAVAILABLE", "the database is away")

    monkeypatch.setattr(depot, "ping", ping)

    async def stumble(tx: WriteSession, events: Sequence[Received]) -> None:
        nonlocal away
        away -= 1
        if away > 0:
            raise Unavailable("DEPENDENCY_UNAVAILABLE", "the database is away")
        await keep_stock(tx, events)

    events = [stock_event(tables.new_id(), 1, Int64Value(value=5)) for _ in range(3)]
    await append(bus, *events)
    consumer = Consumer(depot, bus, subscription(stumble), "one")
    refused = 0
    async with asyncio.timeout(10):
        while await depot.value(STOCKS) < 3:
            try:
                await consumer.step()
            except Unavailable:
                refused += 1
    assert refused > module.ATTEMPTS
    assert await bus.dead_letters(GROUP) == []


async def test_it_goes_on_after_the_bus_lost_its_groups(
    depot: Database, bus: RedisBus, redis: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "RETRY", 0.01)
    consumer = Consumer(depot, bus, subscription(), "one")
    task = asyncio.create_task(consumer.run())
    try:
        for number in range(1, 3):
            await append(bus, stock_event(tables.new_id(), 1, Int64Value(value=5)))
            async with asyncio.timeout(10):
                while await depot.value(STOCKS) != number:
                    await asyncio.sleep(0.01)
            await redis.flushdb()
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
