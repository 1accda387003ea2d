"""Single reads and read sessions on a real server."""

import uuid
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import asyncpg
import pytest
from sqlalchemy import text

from chassis.db import Database, Statement, StatementError
from tests.integration.chassis.depot import ADD, ADD_WHOLE, COUNT, GET, GET_MANY, NAMES, new_id, whole
from tests.stack.databases import TestDatabase

PREPARED = Statement(text("SELECT count(*) FROM pg_prepared_statements"))
MOMENT = datetime(2026, 3, 1, 12, 0, 0, 123456, tzinfo=timezone(timedelta(hours=5)))


async def test_values_of_every_kind_come_back_as_they_went(depot: Database) -> None:
    document = {"sets": [1, 2.5, None, "ä"], "deep": {"true": True}}
    sent = whole(name="bar", stock=2**62, tags=["a", "b", None], document=document, wire=b"\x00\xff", seen_at=MOMENT)
    async with depot.write() as tx:
        assert await tx.execute(ADD_WHOLE, **sent) == 1

    row = await depot.row(GET, id=sent["id"])

    assert row is not None
    assert row["id"] == uuid.UUID(sent["id"])
    assert {name: row[name] for name in sent if name != "id"} == {name: sent[name] for name in sent if name != "id"}
    assert row["seen_at"].tzinfo is not None
    assert row["seen_at"].astimezone(UTC) == MOMENT


@pytest.mark.parametrize("document", [{}, [], "text", 7, False, None])
async def test_any_json_value_is_kept(depot: Database, document: Any) -> None:
    sent = whole(document=document)
    async with depot.write() as tx:
        await tx.execute(ADD_WHOLE, **sent)
    row = await depot.row(GET, id=sent["id"])
    assert row is not None
    assert row["document"] == document


async def test_uuids_may_be_text_or_objects(depot: Database) -> None:
    first, second = new_id(), new_id()
    async with depot.write() as tx:
        await tx.execute(ADD, id=first, name="first")
        await tx.execute(ADD, id=uuid.UUID(second), name="second")
    assert [row["name"] for row in await depot.rows(GET_MANY, ids=[uuid.UUID(first), second])] == ["first", "second"]
    assert await depot.row(GET, id=uuid.UUID(first)) is not None


async def test_nothing_found(depot: Database) -> None:
    assert await depot.rows(NAMES) == []
    assert await depot.row(GET, id=new_id()) is None
    assert await depot.value(GET, id=new_id()) is None


async def test_a_value_that_does_not_fit_is_our_mistake_and_harms_nobody(depot: Database) -> None:
    with pytest.raises((asyncpg.DataError, asyncpg.InterfaceError)):
        await depot.row(GET, id="not a uuid")
    assert await depot.value(COUNT) == 0
    assert (depot.pool.opened, depot.pool.idle) == (1, 1)


async def test_a_statement_that_writes_needs_a_write_session(depot: Database) -> None:
    with pytest.raises(StatementError, match="write session"):
        await depot.value(ADD, id=new_id(), name="x")
    async with depot.read() as session:
        with pytest.raises(StatementError, match="write session"):
            await session.rows(ADD, id=new_id(), name="x")
    assert await depot.value(COUNT) == 0


async def test_a_read_session_sees_one_state(depot: Database) -> None:
    async with depot.read() as session:
        assert await session.value(COUNT) == 0
        async with depot.write() as tx:
            await tx.execute(ADD, id=new_id(), name="later")
        assert await session.value(COUNT) == 0
        assert await session.rows(NAMES) == []
    assert await depot.value(COUNT) == 1


async def test_a_read_session_that_reads_nothing_costs_nothing(depot: Database) -> None:
    used = depot.pool.opened
    async with depot.read():
        pass
    assert depot.pool.opened == used
    assert depot.pool.idle == used


@pytest.mark.parametrize(("prepared", "kept"), [(True, True), (False, False)])
async def test_prepared_statements_can_be_off(
    depot_database: TestDatabase, depot: Database, prepared: bool, kept: bool
) -> None:
    """A pgbouncer in transaction mode may not know them."""
    async with depot.write() as tx:
        await tx.execute(ADD, id=new_id(), name="a")
    database = depot_database.connect("depot", prepared=prepared, pool_size=1)
    for _ in range(2):
        assert [row["name"] for row in await database.rows(NAMES)] == ["a"]
    assert (await database.value(PREPARED) > 1) == kept
    await database.close()
