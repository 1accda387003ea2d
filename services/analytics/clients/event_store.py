"""The event store of the audit service, as analytics needs it."""

from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from typing import Any, Protocol

from fitnesshub.audit.v1.audit_service_pb2 import ReplayEventsRequest
from fitnesshub.audit.v1.audit_service_pb2_grpc import AuditServiceStub

from chassis.events.rebuild import Replayed

REBUILD_SECONDS = 3600.0
"""What the contract allows; 15 million events are read in it."""


class History(Protocol):
    """What happened, as it was recorded."""

    def replay(self, after: int) -> AsyncIterator[Replayed]:
        """All events that analytics hears, recorded after a position. Raises Failure."""
        ...

    def replay_person(self, user_id: str, before: datetime, types: Sequence[str]) -> AsyncIterator[Replayed]:
        """Events of these types about a person that happened before a time. Raises Failure."""
        ...


class AuditHistory:
    """Asks the audit service."""

    def __init__(self, channel: Any, types: Sequence[str], sources: Sequence[str]) -> None:
        """types: of the events that analytics handles. sources: the services that it hears."""
        self._stub: Any = AuditServiceStub(channel)
        self._types = types
        self._sources = sources

    def replay(self, after: int) -> AsyncIterator[Replayed]:
        request = ReplayEventsRequest(after_position=after, types=self._types, sources=self._sources)
        return _replayed(self._stub.ReplayEvents(request, timeout=REBUILD_SECONDS))

    def replay_person(self, user_id: str, before: datetime, types: Sequence[str]) -> AsyncIterator[Replayed]:
        request = ReplayEventsRequest(subject_user_id=user_id, types=types)
        request.event_time_before.FromDatetime(before)
        return _replayed(self._stub.ReplayEvents(request))


async def _replayed(answers: AsyncIterator[Any]) -> AsyncIterator[Replayed]:
    async for answer in answers:
        yield Replayed(tuple(answer.events), tuple(answer.left_out_event_ids), answer.position)
