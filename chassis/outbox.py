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


@cache
def insert_statement(schema: str) -> Statement:
    """Inserts any number of events at once; parameters by `insert_parameters`."""
    table = tables.outbox(MetaData(schema=schema))
    arrays: dict[str, TypeEngine[Any]] = {
        "id": Uuid(),
        "aggregate_type": Text(),
        "aggregate_id": Text(),
        "aggregate_version": BigInteger(),
        "type": Text(),
        "subject_user_id": Text(),
        "event": LargeBinary(),
        "created_at": DateTime(timezone=True),
    }
    rows = select(*(func.unnest(bindparam(name, type_=ARRAY(kind))) for name, kind in arrays.items()))
    return Statement(insert(table).from_select(list(arrays), rows))


def insert_parameters(events: Sequence[Event]) -> dict[str, list[object]]:
    """What `insert_statement` takes."""
    return {
        "id": [event.id for event in events],
        "aggregate_type": [event.aggregate_type for event in events],
        "aggregate_id": [event.aggregate_id for event in events],
        "aggregate_version": [event.aggregate_version for event in events],
        "type": [event.type for event in events],
        "subject_user_id": [event.subject_user_id for event in events],
        "event": [event.SerializeToString() for event in events],
        "created_at": [event.time.ToDatetime(UTC) for event in events],
    }
