"""A read from a projection waits for the write that its caller made, but not for long."""

import asyncio
import time
from datetime import UTC, datetime

from google.protobuf.wrappers_pb2 import Int64Value
from sqlalchemy import text

from chassis.call import CONSISTENCY_HEADER, Call
from chassis.db import Database, Statement
from chassis.events.consistency import STALE, wait_for_own_write
from tests.integration.chassis.depot import new_id
from tests.integration.chassis.events import GROUP

HANDLE = Statement(
    text("INSERT INTO depot.inbox (consumer_group, event_id, handled_at) VALUES (:group, :event_id, :handled_at)")
)


async def handle(depot: Database, event_id: str, group: str = GROUP) -> None:
    async with depot.write() as tx:
        await tx.execute(HANDLE, group=group, event_id=event_id, handled_at=datetime.now(UTC))


def read(token: str) -> Call:
    return Call("/depot.v1.Depot/Get", metadata={CONSISTENCY_HEADER: token})


async def test_a_write_names_its_event(depot: Database) -> None:
    call = Call("/depot.v1.Depot/Add")
    async with depot.write(call) as tx:
        tx.emit("item", "item", 1, Int64Value(value=1))
    token = call.response_metadata[CONSISTENCY_HEADER]
    assert str(await depot.value(Statement(text("SELECT id FROM depot.outbox")))) == token


async def test_a_read_waits_for_the_event(depot: Database) -> None:
    call = read(new_id())
    waiting = asyncio.create_task(wait_for_own_write(call, depot, GROUP))
    await handle(depot, str(call.metadata[CONSISTENCY_HEADER]), "another group")
    await asyncio.sleep(0.05)
    assert not waiting.done()
    await handle(depot, str(call.metadata[CONSISTENCY_HEADER]))
    await waiting
    assert STALE not in call.response_metadata


async def test_an_answer_without_the_event_says_so(depot: Database) -> None:
    call = read(new_id())
    started = time.monotonic()
    await wait_for_own_write(call, depot, GROUP)
    assert 0.4 < time.monotonic() - started < 3
    assert call.response_metadata == {STALE: "true"}


async def test_nothing_to_wait_for(depot: Database) -> None:
    for token in ("", "nonsense", "'; DROP TABLE depot.inbox"):
        call = read(token)
        await wait_for_own_write(call, depot, GROUP)
        assert call.response_metadata == {}
    await wait_for_own_write(Call("/depot.v1.Depot/Get"), depot, GROUP)
