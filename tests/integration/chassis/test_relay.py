"""What committed in the outbox gets to the bus: all of it, soon, and again when the bus lost it."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from fitnesshub.event.v1.event_pb2 import Event
from redis.asyncio import Redis
from sqlalchemy import text

from chassis import redis_client
from chassis.db import Database, Statement
from chassis.events import relay as module
from chassis.events.redis_bus import RedisBus
from chassis.events.relay import BATCH, Relay
from tests.integration.chassis import depot as tables
from tests.integration.chassis.events import CLEAR_INBOX, CLEAR_STATE, INBOX, OUTBOX, UNPUBLISHED, emit
from tests.stack.databases import TestDatabase

SOON = 10.0


@pytest.fixture
async def bus(redis: Redis, redis_url: str) -> AsyncIterator[RedisBus]:
    client = redis_client.connect(redis_url, timeout=5)
    yield RedisBus(client)
    await client.aclose()


@pytest.fixture
async def depot(depot: Database) -> Database:
    async with depot.write() as tx:
        await tx.execute(CLEAR_STATE)
        await tx.execute(CLEAR_INBOX)
    return depot


@pytest.fixture
async def relay(depot: Database, bus: RedisBus) -> AsyncIterator[Relay]:
    """One that runs."""
    relay = Relay(depot, bus, depot.connect)
    task = asyncio.create_task(relay.run())
    yield relay
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def published(bus: RedisBus, count: int) -> list[Event]:
    """The first events of the log, when there are as many."""
    await bus.join("test", ["depot"])
    found: list[Event] = []
    async with asyncio.timeout(SOON):
        while len(found) < count:
            deliveries = await bus.fetch("test", "one", ["depot"], count=count, wait=1)
            found += [Event.FromString(delivery.data) for delivery in deliveries]
    return found


async def value(db: Database, statement: Statement) -> int:
    return int(await db.value(statement))


async def eventually(db: Database, statement: Statement, wanted: int) -> None:
    async with asyncio.timeout(SOON):
        while await value(db, statement) != wanted:
            await asyncio.sleep(0.01)


async def test_events_are_published_in_the_order_of_their_ids(depot: Database, bus: RedisBus, relay: Relay) -> None:
    item = tables.new_id()
    for version in range(1, 4):
        await emit(depot, item, version, version * 10)
    events = await published(bus, 3)
    assert [event.aggregate_version for event in events] == [1, 2, 3]
    assert events[0].source == "depot"
    await eventually(depot, UNPUBLISHED, 0)
    assert await value(depot, OUTBOX) == 3
    assert relay.active


async def test_a_commit_wakes_the_relay(
    depot: Database, bus: RedisBus, relay: Relay, monkeypatch: pytest.MonkeyPatch
) -> None:
    await emit(depot, tables.new_id(), 1, 1)
    await published(bus, 1)
    monkeypatch.setattr("chassis.events.relay.POLL", 60.0)
    await emit(depot, tables.new_id(), 1, 1)  # wakes it from the last short wait
    await published(bus, 1)
    await emit(depot, tables.new_id(), 1, 1)
    await published(bus, 1)


async def test_many_events_go_in_batches(depot: Database, bus: RedisBus, relay: Relay) -> None:
    async with depot.write() as tx:
        for version in range(1, 2 * BATCH + 2):
            tx.emit("item", "item", version, Event())
    assert len({event.id for event in await published(bus, 2 * BATCH + 1)}) == 2 * BATCH + 1
    await eventually(depot, UNPUBLISHED, 0)


async def test_an_event_that_commits_late_is_not_passed_over(depot: Database, bus: RedisBus, relay: Relay) -> None:
    emitted, may_commit = asyncio.Event(), asyncio.Event()

    async def dawdle() -> None:
        async with depot.write() as tx:
            tx.emit("item", "late", 1, Event())
            emitted.set()
            await may_commit.wait()

    late = asyncio.create_task(dawdle())
    await emitted.wait()
    await emit(depot, "early", 1, 1)
    assert [event.aggregate_id for event in await published(bus, 1)] == ["early"]
    may_commit.set()
    await late
    assert [event.aggregate_id for event in await published(bus, 1)] == ["late"]


async def test_another_relay_takes_over_when_the_active_one_dies(depot: Database, bus: RedisBus, relay: Relay) -> None:
    await emit(depot, tables.new_id(), 1, 1)
    await published(bus, 1)
    second = Relay(depot, bus, depot.connect)
    task = asyncio.create_task(second.run())
    try:
        await asyncio.sleep(0)
        relay._publish_for_ever = never  # type: ignore[method-assign,assignment] # else it comes back at once
        async with depot.write() as tx:
            await tx.execute(KILL_LISTENERS)
        async with asyncio.timeout(2.0):
            while not second.active:
                await asyncio.sleep(0.01)
        await emit(depot, tables.new_id(), 1, 1)
        await published(bus, 1)
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


KILL_LISTENERS = Statement(
    text("""
    SELECT count(pg_terminate_backend(pid)) FROM pg_locks JOIN pg_stat_activity USING (pid)
    WHERE locktype = 'advisory' AND granted AND pg_locks.database = (
        SELECT oid FROM pg_database WHERE datname = current_database()
    )
    """)
)


async def never(_connection: object) -> None:
    await asyncio.Event().wait()


async def test_a_bus_that_lost_everything_gets_it_again(
    depot: Database, bus: RedisBus, relay: Relay, redis: Redis
) -> None:
    for version in range(1, 4):
        await emit(depot, "item", version, 1)
    await published(bus, 3)
    await eventually(depot, UNPUBLISHED, 0)
    await redis.flushdb()
    assert [event.aggregate_version for event in await published(bus, 3)] == [1, 2, 3]
    await eventually(depot, UNPUBLISHED, 0)


async def test_a_bus_that_started_again_gets_the_last_minute_before_it_died(
    depot: Database, bus: RedisBus, relay: Relay
) -> None:
    await emit(depot, "old", 1, 1)
    await published(bus, 1)
    await eventually(depot, UNPUBLISHED, 0)
    async with depot.write() as tx:
        await tx.execute(AGE, seconds=120)
    await emit(depot, "young", 1, 1)
    await published(bus, 1)
    await eventually(depot, UNPUBLISHED, 0)
    async with depot.write() as tx:
        await tx.execute(RESTARTED)
    assert [event.aggregate_id for event in await published(bus, 1)] == ["young"]
    await eventually(depot, UNPUBLISHED, 0)

    async with depot.write() as tx:
        await tx.execute(AGE, seconds=timedelta(hours=2).total_seconds())  # for which it was away
        await tx.execute(RESTARTED)
    assert [event.aggregate_id for event in await published(bus, 1)] == ["young"]
    await eventually(depot, UNPUBLISHED, 0)


AGE = Statement(
    text("""
    UPDATE depot.outbox
    SET published_at = published_at - CAST(:seconds AS double precision) * interval '1 second'
    """)
)
RESTARTED = Statement(text("UPDATE depot.relay_state SET incarnation = 'another'"))


async def test_a_full_log_pauses_the_relay(depot: Database, bus: RedisBus) -> None:
    await bus.join("test", ["depot"])
    relay = Relay(depot, bus, depot.connect, bound=5)
    task = asyncio.create_task(relay.run())
    try:
        for version in range(1, 8):
            await emit(depot, "item", version, 1)
            await eventually(depot, UNPUBLISHED, 0) if version < 6 else None
        async with asyncio.timeout(SOON):
            while not relay.paused:
                await asyncio.sleep(0.01)
        await emit(depot, "item", 8, 1)
        async with asyncio.timeout(SOON):
            while relay.backlog < 1 or relay.oldest_age <= 0:
                await asyncio.sleep(0.01)
        deliveries = await bus.fetch("test", "one", ["depot"], count=100, wait=1)
        await bus.acknowledge("test", deliveries)
        await bus.trim("depot", 0)
        await eventually(depot, UNPUBLISHED, 0)
        assert not relay.paused
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_a_bus_that_is_away_costs_nothing_but_time(
    depot: Database, bus: RedisBus, redis_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    relay = Relay(depot, RedisBus(redis_client.connect("unix:///nowhere/valkey.sock")), depot.connect)
    task = asyncio.create_task(relay.run())
    await emit(depot, "item", 1, 1)
    async with asyncio.timeout(SOON):
        while "can't publish" not in caplog.text:
            await asyncio.sleep(0.01)
    relay._bus = bus  # it comes back
    await published(bus, 1)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_published_events_go_after_a_day(depot: Database, bus: RedisBus, relay: Relay) -> None:
    await emit(depot, "item", 1, 1)
    await published(bus, 1)
    await eventually(depot, UNPUBLISHED, 0)
    async with depot.write() as tx:
        await tx.execute(AGE, seconds=timedelta(hours=25).total_seconds())
    await eventually(depot, OUTBOX, 0)


async def test_more_old_rows_than_a_batch_go_without_a_pause(
    depot: Database, bus: RedisBus, relay: Relay, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "TIDY", 3600.0)
    monkeypatch.setattr(module, "DELETE_BATCH", 3)
    for version in range(1, 11):
        await emit(depot, "item", version, 1)
    await published(bus, 10)
    await eventually(depot, UNPUBLISHED, 0)
    async with depot.write() as tx:
        await tx.execute(AGE, seconds=timedelta(hours=25).total_seconds())
        await tx.execute(OLD_INBOX)
    monkeypatch.setattr(module, "TIDY", 5.0)
    async with asyncio.timeout(7.0):  # a batch every 5 s would take 15 s
        while await value(depot, OUTBOX) or await value(depot, INBOX):
            await asyncio.sleep(0.05)


OLD_INBOX = Statement(
    text("""
    INSERT INTO depot.inbox
    SELECT 'old', gen_random_uuid(), now() - interval '8 days' FROM generate_series(1, 7)
    """)
)


async def test_a_backlog_is_counted_up_to_a_bound(
    depot: Database, bus: RedisBus, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "COUNTED", 4)
    relay = Relay(depot, bus, depot.connect)
    for version in range(1, 4):
        await emit(depot, "item", version, 1)
    await relay._measure_outbox()
    assert relay.backlog == 3
    age = relay.oldest_age
    for version in range(4, 8):
        await emit(depot, "item", version, 1)
    await relay._measure_outbox()
    assert relay.backlog == 4
    assert relay.oldest_age > age > 0


async def test_the_relay_stands_on_the_services_own_rights(depot_database: TestDatabase) -> None:
    assert await depot_database.owner_value(
        "SELECT has_table_privilege('fitnesshub_depot', 'depot.relay_state', 'INSERT')"
    )
