"""Events on their way out: rows of the service's outbox, written in the transaction of the change they tell of."""

from collections.abc import Sequence
from datetime import UTC, datetime
from functools import cache
from typing import Any

from fitnesshub.event.v1.event_pb2 import Event
from google.protobuf.message import Message
from sqlalchemy import ARRAY, BigInteger, DateTime, LargeBinary, MetaData, Text, Uuid, bindparam, func, insert, select
from sqlalchemy.types import TypeEngine

from chassis import tables
from chassis.statements import Statement


def channel(service: str) -> str:
    """Name of the notices that a service's outbox has something new."""
    return f"fitnesshub_outbox_{service}"


def make_event(
    *,
    event_id: str,
    source: str,
    time: datetime,
    aggregate: tuple[str, str, int],
    data: Message,
    subject_user_id: str,
    traceparent: str,
) -> Event:
    """The envelope. aggregate: type, id and version of the resource after the change."""
    event = Event(
        id=event_id,
        source=source,
        type=data.DESCRIPTOR.full_name,
        aggregate_type=aggregate[0],
        aggregate_id=aggregate[1],
        aggregate_version=aggregate[2],
        subject_user_id=subject_user_id,
        traceparent=traceparent,
    )
    event.time.FromDatetime(time)
    event.data.Pack(data)
    return event


_COLUMNS: dict[str, TypeEngine[Any]] = {
    "id": Uuid(),
    "aggregate_type": Text(),
    "aggregate_id": Text(),
    "aggregate_version": BigInteger(),
    "type": Text(),
    "subject_user_id": Text(),
    "event": LargeBinary(),
    "created_at": DateTime(timezone=True),
}
"""What the writer fills; the relay fills the rest."""


@cache
def insert_one(schema: str) -> Statement:
    """Inserts one event, which is what nearly every write has; parameters by `columns`."""
    return Statement(
        insert(tables.outbox(MetaData(schema=schema))).values({name: bindparam(name) for name in _COLUMNS})
    )


@cache
def insert_many(schema: str) -> Statement:
    """Inserts any number of events at once; each parameter is a list of what `insert_one` takes."""
    rows = select(*(func.unnest(bindparam(name, type_=ARRAY(kind))) for name, kind in _COLUMNS.items()))
    return Statement(insert(tables.outbox(MetaData(schema=schema))).from_select(list(_COLUMNS), rows))


def insertion(schema: str, events: Sequence[Event]) -> tuple[Statement, dict[str, Any]]:
    """The statement that inserts the events, and its parameters."""
    if len(events) == 1:
        return insert_one(schema), columns(events[0])
    rows = [columns(event) for event in events]
    return insert_many(schema), {name: [row[name] for row in rows] for name in _COLUMNS}


def columns(event: Event) -> dict[str, Any]:
    """The row of an event."""
    return {
        "id": event.id,
        "aggregate_type": event.aggregate_type,
        "aggregate_id": event.aggregate_id,
        "aggregate_version": event.aggregate_version,
        "type": event.type,
        "subject_user_id": event.subject_user_id,
        "event": event.SerializeToString(),
        "created_at": event.time.ToDatetime(UTC),
    }
