"""AuditService: the event store for administrators, for the persons themselves and for services that rebuild."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import UTC
from typing import Any

from fitnesshub.audit.v1 import audit_pb2
from fitnesshub.audit.v1.audit_pb2 import AuditRecord, ChainProblem
from fitnesshub.audit.v1.audit_service_pb2 import (
    EraseSubjectRequest,
    EraseSubjectResponse,
    ExportAuditRecordsRequest,
    ListAuditRecordsRequest,
    ListAuditRecordsResponse,
    ListOwnAuditRecordsRequest,
    ListOwnAuditRecordsResponse,
    ReplayEventsRequest,
    ReplayEventsResponse,
    VerifyChainRequest,
    VerifyChainResponse,
)
from fitnesshub.audit.v1.events_pb2 import SubjectErased
from fitnesshub.event.v1.event_pb2 import Event
from google.api.httpbody_pb2 import HttpBody
from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.descriptor_pool import Default
from google.protobuf.message import DecodeError, Message

from chassis.call import Call, Wire
from chassis.clock import Clock
from chassis.db import Database
from chassis.errors import FailedPrecondition, InvalidArgument, Violation
from chassis.pages import PageTokens, page_size
from services.audit.clients.checkpoints import Checkpoints
from services.audit.domain.chain import GENESIS, Verifier, link_of
from services.audit.domain.sealing import unseal
from services.audit.store import records
from services.audit.store.keys import ERASE_KEY, SubjectKeys

AGGREGATE = "subject"
END = 2**63 - 1
BATCH = 500
"""Records read at a time; hashing them takes about 2 ms."""
VERIFY_SECONDS = 40.0
"""How long one call verifies: the contract gives it 60."""
SHOWN_PROBLEMS = 100


class AuditApi:
    """Answers the RPCs of AuditService."""

    def __init__(
        self, db: Database, clock: Clock, page_tokens: PageTokens, checkpoints: Checkpoints, keys: SubjectKeys
    ) -> None:
        self._db = db
        self._clock = clock
        self._page_tokens = page_tokens
        self._checkpoints = checkpoints
        self._keys = keys

    async def list_audit_records(self, request: ListAuditRecordsRequest, call: Call) -> ListAuditRecordsResponse:
        """A page, newest first."""
        for field, other in (("aggregateType", request.aggregate_id), ("aggregateId", request.aggregate_type)):
            if bool(request.aggregate_type) != bool(request.aggregate_id) and other:
                violation = Violation(field, "is needed with its other half: aggregateType and aggregateId go together")
                raise InvalidArgument("INVALID_REQUEST", f"{field} is missing", violations=[violation])
        wanted = records.Filter(
            subject=request.subject_user_id or None,
            type=request.type or None,
            aggregate_type=request.aggregate_type or None,
            aggregate_id=request.aggregate_id or None,
            time_from=_time(request, "record_time_from"),
            time_before=_time(request, "record_time_before"),
        )
        found, token = await self._page(call.method, request, wanted)
        return ListAuditRecordsResponse(records=found, next_page_token=token)

    async def list_own_audit_records(
        self, request: ListOwnAuditRecordsRequest, call: Call
    ) -> ListOwnAuditRecordsResponse:
        """A page of what is recorded about the caller."""
        wanted = records.Filter(subject=call.user_id)
        found, token = await self._page(f"{call.method} {call.user_id}", request, wanted)
        return ListOwnAuditRecordsResponse(records=found, next_page_token=token)

    async def verify_chain(self, request: VerifyChainRequest, _call: Call) -> VerifyChainResponse:
        """Walks along the chain for as long as a call may."""
        first = max(1, request.from_position)
        before = GENESIS if first == 1 else await records.hash_at(self._db, first - 1)
        if before is None:
            raise InvalidArgument("INVALID_REQUEST", "there is no record before from_position to go on from")
        head = await records.get_head(self._db)
        stop = time.monotonic() + VERIFY_SECONDS
        reading = await asyncio.to_thread(self._checkpoints.reading)
        newest = await asyncio.to_thread(reading.newest)
        checkpoints = {newest.position: newest} if newest else {}
        verifier = Verifier(first, before, checkpoints)
        last, following = first - 1, 0
        async for rows in records.read_chain(self._db, first, BATCH):
            found = await asyncio.to_thread(reading.between, last + 1, rows[-1]["position"])
            checkpoints.update(found)
            for row in rows:
                if row["position"] <= head.position or row["position"] in checkpoints:
                    verifier.see(link_of(row), row["hash"])
                    last = row["position"]
            for position in found:
                if newest is None or position != newest.position:
                    del checkpoints[position]
            if time.monotonic() >= stop and last < head.position:
                following = last + 1
                break
            await asyncio.sleep(0)
        if not following:
            verifier.finish(head.position)
        problems = [*reading.problems, *verifier.problems]
        response = VerifyChainResponse(
            intact=not problems,
            problems=[
                ChainProblem(
                    damage=audit_pb2.ChainDamage.Value(f"CHAIN_DAMAGE_{each.damage}"),
                    position=each.position,
                    description=each.description,
                )
                for each in problems[:SHOWN_PROBLEMS]
            ],
            from_position=first,
            to_position=last,
            next_position=following,
            checkpoint_position=newest.position if newest else 0,
        )
        if newest:
            response.checkpoint_time.FromDatetime(newest.time)
        return response

    async def export_audit_records(self, request: ExportAuditRecordsRequest, call: Call) -> AsyncIterator[HttpBody]:
        """One JSON object a line, as it is stored: what is sealed stays sealed."""
        # The contract's `audited` doesn't cover streams; what can't be recorded isn't given out.
        await self._db.record_call(call, 0, "")
        async for rows in records.read_chain(self._db, max(1, request.from_position), BATCH):
            lines = "".join(_line(row) for row in rows)
            yield HttpBody(content_type="application/x-ndjson", data=lines.encode())

    async def replay_events(self, request: ReplayEventsRequest, call: Call) -> AsyncIterator[ReplayEventsResponse]:
        """Events as they were published, up to what is the head now."""
        if not request.subject_user_id:  # of one person they are read for each of that person's own calls
            await self._db.record_call(call, 0, "")
        types = frozenset(request.types)
        wanted = records.Replayed(
            sources=list(request.sources) or None,
            subject=request.subject_user_id or None,
            before=_time(request, "event_time_before"),
        )
        head = await records.get_head(self._db)
        async for rows, position in records.replay(self._db, wanted, request.after_position, head.position, BATCH):
            chosen = [row for row in rows if not types or row["type"] in types]
            opened = zip(chosen, await self._open(chosen), strict=True)
            events = {row["event_id"]: _event(row, data) for row, data in opened if data is not None}
            yield ReplayEventsResponse(
                events=[event.SerializeToString() for event in events.values()],
                left_out_event_ids=[str(row["event_id"]) for row in rows if row["event_id"] not in events],
                position=position,
            )

    async def erase_subject(self, request: EraseSubjectRequest, call: Call) -> Wire:
        """Destroys the key, or sees to it that there never is one, and has everybody else told by the event.

        An administrator needs another one for being erased: so one is always left, whom this service doesn't know.
        """
        if request.user_id == call.user_id:
            raise FailedPrecondition("ERASES_THEMSELVES", "another administrator has to do it")
        now = self._clock.now()
        async with self._db.write(call) as tx:
            since = await tx.value(ERASE_KEY, user_id=request.user_id, now=now)
            response = EraseSubjectResponse(records=await tx.value(records.COUNT_SUBJECT, user_id=request.user_id))
            response.erase_time.FromDatetime(since)
            event = SubjectErased(user_id=request.user_id)
            event.erase_time.FromDatetime(since)
            # Told again when asked again, so that whoever missed it hears of it; about nobody, because nobody is left.
            tx.emit(AGGREGATE, request.user_id, 1, event)
            return tx.answer(response)

    async def _page(
        self, bound_to: str, request: ListAuditRecordsRequest | ListOwnAuditRecordsRequest, wanted: records.Filter
    ) -> tuple[list[AuditRecord], str]:
        before = END
        if request.page_token:
            before = int(self._page_tokens.decode(bound_to, request, request.page_token)[0])
        size = page_size(request.page_size)
        rows = await records.list_records(self._db, wanted, before, size + 1)
        token = ""
        if len(rows) > size:
            rows = rows[:size]
            token = self._page_tokens.encode(bound_to, request, (str(rows[-1]["position"]),))
        opened = await self._open(rows)
        return [_record(row, data) for row, data in zip(rows, opened, strict=True)], token

    async def _open(self, rows: Sequence[Mapping[str, Any]]) -> list[bytes | None]:
        """The payloads; None where the key is gone. Raises Unavailable when the master key is the wrong one."""
        opened = await self._keys.read(self._db, {row["subject_user_id"] for row in rows if row["sealed"]})
        found: list[bytes | None] = []
        for row in rows:
            if not row["sealed"]:
                found.append(row["payload"])
                continue
            key = opened.get(row["subject_user_id"])
            found.append(unseal(key, str(row["event_id"]), row["payload"]) if key else None)
        return found


def _time(request: ListAuditRecordsRequest | ReplayEventsRequest, field: str) -> Any:
    return getattr(request, field).ToDatetime(tzinfo=UTC) if request.HasField(field) else None  # type: ignore[arg-type]


def _any(data: bytes) -> AnyMessage | None:
    try:
        return AnyMessage.FromString(data)
    except DecodeError:
        return None


def _record(row: Mapping[str, Any], data: bytes | None) -> AuditRecord:
    record = AuditRecord(
        position=row["position"],
        event_id=str(row["event_id"]),
        source=row["source"],
        type=row["type"],
        aggregate_type=row["aggregate_type"],
        aggregate_id=row["aggregate_id"],
        aggregate_version=row["aggregate_version"],
        subject_user_id=row["subject_user_id"],
        hash=row["hash"].hex(),
    )
    record.event_time.FromDatetime(row["event_time"])
    record.record_time.FromDatetime(row["record_time"])
    # A type that the edge doesn't know it can't write as JSON.
    if data is not None and (content := _any(data)) is not None and _is_known(content):
        record.data.CopyFrom(content)
    return record


def _is_known(content: AnyMessage) -> bool:
    try:
        Default().FindMessageTypeByName(content.TypeName())
    except KeyError:
        return False
    return True


def _event(row: Mapping[str, Any], data: bytes) -> Message:
    event = Event(
        id=str(row["event_id"]),
        source=row["source"],
        type=row["type"],
        aggregate_type=row["aggregate_type"],
        aggregate_id=row["aggregate_id"],
        aggregate_version=row["aggregate_version"],
        subject_user_id=row["subject_user_id"],
    )
    event.time.FromDatetime(row["event_time"])
    event.data.MergeFromString(data)
    return event


def _line(row: Mapping[str, Any]) -> str:
    fields = {name: _plain(value) for name, value in row.items()}
    return json.dumps(fields, separators=(",", ":")) + "\n"


def _plain(value: Any) -> Any:
    if isinstance(value, bytes):
        return value.hex()
    if hasattr(value, "isoformat"):
        return value.replace(tzinfo=UTC).isoformat(timespec="microseconds")
    return value if isinstance(value, bool | int | str) else str(value)
