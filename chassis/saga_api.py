"""SagaService: what this process tells about the sagas of the services it hosts, and how an operator has one go on."""

from collections.abc import Collection, Mapping, Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

from fitnesshub.mesh.v1.saga_service_pb2 import (
    ListServiceSagasRequest,
    ListServiceSagasResponse,
    RetryServiceSagaRequest,
)
from fitnesshub.mesh.v1.saga_service_pb2 import Saga as Told

from chassis.call import Call
from chassis.db import Database, Record
from chassis.errors import FailedPrecondition, NotFound
from chassis.pages import page_size
from chassis.sagas.model import OPEN, Saga
from chassis.sagas.statements import saga_statements

LAST_ID = str(UUID(int=2**128 - 1))
ROUND = timedelta(hours=24)
"""Time that a saga gets which begins anew."""


class SagaApi:
    """Answers for every service of the process; those without a database have no sagas."""

    def __init__(
        self, services: Collection[str], databases: Mapping[str, Database], sagas: Mapping[str, Sequence[Saga]]
    ) -> None:
        """sagas: by service, the kinds that it knows."""
        self._services = services
        self._databases = databases
        self._steps = {
            (service, saga.kind): [step.name for step in saga.steps]
            for service, kinds in sagas.items()
            for saga in kinds
        }

    async def list_service_sagas(self, request: ListServiceSagasRequest, _call: Call) -> ListServiceSagasResponse:
        db = self._database(request.service)
        if db is None:
            return ListServiceSagasResponse()
        size = page_size(request.page_size)
        rows = await db.rows(
            saga_statements(db.service).list,
            before=request.before_id or LAST_ID,
            kind=request.kind or None,
            key=request.key or None,
            subject=request.subject_user_id or None,
            status=request.status or None,
            most=size + 1,
        )
        sagas = [self._told(request.service, row) for row in rows[:size]]
        return ListServiceSagasResponse(sagas=sagas, more=len(rows) > size)

    async def retry_service_saga(self, request: RetryServiceSagaRequest, _call: Call) -> Told:
        db = self._database(request.service)
        if db is None:
            raise _not_found(request.saga_id)
        now = db.clock.now()
        sql = saga_statements(db.service)
        async with db.write() as tx:
            row = await tx.row(sql.retry, saga_id=request.saga_id, now=now, deadline_at=now + ROUND)
            if row is None and await tx.value(sql.exists, saga_id=request.saga_id) is not None:
                raise FailedPrecondition("SAGA_DONE", f"the saga {request.saga_id} is done", sagaId=request.saga_id)
        if row is None:
            raise _not_found(request.saga_id)
        return self._told(request.service, row)

    def _database(self, service: str) -> Database | None:
        if service not in self._services:
            raise NotFound("SERVICE_NOT_HOSTED", f"this process doesn't host {service}", service=service)
        return self._databases.get(service)

    def _told(self, service: str, row: Record) -> Told:
        saga = Told(
            id=str(row["id"]),
            service=service,
            kind=row["kind"],
            key=row["key"],
            subject_user_id=row["subject_user_id"],
            status=row["status"],
            attempts=row["attempts"],
            problem=row["problem"],
        )
        data: Mapping[str, Any] = row["data"]
        saga.data.update(data)
        saga.create_time.FromDatetime(row["created_at"])
        saga.update_time.FromDatetime(row["updated_at"])
        if row["status"] in OPEN:
            saga.due_time.FromDatetime(row["due_at"])
            names = self._steps.get((service, row["kind"]), [])
            # A later version, which ran here before, may know more steps.
            saga.step = names[row["step"]] if row["step"] < len(names) else ""
        return saga


def _not_found(saga_id: str) -> NotFound:
    return NotFound("SAGA_NOT_FOUND", f"there is no saga {saga_id}", sagaId=saga_id)
