"""The Idempotency-Key: a repeat gets the first answer and changes nothing."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from google.protobuf.wrappers_pb2 import StringValue

from chassis import idempotency
from chassis.call import Call, Wire
from chassis.clock import FixedClock
from chassis.db import Database, SessionMisuseError, UniqueViolation
from chassis.errors import Aborted, FailedPrecondition
from chassis.idempotency import KEPT, Replay
from tests.integration.chassis.depot import ADD, COUNT, EVENTS, RECORDS, keyed_call, new_id
from tests.stack.databases import TestDatabase
from tests.stack.waiting import until


async def add(db: Database, call: Call, name: str = "a") -> Wire:
    """A handler: one write, answered with its name."""
    async with db.write(call) as tx:
        await tx.execute(ADD, id=new_id(), name=name)
        tx.emit("item", name, 1, StringValue())
        call.http_status(201)
        return tx.answer(StringValue(value=name))


async def test_a_repeat_gets_the_first_answer(depot: Database) -> None:
    first = await add(depot, keyed_call(), "a")
    with pytest.raises(Replay) as replayed:
        await add(depot, keyed_call(), "b")
    assert (replayed.value.response, replayed.value.http_status) == (first.data, "201")
    assert (await depot.value(COUNT), len(await depot.rows(EVENTS))) == (1, 1)
    assert depot.pool.idle == depot.pool.opened


async def test_another_request_under_the_same_key_is_refused(depot: Database) -> None:
    await add(depot, keyed_call(request=b"one"))
    with pytest.raises(FailedPrecondition) as refused:
        await add(depot, keyed_call(request=b"two"), "b")
    assert refused.value.reason == "IDEMPOTENCY_KEY_REUSED"
    assert await depot.value(COUNT) == 1


async def test_keys_belong_to_a_caller_and_a_method(depot: Database) -> None:
    other_method = keyed_call()
    other_method.method = "/depot.v1.Depot/Remove"
    service = keyed_call(user="")
    service.caller = "gateway"
    anonymous, elsewhere = keyed_call(user=""), keyed_call(user="")
    elsewhere.peer_ip = "192.0.2.2"
    calls = [keyed_call(), keyed_call("other"), keyed_call(user="bob"), other_method, service, anonymous, elsewhere]
    for number, call in enumerate(calls):
        await add(depot, call, str(number))
    assert await depot.value(COUNT) == await depot.value(RECORDS) == len(calls)
    for call in calls:
        with pytest.raises(Replay):
            await add(depot, call)


async def test_without_a_key_nothing_is_recorded(depot: Database) -> None:
    await add(depot, keyed_call(""), "a")
    await add(depot, keyed_call(""), "b")
    assert (await depot.value(COUNT), await depot.value(RECORDS)) == (2, 0)


async def test_a_failed_write_leaves_the_key_free(depot: Database) -> None:
    await add(depot, keyed_call("one"), "a")
    with pytest.raises(UniqueViolation):
        await add(depot, keyed_call("two"), "a")
    assert await depot.value(RECORDS) == 1
    await add(depot, keyed_call("two"), "b")
    assert await depot.value(COUNT) == 2


async def test_an_answer_must_be_given(depot: Database) -> None:
    with pytest.raises(SessionMisuseError, match="answer"):
        async with depot.write(keyed_call()) as tx:
            await tx.execute(ADD, id=new_id(), name="a")
    assert await depot.value(COUNT) == 0
    await add(depot, keyed_call())


class Slow:
    """A call under a key that stays in its block until it is let go."""

    def __init__(self, db: Database) -> None:
        self.db = db
        self.inside = asyncio.Event()
        self.go = asyncio.Event()

    async def run(self) -> Wire:
        async with self.db.write(keyed_call()) as tx:
            await tx.execute(ADD, id=new_id(), name="slow")
            self.inside.set()
            await self.go.wait()
            return tx.answer(StringValue(value="slow"))


async def test_of_two_calls_in_flight_the_second_is_refused(depot: Database) -> None:
    slow = Slow(depot)
    first = asyncio.create_task(slow.run())
    await slow.inside.wait()
    with pytest.raises(Aborted) as refused:
        await add(depot, keyed_call())
    assert (refused.value.reason, refused.value.retry_after) == ("IDEMPOTENCY_KEY_IN_FLIGHT", timedelta(seconds=1))
    await add(depot, keyed_call("other"), "other key")
    slow.go.set()
    await first
    with pytest.raises(Replay):
        await add(depot, keyed_call())
    assert await depot.value(COUNT) == 2


async def test_an_attempt_that_envoy_repeats_waits_for_the_first(depot: Database) -> None:
    slow = Slow(depot)
    first = asyncio.create_task(slow.run())
    await slow.inside.wait()
    second = asyncio.create_task(add(depot, keyed_call(attempt=2)))
    await until(lambda: depot.pool.opened - depot.pool.idle == 2)
    done, _ = await asyncio.wait({second}, timeout=0.2)
    assert not done, "the second attempt waits"
    slow.go.set()
    answer = await first
    with pytest.raises(Replay) as replayed:
        await second
    assert replayed.value.response == answer.data


async def test_the_key_of_a_call_that_was_cancelled_gets_free(depot: Database) -> None:
    slow = Slow(depot)
    first = asyncio.create_task(slow.run())
    await slow.inside.wait()
    first.cancel()
    await asyncio.gather(first, return_exceptions=True)
    await add(depot, keyed_call(attempt=2), "repeated")
    assert await depot.value(COUNT) == 1


async def test_a_record_is_replayed_for_a_day_and_then_replaced_or_purged(
    depot_database: TestDatabase, depot: Database
) -> None:
    clock = FixedClock(datetime(2026, 3, 1, tzinfo=UTC))
    db = depot_database.connect("depot", clock=clock)
    await add(db, keyed_call("one"), "day 1, one")
    await add(db, keyed_call("two"), "day 1, two")
    clock.time += KEPT - timedelta(seconds=1)
    with pytest.raises(Replay):
        await add(db, keyed_call("one"), "day 2, one")
    assert await idempotency.purge(db) == 0

    clock.time += timedelta(seconds=1)
    await add(db, keyed_call("one", request=b"other"), "day 2, one")
    with pytest.raises(Replay):
        await add(db, keyed_call("one", request=b"other"))
    assert await db.value(RECORDS) == 2
    assert await idempotency.purge(db) == 1
    assert await db.value(RECORDS) == 1
    await db.close()
