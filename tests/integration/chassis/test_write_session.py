"""The unit of work: all or nothing, whatever goes wrong."""

import asyncio
from datetime import UTC, datetime
from typing import Any

import asyncpg
import pytest
from fitnesshub.event.v1.event_pb2 import Event
from google.protobuf.wrappers_pb2 import StringValue

from chassis.call import Wire
from chassis.clock import FixedClock, SystemIds
from chassis.db import (
    Database,
    ForeignKeyViolation,
    SessionMisuseError,
    Statement,
    UniqueViolation,
    WriteSession,
    in_write_transaction,
)
from chassis.errors import Aborted, NotFound
from chassis.pool import Connection
from tests.integration.chassis.depot import (
    ADD,
    ADD_PART,
    BACKEND,
    CHANGE,
    COUNT,
    EVENTS,
    GET,
    NAMES,
    SLEEP,
    TOUCH,
    keyed_call,
    new_id,
)
from tests.stack.databases import TestDatabase
from tests.stack.waiting import until

OPEN_TRANSACTIONS = (
    "SELECT count(*) FROM pg_stat_activity"
    " WHERE datname = current_database() AND usename = 'fitnesshub_depot' AND state LIKE 'idle in%'"
)


async def names(db: Database) -> list[str]:
    return [row["name"] for row in await db.rows(NAMES)]


async def test_what_a_block_does_is_there_afterwards_and_not_before(depot: Database) -> None:
    async with depot.write() as tx:
        await tx.execute(ADD, id=new_id(), name="a")
        assert [row["name"] for row in await tx.rows(NAMES)] == ["a"]
        assert await asyncio.create_task(_count_outside(depot)) == 0
    assert await names(depot) == ["a"]


async def _count_outside(db: Database) -> int:
    in_write_transaction.set(False)
    count: int = await db.value(COUNT)
    return count


async def test_an_exception_undoes_everything(depot: Database, depot_database: TestDatabase) -> None:
    with pytest.raises(NotFound):
        async with depot.write() as tx:
            await tx.execute(ADD, id=new_id(), name="a")
            tx.emit("item", "a", 1, StringValue(value="a"))
            raise NotFound("ITEM_NOT_FOUND", "no such item")
    assert await names(depot) == []
    assert await depot.rows(EVENTS) == []
    assert await depot_database.owner_value(OPEN_TRANSACTIONS) == 0
    assert depot.pool.opened == depot.pool.idle


async def test_an_empty_block_asks_the_server_nothing(depot_database: TestDatabase) -> None:
    unused = depot_database.connect("depot")
    async with unused.write():
        pass
    assert unused.pool.opened == 0


async def test_execute_counts_rows(depot: Database) -> None:
    one = new_id()
    async with depot.write() as tx:
        assert await tx.execute(ADD, id=one, name="a") == 1
        assert await tx.execute(TOUCH, item_id=one, stock=5) == 1
        assert await tx.execute(TOUCH, item_id=new_id(), stock=5) == 0


async def test_of_two_who_read_the_same_version_one_loses(depot: Database) -> None:
    """The lost update: both read version 1, both write version 2."""
    item = new_id()
    async with depot.write() as tx:
        await tx.execute(ADD, id=item, name="a")
    both_read = asyncio.Barrier(2)

    async def add_one() -> int:
        async with depot.write() as tx:
            row = await tx.row(GET, id=item)
            assert row is not None
            await both_read.wait()
            return await tx.execute(
                CHANGE, item_id=item, seen=row["version"], next=row["version"] + 1, stock=row["stock"] + 1
            )

    assert sorted(await asyncio.gather(add_one(), add_one())) == [0, 1]
    row = await depot.row(GET, id=item)
    assert row is not None
    assert (row["stock"], row["version"]) == (1, 2)


async def test_a_deadlock_is_a_conflict_to_retry(depot: Database) -> None:
    first, second = new_id(), new_id()
    async with depot.write() as tx:
        await tx.execute(ADD, id=first, name="a")
        await tx.execute(ADD, id=second, name="b")
    both_hold = asyncio.Barrier(2)

    async def lock(one: str, other: str) -> None:
        async with depot.write() as tx:
            await tx.execute(TOUCH, item_id=one, stock=1)
            await both_hold.wait()
            await tx.execute(TOUCH, item_id=other, stock=1)

    results = await asyncio.gather(lock(first, second), lock(second, first), return_exceptions=True)
    failed = [result for result in results if result is not None]
    assert [(type(error), error.reason) for error in failed if isinstance(error, Aborted)] == [
        (Aborted, "WRITE_CONFLICT")
    ]
    assert len(failed) == 1


async def test_violated_constraints_are_named(depot: Database) -> None:
    async with depot.write() as tx:
        await tx.execute(ADD, id=new_id(), name="a")
    with pytest.raises(UniqueViolation) as unique:
        async with depot.write() as tx:
            await tx.execute(ADD, id=new_id(), name="a")
    with pytest.raises(ForeignKeyViolation) as foreign:
        async with depot.write() as tx:
            await tx.execute(ADD_PART, id=new_id(), item_id=new_id())
    assert (unique.value.constraint, foreign.value.constraint) == ("items_name_key", "parts_item_id_fkey")
    assert depot.pool.opened == depot.pool.idle


async def test_an_error_that_is_swallowed_does_not_pass_for_a_commit(depot: Database) -> None:
    async with depot.write() as tx:
        await tx.execute(ADD, id=new_id(), name="a")
    with pytest.raises(SessionMisuseError, match="caught inside"):
        async with depot.write() as tx:
            await tx.execute(ADD, id=new_id(), name="b")
            with pytest.raises(UniqueViolation):
                await tx.execute(ADD, id=new_id(), name="a")
    assert await names(depot) == ["a"]


async def test_events_commit_with_the_change(depot_database: TestDatabase, depot: Database) -> None:
    moment = datetime(2026, 3, 1, 12, 30, tzinfo=UTC)
    timed = depot_database.connect("depot", clock=FixedClock(moment), ids=SystemIds())
    call = keyed_call("")
    async with timed.write(call) as tx:
        tx.emit("item", "i1", 3, StringValue(value="one"), subject_user_id="ada")
        tx.emit("item", "i2", 1, StringValue(value="two"))
        assert await tx.value(COUNT) == 0
    await timed.close()

    first, second = sorted(await depot.rows(EVENTS), key=lambda row: row["aggregate_id"])

    event = Event.FromString(first["event"])
    assert (event.id, event.source, event.type) == (str(first["id"]), "depot", "google.protobuf.StringValue")
    assert (event.aggregate_type, event.aggregate_id, event.aggregate_version) == ("item", "i1", 3)
    assert (event.subject_user_id, event.traceparent) == ("ada", call.traceparent)
    assert event.time.ToDatetime(UTC) == first["created_at"] == moment
    data = StringValue()
    assert event.data.Unpack(data)
    assert data.value == "one"
    columns = ("type", "aggregate_type", "aggregate_id", "aggregate_version", "subject_user_id")
    assert [first[name] for name in columns] == [getattr(event, name) for name in columns]
    assert first["published_at"] is None
    assert (second["subject_user_id"], first["id"].version) == ("", 7)


async def test_a_write_of_events_alone_commits(depot: Database) -> None:
    async with depot.write() as tx:
        tx.emit("item", "i1", 1, StringValue())
    assert len(await depot.rows(EVENTS)) == 1


async def test_an_event_that_cannot_be_written_takes_the_change_with_it(depot: Database) -> None:
    with pytest.raises(Exception, match="uuid"):
        async with depot.write() as tx:
            await tx.execute(ADD, id=new_id(), name="a")
            tx.emit("item", "i1", 1, StringValue())
            tx._events[0].id = "not a uuid"
    assert await names(depot) == []
    assert depot.pool.opened == depot.pool.idle


async def test_the_answer_is_what_the_handler_returns(depot: Database) -> None:
    async with depot.write() as tx:
        assert tx.answer(StringValue(value="x")) == Wire(StringValue(value="x").SerializeToString())
        assert tx.answer(Wire(b"raw")) == Wire(b"raw")


async def test_write_sessions_do_not_nest_and_single_reads_do_not_mix_in(depot: Database) -> None:
    async with depot.write() as tx:
        assert in_write_transaction.get()
        with pytest.raises(SessionMisuseError, match="nest"):
            async with depot.write():
                pass
        with pytest.raises(SessionMisuseError, match="write session"):
            await depot.value(COUNT)
        assert await tx.value(COUNT) == 0
    assert not in_write_transaction.get()


async def test_statements_of_a_session_run_one_after_the_other(depot: Database) -> None:
    async with depot.write() as tx:
        results = await asyncio.gather(tx.value(COUNT), tx.value(COUNT), return_exceptions=True)
    assert sorted(str(result) for result in results) == ["0", "the statements of a session run one after the other"]
    assert depot.pool.opened == depot.pool.idle == 1


async def test_a_session_is_over_when_its_block_is(depot: Database) -> None:
    async with depot.write() as tx:
        await tx.execute(ADD, id=new_id(), name="a")
    async with depot.read() as session:
        pass
    for ended in (tx, session, depot.write()):
        with pytest.raises(SessionMisuseError, match="isn't open"):
            await ended.value(COUNT)


@pytest.mark.parametrize("statement", [SLEEP, None])
async def test_a_cancelled_block_leaves_nothing_open(
    depot: Database, depot_database: TestDatabase, statement: Statement | None
) -> None:
    """Cancelled in the middle of a statement, or between two."""
    began = asyncio.Event()

    async def work() -> None:
        async with depot.write() as tx:
            await tx.execute(ADD, id=new_id(), name="a")
            began.set()
            if statement is None:
                await asyncio.Event().wait()
            else:
                await tx.value(statement, seconds=30.0)

    task = asyncio.create_task(work())
    await began.wait()
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await until(lambda: depot.pool.idle == depot.pool.opened)
    assert depot.pool.opened == 1, "the connection was mended, not thrown away"
    assert await depot_database.owner_value(OPEN_TRANSACTIONS) == 0
    assert await names(depot) == []


async def test_a_cancelled_read_gives_its_connection_back(depot: Database) -> None:
    before = await depot.value(BACKEND)
    task = asyncio.create_task(depot.value(SLEEP, seconds=30.0))
    await until(lambda: depot.pool.idle == 0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await until(lambda: depot.pool.idle > 0)
    assert await depot.value(BACKEND) == before


@pytest.mark.parametrize(
    ("step", "committed"),
    [("BEGIN", False), ("INSERT INTO depot.items", False), ("INSERT INTO depot.outbox", True), ("COMMIT", True)],
)
async def test_a_commit_under_way_is_finished_though_its_caller_goes(
    depot: Database, monkeypatch: pytest.MonkeyPatch, step: str, committed: bool
) -> None:
    """Cancelled at any step, a write is there as a whole or not at all."""
    execute = asyncpg.Connection.execute

    async def execute_as_the_caller_goes(connection: Any, sql: str, *arguments: Any) -> str:
        if sql.startswith(step):
            task.cancel()
        return str(await execute(connection, sql, *arguments))

    async def write() -> None:
        async with depot.write() as tx:
            await tx.execute(ADD, id=new_id(), name="a")
            tx.emit("item", "a", 1, StringValue())

    monkeypatch.setattr(asyncpg.Connection, "execute", execute_as_the_caller_goes)
    task = asyncio.create_task(write())
    with pytest.raises(asyncio.CancelledError):
        await task
    await until(lambda: depot.pool.idle == depot.pool.opened)
    assert await names(depot) == (["a"] if committed else [])
    assert [row["aggregate_id"] for row in await depot.rows(EVENTS)] == (["a"] if committed else [])


async def test_closing_waits_for_a_commit_under_way(
    depot: Database, depot_database: TestDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    db = depot_database.connect("depot")
    commit = WriteSession._send_commit
    reached, go = asyncio.Event(), asyncio.Event()

    async def slow_commit(session: WriteSession, connection: Connection) -> None:
        reached.set()
        await go.wait()
        await commit(session, connection)

    monkeypatch.setattr(WriteSession, "_send_commit", slow_commit)

    async def write() -> None:
        async with db.write() as tx:
            await tx.execute(ADD, id=new_id(), name="a")

    writing = asyncio.create_task(write())
    await reached.wait()
    writing.cancel()
    closing = asyncio.create_task(db.close())
    go.set()
    await closing
    assert writing.cancelled()
    assert db.pool.opened == 0
    assert await names(depot) == ["a"]
