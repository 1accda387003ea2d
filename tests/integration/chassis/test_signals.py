"""What the database tells operators: spans of sampled calls, and how full the pool is."""

import pytest
from prometheus_client import generate_latest

from chassis.db import Database
from chassis.telemetry import context, traces
from chassis.telemetry.traces import Span
from tests.integration.chassis.depot import ADD, GET, new_id
from tests.stack.databases import TestDatabase

TRACE, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"


class Kept:
    """A sink that keeps what it gets."""

    def __init__(self) -> None:
        self.spans: list[Span] = []

    def emit(self, span: Span) -> None:
        self.spans.append(span)

    def close(self) -> None:
        """Nothing to send."""


@pytest.mark.parametrize(("flags", "operations"), [("01", ["INSERT", "SELECT"]), ("00", [])])
async def test_a_sampled_call_has_a_span_for_each_statement(
    depot: Database, monkeypatch: pytest.MonkeyPatch, flags: str, operations: list[str]
) -> None:
    kept = Kept()
    monkeypatch.setattr(traces, "_sink", kept)
    token = context.bind("depot", "r1", f"00-{TRACE}-{PARENT}-{flags}")
    try:
        async with depot.write() as tx:
            await tx.execute(ADD, id=new_id(), name="swordfish")
        await depot.row(GET, id=new_id())
    finally:
        context.unbind(token)
    assert [span.name for span in kept.spans] == operations
    for span in kept.spans:
        assert (span.trace_id, span.parent_id, span.kind) == (TRACE, PARENT, "client")
        assert "depot.items" in str(span.attributes["db.query.text"])
        assert "swordfish" not in str(span.attributes)


async def test_the_pool_is_measured(depot_database: TestDatabase) -> None:
    db = depot_database.connect("depot", pool_size=7)
    await db.open()
    async with db.read() as session:
        await session.row(GET, id=new_id())
        lines = generate_latest().decode().splitlines()
    assert {line for line in lines if line.startswith("database_pool") and 'service="depot"' in line} == {
        'database_pool_connections{service="depot",state="in_use"} 1.0',
        'database_pool_connections{service="depot",state="idle"} 0.0',
        'database_pool_connections{service="depot",state="most"} 7.0',
        'database_pool_waiting{service="depot"} 0.0',
    }
    await db.close()
