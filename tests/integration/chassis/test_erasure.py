"""A service forgets who is erased: rows, log, answers, sagas; and nothing brings them back."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from fitnesshub.audit.v1.events_pb2 import SubjectErased
from google.protobuf.wrappers_pb2 import Int64Value, StringValue
from redis.asyncio import Redis
from sqlalchemy import text

from chassis import erasure as module
from chassis import redis_client
from chassis.clock import FixedClock, SystemIds
from chassis.db import Database, Statement
from chassis.erasure import KIND, PART, PASSES, SETTLE, Erasure
from chassis.errors import Unavailable
from chassis.events.bus import BusError
from chassis.events.consumer import Consumer, Subscription
from chassis.events.redis_bus import RedisBus
from chassis.outbox import make_event
from chassis.sagas.model import Saga, Status, Step
from chassis.sagas.runner import SagaRunner, start
from tests.integration.chassis.depot import keyed_call, new_id
from tests.integration.chassis.events import GROUP, STOCK, keep_stock
from tests.stack.databases import TestDatabase

START = datetime(2026, 11, 23, tzinfo=UTC)
CLEAR = [Statement(text(f"DELETE FROM depot.{table}")) for table in ("sagas", "erased_subjects", "inbox", "stocks")]
SAGAS = Statement(text("SELECT kind, key, status, step, data, subject_user_id, due_at FROM depot.sagas ORDER BY id"))
SUBJECTS = Statement(text("SELECT subject_user_id FROM depot.outbox ORDER BY subject_user_id"))
SCOPES = Statement(text("SELECT scope FROM depot.idempotency_records ORDER BY scope"))
KEYS = Statement(text("SELECT key FROM depot.idempotency_records"))
ERASED = Statement(text("SELECT user_id FROM depot.erased_subjects"))


class Own:
    """The service's own data about persons."""

    def __init__(self) -> None:
        self.erased: list[str] = []
        self.fail: list[Exception] = []

    async def erase(self, user_id: str) -> None:
        if self.fail:
            raise self.fail.pop(0)
        self.erased.append(user_id)


@pytest.fixture
async def bus(redis: Redis, redis_url: str) -> AsyncIterator[RedisBus]:
    client = redis_client.connect(redis_url, timeout=5)
    yield RedisBus(client)
    await client.aclose()


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock(START)


@pytest.fixture
async def depot(depot: Database, depot_database: TestDatabase, clock: FixedClock) -> AsyncIterator[Database]:
    opened = depot_database.connect("depot", clock=clock)
    async with opened.write() as tx:
        for statement in CLEAR:
            await tx.execute(statement)
    yield opened
    await opened.close()


@pytest.fixture
def own() -> Own:
    return Own()


@pytest.fixture
def erasure(depot: Database, bus: RedisBus, own: Own) -> Erasure:
    return Erasure(depot, bus, SystemIds(), own.erase)


def event(user_id: str, data: Any, item: str = "", subject: str | None = None) -> bytes:
    made = make_event(
        event_id=new_id(),
        source="depot",
        time=START,
        aggregate=("item", item or new_id(), 1),
        data=data,
        subject_user_id=user_id if subject is None else subject,
        traceparent="",
    )
    return made.SerializeToString()


async def hear(bus: RedisBus, depot: Database, subscription: Subscription) -> int:
    """Lets the group handle what waits for it."""
    consumer = Consumer(depot, bus, subscription, new_id())
    await bus.join(subscription.group, subscription.sources)
    count = 0
    (source,) = subscription.sources
    while any(lag.waiting + lag.unacknowledged for lag in await bus.lag(source) if lag.group == subscription.group):
        count += await consumer.step()
    return count


async def erase(bus: RedisBus, depot: Database, erasure: Erasure, user_id: str) -> None:
    """Says that somebody was erased, and lets the service hear it."""
    await bus.append("audit", [event(user_id, SubjectErased(user_id=user_id), subject="")])
    assert await hear(bus, depot, erasure.subscription) == 1


async def run(depot: Database, erasure: Erasure) -> None:
    """Lets sagas run for as long as one is due."""
    runner = SagaRunner(depot, SystemIds(), [erasure.saga])
    while await runner.step():
        pass


async def test_a_service_forgets(depot: Database, bus: RedisBus, erasure: Erasure, own: Own) -> None:
    ada, bob = new_id(), new_id()
    other = Saga("other", (Step("never", own.erase),))  # type: ignore[arg-type]
    for person in (ada, bob):
        for user, answer in ((person, b"ok"), ("admin", f"about {person}".encode())):
            async with depot.write(keyed_call(key=f"{user} {person}", user=user)) as tx:
                tx.emit("item", new_id(), 1, Int64Value(value=1), person)
                tx.answer(StringValue(value=answer.decode()))
        async with depot.write() as tx:
            await start(tx, "depot", other, new_id(), person, {}, now=START + timedelta(days=1), user_id=person)
        await bus.append("depot", [event(person, Int64Value(value=1))])

    await erase(bus, depot, erasure, ada)
    await run(depot, erasure)

    assert own.erased == [ada]
    assert {row["subject_user_id"] for row in await depot.rows(SUBJECTS)} == {bob}
    assert [row["scope"] for row in await depot.rows(SCOPES)] == sorted([bob, "admin"])
    assert {(row["kind"], row["subject_user_id"]) for row in await depot.rows(SAGAS)} == {("other", bob), (KIND, "")}
    assert await bus.length("depot") == 1


async def test_events_that_come_later_have_no_effect(depot: Database, bus: RedisBus, erasure: Erasure) -> None:
    ada, bob = new_id(), new_id()
    await erase(bus, depot, erasure, ada)
    items = {person: new_id() for person in (ada, bob, "")}
    handlers = {"google.protobuf.Int64Value": keep_stock}
    await bus.append("depot", [event(person, Int64Value(value=5), item) for person, item in items.items()])
    await hear(bus, depot, Subscription(GROUP, ("depot",), handlers))
    stocks = {person: await depot.value(STOCK, item_id=item) for person, item in items.items()}
    assert stocks == {ada: None, bob: 5, "": 5}

    await hear(bus, depot, Subscription("archive", ("depot",), handlers, hears_of_erased=True))
    assert await depot.value(STOCK, item_id=items[ada]) == 5


async def test_it_looks_again_for_what_was_under_way(
    depot: Database, bus: RedisBus, erasure: Erasure, own: Own, clock: FixedClock
) -> None:
    ada = new_id()
    await erase(bus, depot, erasure, ada)
    for passed, delay in enumerate(PASSES, 1):
        await run(depot, erasure)
        assert len(own.erased) == passed - 1 + (not delay)
        clock.time += delay
        await run(depot, erasure)
        assert own.erased == [ada] * passed
        async with depot.write() as tx:
            tx.emit("item", new_id(), 1, Int64Value(value=1), ada)
        await bus.append("depot", [event(ada, Int64Value(value=1))])
    (saga,) = await depot.rows(SAGAS)
    assert saga["status"] == Status.DONE
    assert len(await depot.rows(SUBJECTS)) == 1, "the last pass comes when nobody can write for the person any more"


async def test_nothing_stops_it(
    depot: Database, bus: RedisBus, erasure: Erasure, own: Own, clock: FixedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    ada = new_id()
    own.fail = [Unavailable("DEPENDENCY_UNAVAILABLE", "later"), *(ValueError("odd") for _ in range(30))]
    broken = [BusError("gone")] * 20
    purge = bus.purge_subject

    async def stumble(source: str, user_id: str) -> int:
        if broken:
            raise broken.pop()
        return await purge(source, user_id)

    monkeypatch.setattr(bus, "purge_subject", stumble)
    await erase(bus, depot, erasure, ada)
    await bus.append("depot", [event(ada, Int64Value(value=1))])
    for _ in range(100):
        await run(depot, erasure)
        clock.time += timedelta(minutes=2)
    assert (own.fail, broken, await bus.length("depot")) == ([], [], 0)
    assert own.erased[0] == ada


async def test_whoever_is_erased_again_is_erased_again(
    depot: Database, bus: RedisBus, erasure: Erasure, own: Own
) -> None:
    ada = new_id()
    for _ in range(2):
        await erase(bus, depot, erasure, ada)
    await run(depot, erasure)
    assert own.erased == [ada, ada]
    assert [row["user_id"] for row in await depot.rows(ERASED)] == [ada]
    assert {row["data"]["userId"] for row in await depot.rows(SAGAS)} == {ada}


@pytest.mark.parametrize("source", ["depot", "audit"])
async def test_one_service_has_the_files_written_anew(
    depot: Database, bus: RedisBus, clock: FixedClock, own: Own, monkeypatch: pytest.MonkeyPatch, source: str
) -> None:
    """After each pass, when the others have had time for theirs: the one that says who is erased."""
    monkeypatch.setattr(module, "SOURCE", source)
    left: list[tuple[int, datetime]] = []

    async def rewrite() -> None:
        left.append((await bus.length("depot"), clock.time))

    monkeypatch.setattr(bus, "rewrite_files", rewrite)
    erasure = Erasure(depot, bus, SystemIds(), own.erase)
    ada = new_id()
    async with depot.write() as tx:
        await start(tx, "depot", erasure.saga, new_id(), "erasure", {"userId": ada}, now=clock.time)
    expected = []
    for delay in PASSES:
        clock.time += delay
        await bus.append("depot", [event(ada, Int64Value(value=1))])
        await run(depot, erasure)
        clock.time += SETTLE
        expected.append((0, clock.time))
        await run(depot, erasure)
    ((row),) = await depot.rows(SAGAS)
    assert (row["status"], len(own.erased)) == (Status.DONE, len(PASSES))
    assert left == (expected if source == "depot" else [])


async def test_answers_are_found_whenever_they_were_given(
    depot: Database, bus: RedisBus, erasure: Erasure, clock: FixedClock
) -> None:
    ada = new_id()
    for age in (timedelta(), PART / 3, PART, 5 * PART, timedelta(days=3)):
        clock.time = START - age
        for kind, said in (("about", ada), ("else", new_id())):
            async with depot.write(keyed_call(key=f"{kind} {age}", user="admin")) as tx:
                tx.answer(StringValue(value=f"{said} is well"))
    clock.time = START
    await erase(bus, depot, erasure, ada)
    await run(depot, erasure)
    assert {row["key"].split()[0] for row in await depot.rows(KEYS)} == {"else"}
    assert len(await depot.rows(KEYS)) == 5


@pytest.mark.parametrize("plan_cache_mode", ["force_custom_plan", "force_generic_plan"])
async def test_one_persons_events_are_found_by_an_index(
    depot: Database, erasure: Erasure, plan_cache_mode: str
) -> None:
    (sql,) = [each.sql for each in erasure._delete if "outbox" in each.sql]
    async with depot.write() as tx:
        await tx.execute(Statement(text(f"SET LOCAL plan_cache_mode = {plan_cache_mode}")))
        await tx.execute(Statement(text("SET LOCAL enable_seqscan = off")))
        await tx.execute(Statement(text(f"PREPARE find(text) AS {sql.replace(':', chr(92) + ':')}")))
        plan = await tx.rows(Statement(text("EXPLAIN EXECUTE find('ada')")))
        await tx.execute(Statement(text("DEALLOCATE find")))
    assert "outbox_by_subject" in str([dict(row) for row in plan])
