"""A projection is rebuilt beside the traffic: nothing is lost or doubled, nobody notices, and a difference is found."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import asyncpg
import pytest
from fitnesshub.event.v1.event_pb2 import Event
from google.protobuf.wrappers_pb2 import Int64Value, StringValue
from redis.asyncio import Redis
from sqlalchemy import text

from chassis import redis_client
from chassis.db import Database, Statement, WriteSession
from chassis.events import consumer as consumer_module
from chassis.events import rebuild as module
from chassis.events.consumer import Consumer, Handler, Received, Subscription
from chassis.events.rebuild import Projection, Rebuild, RebuildError, Replayed
from chassis.events.redis_bus import RedisBus
from tests.integration.chassis.depot import new_id
from tests.integration.chassis.events import GROUP, stock_event
from tests.stack.databases import TestDatabase

TABLE = """
    DROP TABLE IF EXISTS depot.shelves CASCADE;
    DROP SCHEMA IF EXISTS depot_rebuild CASCADE;
    DELETE FROM depot.inbox;
    DELETE FROM depot.erased_subjects;
    CREATE TABLE depot.shelves (
        item_id uuid PRIMARY KEY, version bigint NOT NULL DEFAULT 0, stock bigint NOT NULL CHECK (stock > -10),
        owner text NOT NULL DEFAULT '', CONSTRAINT shelves_one UNIQUE (owner, item_id)
    ) WITH (fillfactor = 71);
    CREATE INDEX shelves_by_stock ON depot.shelves (stock) WHERE stock > 1;
    COMMENT ON COLUMN depot.shelves.stock IS 'in pieces';
    ALTER TABLE depot.shelves ALTER COLUMN owner SET STATISTICS 0, ALTER COLUMN stock SET (n_distinct = 7);
    REVOKE DELETE ON depot.shelves FROM fitnesshub_depot;
    GRANT DELETE ON depot.shelves TO fitnesshub_depot;
    GRANT SELECT ON depot.shelves TO fitnesshub_annex;
"""
SHAPE = """
    SELECT jsonb_build_object(
        'indexes', (SELECT jsonb_agg(indexdef ORDER BY indexdef) FROM pg_indexes
            WHERE schemaname = 'depot' AND tablename = 'shelves'),
        'constraints', (SELECT jsonb_agg(conname || ' ' || pg_get_constraintdef(oid) ORDER BY conname)
            FROM pg_constraint WHERE conrelid = 'depot.shelves'::regclass),
        'columns', (SELECT jsonb_agg(jsonb_build_array(attname, atttypid, attnotnull, attstattarget, attoptions,
            pg_get_expr(adbin, adrelid), col_description(attrelid, attnum)) ORDER BY attnum)
            FROM pg_attribute LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum
            WHERE attrelid = 'depot.shelves'::regclass AND attnum > 0),
        'rights', (SELECT jsonb_agg(each ORDER BY each::text) FROM pg_class, aclexplode(relacl) AS each
            WHERE oid = 'depot.shelves'::regclass),
        'options', (SELECT to_jsonb(reloptions) FROM pg_class WHERE oid = 'depot.shelves'::regclass)
    )::text
"""
KEEP = Statement(
    text("""
    INSERT INTO depot.shelves (item_id, version, stock, owner) VALUES (:item_id, :version, :stock, :owner)
    ON CONFLICT (item_id) DO UPDATE SET version = excluded.version, stock = excluded.stock
    WHERE shelves.version < excluded.version
    """)
)
INCREMENT = Statement(
    text("""
    INSERT INTO depot.shelves (item_id, stock)
    SELECT item_id, count(*) FROM unnest(CAST(:item_ids AS uuid[])) AS sent (item_id) GROUP BY item_id
    ON CONFLICT (item_id) DO UPDATE SET stock = shelves.stock + excluded.stock
    """)
)
FORGET = Statement(text("DELETE FROM depot.shelves WHERE owner = :user_id"))
READ = Statement(text("SELECT * FROM depot.shelves WHERE stock >= :least"))
COUNT = Statement(text("SELECT CAST(coalesce(sum(stock), 0) AS bigint) FROM depot.shelves"))
ROWS = Statement(text("SELECT count(*) FROM depot.shelves"))
INBOX = Statement(text("SELECT count(*) FROM depot.inbox WHERE consumer_group = 'stocks'"))
ERASED = Statement(text("INSERT INTO depot.erased_subjects VALUES (:user_id, now())"))
LOSE = Statement(text("DELETE FROM depot.shelves WHERE item_id = :item_id"))


async def keep(tx: WriteSession, events: Sequence[Received]) -> None:
    """What a good handler does."""
    for received in events:
        event = received.event
        assert isinstance(received.data, Int64Value)
        if received.data.value < 0:
            raise ValueError("a stock can't be negative")
        await tx.execute(
            KEEP,
            item_id=event.aggregate_id,
            version=event.aggregate_version,
            stock=received.data.value,
            owner=event.subject_user_id,
        )


async def increment(tx: WriteSession, events: Sequence[Received]) -> None:
    """What no handler may do; it shows here how often an event took effect."""
    await tx.execute(INCREMENT, item_ids=sorted(received.event.aggregate_id for received in events))


def handlers(handler: Handler = keep) -> Subscription:
    return Subscription(GROUP, ("depot",), {"google.protobuf.Int64Value": handler})


PART = 40
"""Events a part of the replay."""


class Store:
    """An event store that appends when it is told to."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.erased: set[str] = set()

    async def replay(self, after: int) -> AsyncIterator[Replayed]:
        end = len(self.events)
        for first in range(after, end, PART):
            part = self.events[first : min(first + PART, end)]
            kept = [e for e in part if e.type == "google.protobuf.Int64Value" and e.subject_user_id not in self.erased]
            left_out = [each.id for each in part if each not in kept]
            yield Replayed([each.SerializeToString() for each in kept], left_out, first + len(part))


class World:
    """The depot with its bus, its consumer and its event store."""

    def __init__(self, db: Database, database: TestDatabase, bus: RedisBus) -> None:
        self.db = db
        self.database = database
        self.bus = bus
        self.store = Store()
        self.handler: Handler = keep

    async def publish(self, *events: Event, stored: bool = True) -> None:
        await self.bus.append("depot", [event.SerializeToString() for event in events])
        if stored:
            self.store.events += events

    async def hear(self) -> None:
        """Lets the live consumer handle what waits for it."""
        consumer = Consumer(self.db, self.bus, handlers(self.handler), new_id())
        async with asyncio.timeout(10):
            while await self.is_waiting():
                await consumer.step()

    async def is_waiting(self) -> bool:
        """Whether something waits for the live consumers, or is being handled."""
        return any(lag.waiting or lag.unacknowledged for lag in await self.bus.lag("depot"))

    @asynccontextmanager
    async def consuming(self) -> AsyncIterator[None]:
        """A live consumer; it leaves nothing half done, which the next one would have to wait for."""
        task = asyncio.create_task(Consumer(self.db, self.bus, handlers(self.handler), new_id()).run())
        try:
            yield
            async with asyncio.timeout(10):
                while await self.is_waiting():
                    await asyncio.sleep(0.01)
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    def rebuild(self, handler: Handler | None = None) -> Rebuild:
        projection = Projection(handlers(handler or self.handler), ("shelves",), self.store, forget)
        return Rebuild(self.database.owner_url, self.db, projection)

    async def rest(self) -> bool:
        """Whether something of a rebuild is left."""
        sql = "SELECT count(*) FROM pg_namespace WHERE nspname LIKE 'depot\\_%'"
        return bool(await self.database.owner_value(sql))


async def forget(tx: WriteSession, user_id: str) -> None:
    await tx.execute(FORGET, user_id=user_id)


def events(count: int, *, item: str = "", owner: str = "") -> list[Event]:
    made = []
    for number in range(count):
        event = stock_event(item or new_id(), number + 1, Int64Value(value=number + 1))
        event.subject_user_id = owner
        made.append(event)
    return made


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(consumer_module, "WAIT", 0.05)
    monkeypatch.setattr(consumer_module, "PAUSE", (0.001, 0.01))
    for name, value in {"PAUSE": 0.01, "POLL": 0.01, "BEHIND_SECONDS": 0.3, "ATTEMPTS": 2, "CLOSE": 50}.items():
        monkeypatch.setattr(module, name, value)


@pytest.fixture
async def world(depot: Database, depot_database: TestDatabase, redis: Redis, redis_url: str) -> AsyncIterator[World]:
    owner = await asyncpg.connect(depot_database.owner_url)
    await owner.execute(TABLE)
    client = redis_client.connect(redis_url, timeout=5)
    bus = RedisBus(client)
    await bus.join(GROUP, ["depot"])
    yield World(depot, depot_database, bus)
    await client.aclose()
    await owner.execute("DROP TABLE IF EXISTS depot.shelves CASCADE")
    await owner.close()


async def test_nothing_is_lost_or_doubled_while_traffic_goes_on(world: World) -> None:
    world.handler = increment
    async with asyncio.timeout(60):
        await world.publish(*events(300))
        await world.hear()
        stop = asyncio.Event()
        published: list[Event] = []
        read: list[int] = []

        async def write() -> None:
            """The store hears of some before the consumer, of others after it."""
            while not stop.is_set():
                new = events(5)
                published.extend(new)
                await world.publish(*new[:3], stored=False)
                world.store.events += new
                await asyncio.sleep(0.01)
                await world.publish(*new[3:], stored=False)

        async def look() -> None:
            """The statement is prepared in each connection long before the swap."""
            while not stop.is_set():
                read.append(len(await world.db.rows(READ, least=0)))
                async with world.db.read() as session:
                    rows = await session.rows(READ, least=0)
                    await asyncio.sleep(0.001)
                    assert await session.value(COUNT) == len(rows)

        async with world.consuming(), asyncio.TaskGroup() as tasks:
            for work in (write, look, look):
                tasks.create_task(work())
            reports = [await world.rebuild().run() for _ in range(3)]
            stop.set()
        await world.hear()
    total = 300 + len(published)
    assert await world.db.value(COUNT) == total
    assert await world.db.value(INBOX) == total
    assert reports[0].events >= 300
    assert reports[2].events > reports[0].events
    assert max(read) <= total
    assert min(read) >= 300
    assert not await world.rest()


async def test_what_is_wrong_is_right_afterwards(world: World) -> None:
    item = new_id()
    await world.publish(*events(9, item=item), *events(30))
    await world.hear()
    async with world.db.write() as tx:
        await tx.execute(LOSE, item_id=item)
    assert (await world.rebuild().verify()).differences
    await world.rebuild().run()
    assert (await world.rebuild().verify()).differences == []
    assert {str(row["item_id"]) for row in await world.db.rows(READ, least=9)} >= {item}


async def test_the_new_table_is_like_the_old_one(world: World) -> None:
    before = await world.database.owner_value(SHAPE)
    oid = await world.database.owner_value("SELECT 'depot.shelves'::regclass::oid")
    await world.rebuild().run()
    assert await world.database.owner_value(SHAPE) == before
    assert "fillfactor=71" in before
    assert await world.database.owner_value("SELECT 'depot.shelves'::regclass::oid") != oid


async def test_events_that_the_consumer_gets_after_the_swap_have_no_second_effect(world: World) -> None:
    world.handler = increment
    await world.publish(*events(20))
    await world.rebuild().run()
    assert await world.db.value(COUNT) == 20
    await world.hear()
    assert await world.db.value(COUNT) == 20


async def test_it_waits_for_the_store(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "BEHIND_SECONDS", 10)
    late = events(3)
    await world.publish(*late, stored=False)
    await world.hear()
    task = asyncio.create_task(world.rebuild().run())
    await asyncio.sleep(0.2)
    assert not task.done()
    world.store.events += late
    await task
    assert len(await world.db.rows(READ, least=0)) == 3


async def test_events_that_never_reach_the_store_stop_it(world: World) -> None:
    (lost,) = events(1)
    await world.publish(lost, stored=False)
    await world.hear()
    with pytest.raises(RebuildError, match=lost.id):
        await world.rebuild().run()
    assert len(await world.db.rows(READ, least=0)) == 1
    assert not await world.rest()


async def test_a_broken_handler_is_found(world: World) -> None:
    item = new_id()
    await world.publish(*events(4, item=item), *events(10), stock_event(new_id(), 1, StringValue(value="other")))
    await world.hear()
    assert (await world.rebuild().verify()).differences == []

    async def ignores_updates(tx: WriteSession, received: Sequence[Received]) -> None:
        await keep(tx, [each for each in received if each.event.aggregate_version == 1])

    async def adds_one(tx: WriteSession, received: Sequence[Received]) -> None:
        for each in received:
            assert isinstance(each.data, Int64Value)
            each.data.value += 1
        await keep(tx, received)

    for broken in (ignores_updates, adds_one, increment):
        (difference,) = (await world.rebuild(broken).verify()).differences
        assert difference.startswith("shelves: live 11 rows")


async def test_an_incrementing_handler_is_found_when_events_come_twice(world: World) -> None:
    """The inbox forgets after a week; a repeat after that shows whether the handler replaces or increments."""
    for handler, is_same in ((keep, True), (increment, False)):
        world.handler = handler
        await world.publish(*(made := events(3)))
        await world.hear()
        await world.database.owner_value("DELETE FROM depot.inbox")
        await world.publish(*made, stored=False)
        await world.hear()
        assert (not (await world.rebuild().verify()).differences) == is_same


async def test_erased_persons(world: World) -> None:
    ada, bob = new_id(), new_id()
    await world.publish(*events(5, owner=ada), *events(5, owner=bob))
    await world.hear()
    world.store.erased.add(ada)
    assert (await world.rebuild().verify()).differences  # live hasn't heard of it
    async with world.db.write() as tx:
        await tx.execute(ERASED, user_id=ada)
        await tx.execute(FORGET, user_id=ada)
    assert (await world.rebuild().verify()).differences == []
    await world.publish(*events(2, owner=ada))
    await world.hear()
    await world.rebuild().run()
    assert {row["owner"] for row in await world.db.rows(READ, least=0)} == {bob}


async def test_a_person_who_is_erased_during_the_rebuild(world: World) -> None:
    ada = new_id()
    await world.publish(*events(5, owner=ada), *events(3))
    await world.hear()
    rebuild = world.rebuild()
    catch_up = rebuild._catch_up

    async def erase_and_catch_up() -> None:
        async with world.db.write() as tx:
            await tx.execute(ERASED, user_id=ada)
            await tx.execute(FORGET, user_id=ada)
        await catch_up()

    rebuild._catch_up = erase_and_catch_up  # type: ignore[method-assign]
    await rebuild.run()
    assert rebuild.report.events == 8
    assert {row["owner"] for row in await world.db.rows(READ, least=0)} == {""}


async def test_events_that_live_gave_up_or_never_got_are_told(world: World) -> None:
    bad = stock_event(new_id(), 1, Int64Value(value=-1))
    await world.publish(bad, *events(2))
    await world.hear()
    report = await world.rebuild().verify()
    assert (report.differences, list(report.failed)) == ([], [bad.id])
    never = events(1)
    world.store.events += never
    differences = (await world.rebuild().verify()).differences
    assert differences[0] == f"1 events of the store have no effect: {never[0].id}"


async def test_what_worked_before_and_fails_now_stops_it(world: World) -> None:
    async def fails(tx: WriteSession, received: Sequence[Received]) -> None:
        raise ValueError("not any more")

    await world.publish(*events(2))
    await world.hear()
    with pytest.raises(RebuildError, match="fail now"):
        await world.rebuild(fails).run()
    assert "fail now" in (await world.rebuild(fails).verify()).differences[0]


async def test_a_reader_that_holds_on_is_not_waited_for(world: World) -> None:
    await world.publish(*events(2))
    await world.hear()
    async with world.db.read() as session:
        assert len(await session.rows(READ, least=0)) == 2
        with pytest.raises(RebuildError, match="readers hold the tables"):
            await world.rebuild().run()
        assert len(await world.db.rows(READ, least=0)) == 2
    await world.rebuild().run()


@pytest.mark.parametrize(
    ("sql", "what"),
    [
        ("CREATE VIEW depot.seen AS SELECT * FROM depot.shelves", "the view or rule depot.seen"),
        ("ALTER TABLE depot.shelves ADD FOREIGN KEY (item_id) REFERENCES depot.items", "the foreign key"),
        ("ALTER TABLE depot.shelves ADD number bigserial", "the sequence"),
        ("GRANT UPDATE (stock) ON depot.shelves TO fitnesshub_annex", "rights on the column stock"),
        ("CREATE TABLE depot.more () INHERITS (depot.shelves)", "it has parts, or is one"),
    ],
)
async def test_tables_that_cannot_be_swapped_are_refused(world: World, sql: str, what: str) -> None:
    await world.database.owner_value(sql)
    with pytest.raises(RebuildError, match=what):
        await world.rebuild().run()
    assert not await world.rest()


async def test_one_at_a_time(world: World) -> None:
    await world.publish(*events(50))
    await world.hear()
    results = await asyncio.gather(*(world.rebuild().run() for _ in range(2)), return_exceptions=True)
    assert sorted(type(each).__name__ for each in results) == ["RebuildError", "Report"]


async def test_a_migration_meanwhile_stops_it(world: World) -> None:
    rebuild = world.rebuild()
    catch_up = rebuild._catch_up
    set_version = "UPDATE depot.alembic_version SET version_num = $1"

    async def migrate_and_catch_up() -> None:
        await world.database.owner_value(set_version, "9999")
        await catch_up()

    version = await world.database.owner_value("SELECT version_num FROM depot.alembic_version")
    rebuild._catch_up = migrate_and_catch_up  # type: ignore[method-assign]
    try:
        with pytest.raises(RebuildError, match="migrated meanwhile"):
            await rebuild.run()
    finally:
        await world.database.owner_value(set_version, version)
