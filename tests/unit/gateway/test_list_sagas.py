"""ListSagas, ListOwnSagas and RetrySaga over services that are played: one list, whoever answers."""

from collections.abc import Sequence
from typing import Any

import pytest
from fitnesshub.gateway.v1.saga_service_pb2 import (
    ListOwnSagasRequest,
    ListSagasRequest,
    ListSagasResponse,
    OwnSaga,
    RetrySagaRequest,
)
from fitnesshub.mesh.v1.saga_service_pb2 import (
    SAGA_STATUS_COMPENSATED,
    SAGA_STATUS_COMPENSATING,
    SAGA_STATUS_DONE,
    SAGA_STATUS_RUNNING,
    ListServiceSagasRequest,
    ListServiceSagasResponse,
    RetryServiceSagaRequest,
    Saga,
    SagaStatus,
)
from google.protobuf.timestamp_pb2 import Timestamp

from chassis.call import Call, Identity
from chassis.clock import SystemIds
from chassis.errors import FailedPrecondition, Failure, InvalidArgument, NotFound, Unavailable
from chassis.pages import PageTokens
from services.gateway.api.saga_service import TROUBLE, SagaApi

IDS = SystemIds()
ADA = Call("/x", identity=Identity("ada", "session", frozenset(), "", 0.0, ""))
DOWN = Unavailable("UPSTREAM_UNAVAILABLE", "nobody there")


class Sagas:
    """Answers as a service's stub would."""

    def __init__(self, service: str, sagas: Sequence[Saga] = (), failure: Failure | None = None) -> None:
        self.service = service
        self.sagas = sorted(sagas, key=lambda saga: saga.id, reverse=True)
        self.failure = failure
        self.asked: list[ListServiceSagasRequest] = []

    async def ListServiceSagas(self, request: ListServiceSagasRequest, *, timeout: float) -> ListServiceSagasResponse:  # noqa: N802 - as generated
        assert request.service == self.service
        self.asked.append(request)
        if self.failure:
            raise self.failure
        found = [
            saga
            for saga in self.sagas
            if (not request.before_id or saga.id < request.before_id)
            and (not request.subject_user_id or saga.subject_user_id == request.subject_user_id)
            and request.status in (0, saga.status)
        ]
        return ListServiceSagasResponse(sagas=found[: request.page_size], more=len(found) > request.page_size)

    async def RetryServiceSaga(self, request: RetryServiceSagaRequest, *, timeout: float) -> Saga:  # noqa: N802 - as generated
        if self.failure:
            raise self.failure
        for saga in self.sagas:
            if saga.id == request.saga_id:
                return saga
        raise NotFound("SAGA_NOT_FOUND", "no", sagaId=request.saga_id)


def saga(service: str, **fields: Any) -> Saga:
    return Saga(id=IDS.new(), service=service, **{"status": SAGA_STATUS_DONE, **fields})


def api(*services: Sagas) -> SagaApi:
    stubs: dict[str, Any] = {each.service: each for each in services}
    return SagaApi(stubs, PageTokens(bytes(32)))


async def pages(asked: SagaApi, **wanted: Any) -> list[ListSagasResponse]:
    found = [await asked.list_sagas(ListSagasRequest(**wanted), ADA)]
    while token := found[-1].next_page_token:
        found.append(await asked.list_sagas(ListSagasRequest(**wanted, page_token=token), ADA))
    return found


@pytest.mark.parametrize("size", range(1, 13))
async def test_the_pages_of_all_services_are_one_list(size: int) -> None:
    made = [saga(("user", "workout", "social")[number % 7 % 3]) for number in range(11)]
    services = [Sagas(name, [each for each in made if each.service == name]) for name in ("user", "workout", "social")]
    found = await pages(api(*services), page_size=size)
    expected = sorted(made, key=lambda each: each.id, reverse=True)
    assert [each for page in found for each in page.sagas] == expected
    assert [len(page.sagas) for page in found[:-1]] == [size] * (len(found) - 1)
    assert len(found) == -(-11 // size)


async def test_filters_reach_the_services() -> None:
    user, workout = Sagas("user", [saga("user", status=SAGA_STATUS_COMPENSATED)]), Sagas("workout", [saga("workout")])
    asked = api(user, workout)
    wanted = ListSagasRequest(status=SAGA_STATUS_COMPENSATED, kind="purchase", key="order")
    assert (await asked.list_sagas(wanted, ADA)).sagas == user.sagas
    assert (workout.asked[0].kind, workout.asked[0].key, workout.asked[0].page_size) == ("purchase", "order", 20)
    assert (await asked.list_sagas(ListSagasRequest(service="workout"), ADA)).sagas == workout.sagas
    assert len(user.asked) == 1
    with pytest.raises(InvalidArgument) as refused:
        await asked.list_sagas(ListSagasRequest(service="fishing"), ADA)
    assert refused.value.violations[0].field == "service"


async def test_everybody_sees_their_own() -> None:
    workout = Sagas("workout", [saga("workout", subject_user_id="ada"), saga("workout", subject_user_id="bob")])
    answer = await api(workout).list_own_sagas(ListOwnSagasRequest(), ADA)
    assert [each.id for each in answer.sagas] == [each.id for each in workout.sagas if each.subject_user_id == "ada"]


async def test_people_are_told_how_it_stands_and_no_more() -> None:
    time = Timestamp(seconds=5)
    told: dict[str, Any] = {"kind": "workout_creation", "key": "w/1", "step": "stats", "status": SAGA_STATUS_RUNNING}
    times: dict[str, Any] = {"create_time": time, "update_time": time, "due_time": time}
    inside = {"subject_user_id": "ada", "attempts": 3, "problem": "stats: OSError: 10.1.2.3:5432"}
    one = saga("workout", **told, **times, **inside)
    one.data.update({"host": "10.1.2.3"})
    (own,) = (await api(Sagas("workout", [one])).list_own_sagas(ListOwnSagasRequest(), ADA)).sagas
    assert own == OwnSaga(id=one.id, service="workout", trouble="The step failed, and is tried again.", **told, **times)
    assert "10.1.2.3" not in str(own)


@pytest.mark.parametrize("status", [SAGA_STATUS_RUNNING, SAGA_STATUS_COMPENSATING, SAGA_STATUS_COMPENSATED])
async def test_trouble_is_told_where_there_is_some(status: SagaStatus.ValueType) -> None:
    made = [saga("workout", subject_user_id="ada", status=status, problem=problem) for problem in ("", "odd")]
    answer = await api(Sagas("workout", made)).list_own_sagas(ListOwnSagasRequest(), ADA)
    assert {each.id: each.trouble for each in answer.sagas} == {made[0].id: "", made[1].id: TROUBLE[status]}
    assert not any(each.HasField("due_time") for each in answer.sagas)


async def test_a_page_token_is_good_for_one_person_and_one_question() -> None:
    workout = Sagas("workout", [saga("workout", subject_user_id=name) for name in ("ada", "bob") * 3])
    asked = api(workout)
    token = (await asked.list_own_sagas(ListOwnSagasRequest(page_size=1), ADA)).next_page_token
    bob = Call("/x", identity=Identity("bob", "session", frozenset(), "", 0.0, ""))
    with pytest.raises(InvalidArgument, match="PAGE_TOKEN_INVALID"):
        await asked.list_own_sagas(ListOwnSagasRequest(page_size=1, page_token=token), bob)
    token = (await asked.list_sagas(ListSagasRequest(page_size=1), ADA)).next_page_token
    with pytest.raises(InvalidArgument, match="PAGE_TOKEN_INVALID"):
        await asked.list_sagas(ListSagasRequest(page_size=1, kind="other", page_token=token), ADA)


async def test_who_does_not_answer_is_named() -> None:
    workout = Sagas("workout", [saga("workout")])
    answer = await api(Sagas("user", failure=DOWN), workout).list_sagas(ListSagasRequest(), ADA)
    assert (list(answer.missing_services), list(answer.sagas)) == (["user"], workout.sagas)
    with pytest.raises(Unavailable):
        await api(Sagas("user", failure=DOWN)).list_sagas(ListSagasRequest(), ADA)


async def test_a_retry_finds_whose_saga_it_is() -> None:
    user, workout = Sagas("user"), Sagas("workout", [saga("workout")])
    wanted = RetrySagaRequest(saga_id=workout.sagas[0].id)
    assert await api(user, workout).retry_saga(wanted, ADA) == workout.sagas[0]
    assert await api(Sagas("user", failure=DOWN), workout).retry_saga(wanted, ADA) == workout.sagas[0]


@pytest.mark.parametrize(
    ("failure", "reason"),
    [
        (None, "SAGA_NOT_FOUND"),
        (FailedPrecondition("SAGA_DONE", "done"), "SAGA_DONE"),
        (DOWN, "UPSTREAM_UNAVAILABLE"),
    ],
)
async def test_a_retry_that_finds_none_says_why(failure: Failure | None, reason: str) -> None:
    with pytest.raises(Failure) as refused:
        await api(Sagas("user"), Sagas("workout", failure=failure)).retry_saga(RetrySagaRequest(saga_id=IDS.new()), ADA)
    assert refused.value.reason == reason
