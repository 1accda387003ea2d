"""SagaService: the sagas of all services as one list, by asking each of them for a page and merging the answers."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from fitnesshub.gateway.v1.saga_service_pb2 import (
    ListOwnSagasRequest,
    ListOwnSagasResponse,
    ListSagasRequest,
    ListSagasResponse,
    OwnSaga,
    RetrySagaRequest,
)
from fitnesshub.mesh.v1.saga_service_pb2 import (
    SAGA_STATUS_COMPENSATED,
    SAGA_STATUS_COMPENSATING,
    SAGA_STATUS_RUNNING,
    ListServiceSagasRequest,
    RetryServiceSagaRequest,
    Saga,
)

from chassis.call import Call
from chassis.errors import Failure, InvalidArgument, NotFound, Unavailable, Violation
from chassis.pages import PageTokens, page_size

if TYPE_CHECKING:
    from fitnesshub.mesh.v1.saga_service_pb2_grpc import SagaServiceAsyncStub

ASK_TIMEOUT = 2.0
"""Seconds a service has to answer: one that doesn't leaves time to tell what the others said, within 5 s."""

TROUBLE = {
    SAGA_STATUS_RUNNING: "The step failed, and is tried again.",
    SAGA_STATUS_COMPENSATING: "A step failed, and what was done is being undone.",
    SAGA_STATUS_COMPENSATED: "A step failed, and what was done is undone.",
}
"""What people are told of a problem: its own words, and the data, are for those who mend it."""


@dataclass(frozen=True, slots=True)
class _Page:
    """What the services said together."""

    sagas: Sequence[Saga]
    is_last: bool
    missing: Sequence[str]


class SagaApi:
    """Asks every service for its sagas. Ids are UUIDv7, so that their order is that of the beginnings."""

    def __init__(self, stubs: Mapping[str, "SagaServiceAsyncStub"], page_tokens: PageTokens) -> None:
        self._stubs = stubs
        self._page_tokens = page_tokens

    async def list_sagas(self, request: ListSagasRequest, call: Call) -> ListSagasResponse:
        if request.service and request.service not in self._stubs:
            violation = Violation("service", f"must be one of: {', '.join(sorted(self._stubs))}")
            raise InvalidArgument("INVALID_REQUEST", "there is no such service", violations=[violation])
        wanted = ListServiceSagasRequest(kind=request.kind, status=request.status, key=request.key)
        services = [request.service] if request.service else sorted(self._stubs)
        page, token = await self._page(call.method, request, services, wanted)
        return ListSagasResponse(sagas=page.sagas, next_page_token=token, missing_services=page.missing)

    async def list_own_sagas(self, request: ListOwnSagasRequest, call: Call) -> ListOwnSagasResponse:
        wanted = ListServiceSagasRequest(subject_user_id=call.user_id)
        page, token = await self._page(f"{call.method} {call.user_id}", request, sorted(self._stubs), wanted)
        sagas = [_own(saga) for saga in page.sagas]
        return ListOwnSagasResponse(sagas=sagas, next_page_token=token, missing_services=page.missing)

    async def retry_saga(self, request: RetrySagaRequest, _call: Call) -> Saga:
        """An id doesn't say whose it is: all are asked, and one knows it."""
        answers = await asyncio.gather(*(self._retry(service, request.saga_id) for service in sorted(self._stubs)))
        for answer in answers:
            if isinstance(answer, Saga):
                return answer
        failures = [answer for answer in answers if isinstance(answer, Failure)]
        for failure in failures:
            if not isinstance(failure, NotFound):
                raise failure
        raise NotFound("SAGA_NOT_FOUND", f"there is no saga {request.saga_id}", sagaId=request.saga_id)

    async def _retry(self, service: str, saga_id: str) -> Saga | Failure:
        try:
            return await self._stubs[service].RetryServiceSaga(
                RetryServiceSagaRequest(service=service, saga_id=saga_id), timeout=ASK_TIMEOUT
            )
        except Failure as failure:
            return failure

    async def _page(
        self,
        bound_to: str,
        request: ListSagasRequest | ListOwnSagasRequest,
        services: Sequence[str],
        wanted: ListServiceSagasRequest,
    ) -> tuple[_Page, str]:
        wanted.page_size = page_size(request.page_size)
        if request.page_token:
            wanted.before_id = self._page_tokens.decode(bound_to, request, request.page_token)[0]
        page = await self._ask_all(services, wanted)
        token = ""
        if not page.is_last:
            token = self._page_tokens.encode(bound_to, request, (page.sagas[-1].id,))
        return page, token

    async def _ask_all(self, services: Sequence[str], wanted: ListServiceSagasRequest) -> _Page:
        answers = await asyncio.gather(*(self._ask(service, wanted) for service in services))
        found = [saga for sagas, _ in answers if sagas is not None for saga in sagas]
        found.sort(key=lambda saga: saga.id, reverse=True)
        missing = [service for service, (sagas, _) in zip(services, answers, strict=True) if sagas is None]
        if len(missing) == len(services):
            raise Unavailable("DEPENDENCY_UNAVAILABLE", "no service answers; try again")
        size = wanted.page_size
        return _Page(found[:size], len(found) <= size and not any(more for _, more in answers), missing)

    async def _ask(self, service: str, wanted: ListServiceSagasRequest) -> tuple[Sequence[Saga] | None, bool]:
        """A service's part, and whether it has more; None when it doesn't answer."""
        request = ListServiceSagasRequest(service=service)
        request.MergeFrom(wanted)
        try:
            answer = await self._stubs[service].ListServiceSagas(request, timeout=ASK_TIMEOUT)
        except Failure:
            return None, False
        return answer.sagas, answer.more


def _own(saga: Saga) -> OwnSaga:
    own = OwnSaga(
        id=saga.id,
        service=saga.service,
        kind=saga.kind,
        key=saga.key,
        status=saga.status,
        step=saga.step,
        trouble=TROUBLE.get(saga.status, "") if saga.problem else "",
        create_time=saga.create_time,
        update_time=saga.update_time,
    )
    if saga.HasField("due_time"):
        own.due_time.CopyFrom(saga.due_time)
    return own
