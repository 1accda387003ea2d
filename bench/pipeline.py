"""How fast events get from the outbox to their committed effect, beside a bare loop over the same Redis.

`make bench-pipeline` runs it and writes its section of docs/performance.md.
"""

import asyncio
import sys
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any

import uvloop
from fitnesshub.event.v1.event_pb2 import Event
from google.protobuf.wrappers_pb2 import BytesValue
from redis.asyncio import Redis
from sqlalchemy import text

from bench.emitter import DATA, TOGETHER, emit
from bench.report import machine, publish, table
from bench.servers import Servers, servers
from chassis import redis_client
from chassis.clock import SystemIds
from chassis.db import Database, Statement, WriteSession
from chassis.events.bus import Bus, Delivery
from chassis.events.consumer import BATCH, Consumer, Handler, Received, Subscription
from chassis.events.redis_bus import RedisBus
from chassis.events.relay import BATCH as RELAYED
from chassis.events.relay import Relay
from chassis.outbox import make_event

EVENTS = 20_000
ROUNDS = 3
"""The median is shown; bare loop and pipeline take turns, so that both have the same noise."""
GROUPS = (1, 3)
LAG_SECONDS = 10.0
SERVICES = Path(__file__).parents[1] / "tests/data/services"
COMMAND = "make bench-pipeline"
CLEAR = [Statement(text(f"DELETE FROM depot.{name}")) for name in ("outbox", "inbox", "relay_state")]  # noqa: S608


@dataclass(frozen=True)
class Speed:
    """Events a second to each group, and what one costs in CPU of the process with relay and consumers."""

    bare: float
    rate: float
    cpu_us: float


def handler(table_name: str) -> Handler:
    """Keeps the newest version of each aggregate in a table, by one statement for all events."""
    keep = Statement(
        text(f"""
        INSERT INTO depot.{table_name} (item_id, version, stock)
        SELECT * FROM unnest(CAST(:ids AS uuid[]), CAST(:versions AS bigint[]), CAST(:stocks AS bigint[]))
        ON CONFLICT (item_id) DO UPDATE SET version = excluded.version, stock = excluded.stock
        WHERE {table_name}.version < excluded.version
        """)  # noqa: S608
    )

    async def handle(tx: WriteSession, events: Sequence[Received]) -> None:
        newest: dict[str, tuple[int, int]] = {}
        for received in events:
            event = received.event
            assert isinstance(received.data, BytesValue)
            newest[event.aggregate_id] = max(
                newest.get(event.aggregate_id, (0, 0)), (event.aggregate_version, len(received.data.value))
            )
        ids = sorted(newest)
        versions, stocks = zip(*(newest[each] for each in ids), strict=True)
        await tx.execute(keep, ids=ids, versions=versions, stocks=stocks)

    return handle


async def bare_loop(redis: Any, count: int) -> float:
    """Events a second through XADD, XREADGROUP and XACK, of the pipeline's size and in its batches."""
    event = _event().SerializeToString()
    await redis.xgroup_create("bare", "group", "0", mkstream=True)

    async def produce() -> None:
        for _ in range(0, count, RELAYED):
            async with redis.pipeline(transaction=False) as pipeline:
                for _ in range(RELAYED):
                    pipeline.xadd("bare", {b"event": event})
                await pipeline.execute()

    async def consume() -> None:
        seen = 0
        while seen < count:
            answer = await redis.xreadgroup("group", "one", {"bare": ">"}, count=BATCH, block=1000)
            entries = [entry for _, found in answer or () for entry in found]
            if entries:
                await redis.xack("bare", "group", *[entry[0] for entry in entries])
            seen += len(entries)

    began = time.perf_counter()
    await asyncio.gather(produce(), consume())
    rate = count / (time.perf_counter() - began)
    await redis.delete("bare")
    return rate


@asynccontextmanager
async def pipeline(db: Database, bus: Bus, handlers: Sequence[Handler]) -> AsyncIterator[None]:
    """A relay, and a consumer of a group of its own for each handler, in this process as in the `work` role."""
    found = [
        Subscription(f"group{number}", ("depot",), {"google.protobuf.BytesValue": each})
        for number, each in enumerate(handlers)
    ]
    for subscription in found:
        await bus.join(subscription.group, subscription.sources)
    consumers = [Consumer(db, bus, subscription, "one") for subscription in found]
    runs = [Relay(db, bus, db.connect).run(), *(each.run() for each in consumers)]
    workers = [asyncio.create_task(each) for each in runs]
    try:
        yield
    finally:
        for worker in workers:
            worker.cancel()
        await asyncio.gather(*workers, return_exceptions=True)


async def speed(db: Database, redis: Redis, groups: int) -> Speed:
    """One round: the bare loop, then all events from an outbox that holds them to their effects."""
    bare = await bare_loop(redis, EVENTS)
    await _clear(db, redis)
    for _ in range(0, EVENTS, 1000):
        await emit(db, 1000)
    count = Statement(text("SELECT count(*) FROM depot.inbox"))
    began, cpu = time.perf_counter(), time.process_time()
    async with pipeline(db, RedisBus(redis), [handler(f"effects{number}") for number in range(groups)]):
        while await db.value(count) < EVENTS * groups:
            await asyncio.sleep(0.05)
        rate = EVENTS / (time.perf_counter() - began)
        cpu = time.process_time() - cpu
    return Speed(bare, rate, cpu / EVENTS * 1e6)


async def lag(at: Servers, db: Database, redis: Redis, groups: int, rate: float) -> tuple[float, float]:
    """Milliseconds from an event's being emitted to the end of its effect's transaction: median, 99th percentile."""
    await _clear(db, redis)
    secret = at.database.secrets / "database-depot"
    wanted = round(rate * LAG_SECONDS / TOGETHER) * TOGETHER * groups
    bus = TimedBus(redis)
    async with pipeline(db, bus, [handler(f"effects{number}") for number in range(groups)]):
        words = ["-m", "bench.emitter", at.database.server_url, str(secret), str(rate), str(LAG_SECONDS)]
        process = await asyncio.create_subprocess_exec(sys.executable, *words)
        if await process.wait():
            raise RuntimeError("the emitter failed")
        while sum(len(deliveries) for _, deliveries in bus.seen) < wanted:
            await asyncio.sleep(0.05)
    found = sorted(
        moment - Event.FromString(delivery.data).time.ToNanoseconds() / 1e9
        for moment, deliveries in bus.seen
        for delivery in deliveries
    )
    return median(found) * 1e3, found[len(found) * 99 // 100] * 1e3


class TimedBus(RedisBus):
    """Notes when effects were committed: they are acknowledged right after."""

    def __init__(self, redis: Redis) -> None:
        super().__init__(redis)
        self.seen: list[tuple[float, Sequence[Delivery]]] = []

    async def acknowledge(self, group: str, deliveries: Sequence[Delivery]) -> None:
        self.seen.append((time.time(), deliveries))
        await super().acknowledge(group, deliveries)


async def run() -> str:
    """Measures everything; returns the section's text."""
    kind = machine()
    rows = []
    async with servers() as at:
        await at.database.migrate(["depot", "annex"], root=SERVICES)
        for number in range(max(GROUPS)):
            await at.database.owner_value(f"CREATE TABLE depot.effects{number} (LIKE depot.stocks INCLUDING ALL)")
            await at.database.owner_value(f"GRANT ALL ON depot.effects{number} TO fitnesshub_depot")
        db = at.database.connect("depot")
        await db.open()
        redis = redis_client.connect(at.redis_url, timeout=5)
        for groups in GROUPS:
            speeds = [await speed(db, redis, groups) for _ in range(ROUNDS)]
            found = sorted(speeds, key=lambda each: each.rate / each.bare)[ROUNDS // 2]
            middle, late = await lag(at, db, redis, groups, found.rate / 2)
            rows.append(
                [
                    str(groups),
                    f"{found.rate:,.0f}",
                    f"{found.bare:,.0f}",
                    f"{found.rate / found.bare:.2f}",
                    f"{found.cpu_us:.0f}",
                    f"{middle:.0f} ms",
                    f"{late:.0f} ms",
                ]
            )
        await redis.aclose()
        await db.close()
    head = ["groups", "events/s to each", "bare loop", "ratio", "CPU µs an event", "lag p50", "lag p99"]
    return f"`{COMMAND}` on {kind}:\n\n{table(head, rows)}"


async def _clear(db: Database, redis: Redis) -> None:
    await redis.flushdb()
    async with db.write() as tx:
        for statement in CLEAR:
            await tx.execute(statement)


def _event() -> Event:
    new = SystemIds().new
    return make_event(
        event_id=new(),
        source="depot",
        time=datetime.now(UTC),
        aggregate=("item", new(), 1),
        data=DATA,
        subject_user_id="",
        traceparent="",
    )


if __name__ == "__main__":
    text_of_section = uvloop.run(run())
    print(text_of_section)
    publish("pipeline", text_of_section)
