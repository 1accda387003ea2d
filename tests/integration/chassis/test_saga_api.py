"""SagaService: what a process tells about its sagas (ListServiceSagas), and how one goes on (RetryServiceSaga)."""

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest
from fitnesshub.mesh.v1.saga_service_pb2 import (
    SAGA_STATUS_COMPENSATED,
    SAGA_STATUS_DONE,
    SAGA_STATUS_RUNNING,
    ListServiceSagasRequest,
    ListServiceSagasResponse,
    RetryServiceSagaRequest,
    Saga,
)

from chassis import uuid7
from chassis.call import Call
from chassis.clock import FixedClock, SystemIds
from chassis.db import Database
from chassis.errors import FailedPrecondition, NotFound, Unavailable
from chassis.saga_api import SagaApi
from chassis.sagas import upkeep
from chassis.sagas.model import Status
from chassis.sagas.runner import SagaRunner, start
from tests.integration.chassis.depot import new_id
from tests.integration.chassis.test_sagas import ALL, CLEAR, START, Shop, begin, run
from tests.stack.databases import TestDatabase

CALL = Call("/fitnesshub.mesh.v1.SagaService/ListServiceSagas")


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock(START)


@pytest.fixture
async def depot(depot: Database, depot_database: TestDatabase, clock: FixedClock) -> AsyncIterator[Database]:
    opened = depot_database.connect("depot", clock=clock)
    async with opened.write() as tx:
        await tx.execute(CLEAR)
    yield opened
    await opened.close()


@pytest.fixture
def shop() -> Shop:
    return Shop()


@pytest.fixture
def api(depot: Database, shop: Shop) -> SagaApi:
    return SagaApi(["depot", "gateway"], {"depot": depot}, {"depot": [shop.saga], "gateway": []})


async def listed(api: SagaApi, **wanted: Any) -> ListServiceSagasResponse:
    return await api.list_service_sagas(ListServiceSagasRequest(service="depot", **wanted), CALL)


async def retry(api: SagaApi, saga_id: str, service: str = "depot") -> Saga:
    return await api.retry_service_saga(RetryServiceSagaRequest(service=service, saga_id=saga_id), CALL)


async def test_it_tells_what_a_saga_is_at(depot: Database, api: SagaApi, shop: Shop) -> None:
    shop.fail = {"do1": [Unavailable("DEPENDENCY_UNAVAILABLE", "later")] * 3}
    await begin(depot, shop.saga, amount=5)
    runner = SagaRunner(depot, SystemIds(), [shop.saga])
    assert await runner.step()
    assert await runner.step()
    (saga,) = (await listed(api)).sagas
    assert (saga.service, saga.kind, saga.key, saga.subject_user_id) == ("depot", "purchase", "order", "ada")
    assert (saga.status, saga.step, saga.attempts) == (SAGA_STATUS_RUNNING, "step1", 1)
    assert saga.problem == "step1: DEPENDENCY_UNAVAILABLE"
    assert dict(saga.data) == {"amount": 5, "result0": 0}
    assert saga.due_time.ToDatetime(START.tzinfo) > START
    assert saga.create_time.ToDatetime(START.tzinfo) == START


async def test_a_saga_that_ended_has_neither_step_nor_time(
    depot: Database, api: SagaApi, shop: Shop, clock: FixedClock
) -> None:
    await begin(depot, shop.saga)
    await run(depot, clock, shop.saga)
    (saga,) = (await listed(api)).sagas
    assert (saga.status, saga.step, saga.HasField("due_time")) == (SAGA_STATUS_DONE, "", False)


async def test_pages_and_filters(depot: Database, api: SagaApi, shop: Shop, clock: FixedClock) -> None:
    shop.fail = {"do0": [FailedPrecondition("SIGN_UP_DISABLED", "no")]}
    for number in range(5):
        async with depot.write() as tx:
            await start(tx, "depot", shop.saga, new_id(), str(number), {}, now=START, user_id=f"user{number % 2}")
        await run(depot, clock, shop.saga)
    first = await listed(api, page_size=2)
    assert ([saga.key for saga in first.sagas], first.more) == (["4", "3"], True)
    second = await listed(api, page_size=3, before_id=first.sagas[-1].id)
    assert ([saga.key for saga in second.sagas], second.more) == (["2", "1", "0"], False)

    async def keys(**wanted: Any) -> list[str]:
        return [saga.key for saga in (await listed(api, **wanted)).sagas]

    assert await keys(status=SAGA_STATUS_COMPENSATED) == ["0"]
    assert await keys(status=SAGA_STATUS_DONE, subject_user_id="user0") == ["4", "2"]
    assert await keys(key="3", kind="purchase") == ["3"]
    assert await keys(kind="refund") == []


async def test_what_is_not_there_is_said(api: SagaApi) -> None:
    answer = await api.list_service_sagas(ListServiceSagasRequest(service="gateway"), CALL)
    assert answer == ListServiceSagasResponse()
    assert (await listed(api)).sagas == []
    for call, reason in (
        (api.list_service_sagas(ListServiceSagasRequest(service="user"), CALL), "SERVICE_NOT_HOSTED"),
        (retry(api, new_id()), "SAGA_NOT_FOUND"),
        (retry(api, new_id(), "gateway"), "SAGA_NOT_FOUND"),
        (retry(api, new_id(), "user"), "SERVICE_NOT_HOSTED"),
    ):
        with pytest.raises(NotFound) as refused:
            await call
        assert refused.value.reason == reason


async def test_what_waits_goes_on_at_once(depot: Database, api: SagaApi, shop: Shop) -> None:
    shop.fail = {"do0": [Unavailable("DEPENDENCY_UNAVAILABLE", "later")] * 5}
    await begin(depot, shop.saga)
    runner = SagaRunner(depot, SystemIds(), [shop.saga])
    for left in (4, 3, 2, 1, 0):
        assert await runner.step()
        assert not await runner.step(), "it waits"
        assert len(shop.fail["do0"]) == left
        (row,) = await depot.rows(ALL)
        assert (await retry(api, str(row["id"]))).due_time.ToDatetime(START.tzinfo) == START
    while await runner.step():
        pass
    (row,) = await depot.rows(ALL)
    assert row["status"] == Status.DONE


async def test_what_was_undone_begins_anew_with_other_keys(
    depot: Database, api: SagaApi, shop: Shop, clock: FixedClock
) -> None:
    shop.fail = {"do2": [FailedPrecondition("SIGN_UP_DISABLED", "no")]}
    await begin(depot, shop.saga)
    (row,) = await run(depot, clock, shop.saga)
    assert (row["status"], shop.effects) == (Status.COMPENSATED, set())
    clock.time += timedelta(days=3)
    saga = await retry(api, str(row["id"]))
    assert (saga.status, saga.step) == (SAGA_STATUS_RUNNING, "step0")
    assert await retry(api, str(row["id"])) == saga, "twice is once"
    (row,) = await run(depot, clock, shop.saga)
    assert (row["status"], len(shop.effects)) == (Status.DONE, 3)
    assert len(set(shop.seen)) == len(shop.seen) == 5
    with pytest.raises(FailedPrecondition) as refused:
        await retry(api, str(row["id"]))
    assert refused.value.reason == "SAGA_DONE"


async def test_old_sagas_are_removed(
    depot: Database, shop: Shop, clock: FixedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(upkeep, "BATCH", 2)

    async def begin_at(days_ago: int, key: str) -> None:
        milliseconds = int((START - timedelta(days=days_ago)).timestamp() * 1000)
        async with depot.write() as tx:
            await start(tx, "depot", shop.saga, str(uuid7.make(milliseconds)), key, {}, now=clock.now())

    shop.fail = {"do0": [FailedPrecondition("SIGN_UP_DISABLED", "no")] * 2}
    for days, key in ((31, "undone"), (366, "undone long ago"), (29, "done"), (31, "old"), (400, "older"), (40, "eld")):
        await begin_at(days, key)
        await run(depot, clock, shop.saga)
    await begin_at(500, "open")
    counts = []
    while count := await upkeep.purge(depot):
        counts.append(count)
    assert counts == [2, 2]
    assert {row["key"] for row in await depot.rows(ALL)} == {"undone", "done", "open"}


async def test_the_metrics_count_what_is_open_and_what_was_undone(
    depot: Database, shop: Shop, clock: FixedClock
) -> None:
    shop.fail = {"do0": [FailedPrecondition("SIGN_UP_DISABLED", "no")]}
    await begin(depot, shop.saga, "undone")
    await run(depot, clock, shop.saga)
    await begin(depot, shop.saga, "open")
    clock.time += timedelta(seconds=7)
    runner = SagaRunner(depot, SystemIds(), [shop.saga])
    await runner.measure()
    assert (runner.open, runner.undone, runner.oldest_seconds) == (1, 1, 7)
