"""Statements of the test service `depot` (tests/data/services/depot)."""

from typing import Any

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Column,
    DateTime,
    LargeBinary,
    MetaData,
    Table,
    Text,
    Uuid,
    any_,
    bindparam,
    delete,
    func,
    insert,
    select,
    text,
    update,
)
from sqlalchemy.dialects.postgresql import JSONB

from chassis import tables
from chassis.call import Call, Identity
from chassis.db import Statement
from chassis.uuid7 import make

metadata = MetaData(schema="depot")
outbox = tables.outbox(metadata)
idempotency_records = tables.idempotency_records(metadata)
items = Table(
    "items",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("name", Text),
    Column("stock", BigInteger),
    Column("version", BigInteger),
    Column("tags", ARRAY(Text)),
    Column("document", JSONB),
    Column("wire", LargeBinary),
    Column("seen_at", DateTime(timezone=True)),
)

ADD = Statement(insert(items).values(id=bindparam("id"), name=bindparam("name")))
ADD_WHOLE = Statement(insert(items))
ADD_PART = Statement(text("INSERT INTO depot.parts (id, item_id) VALUES (:id, :item_id)"))
NAMES = Statement(select(items.c.name).order_by(items.c.name))
GET = Statement(select(items).where(items.c.id == bindparam("id")))
GET_MANY = Statement(
    select(items.c.name).where(items.c.id == any_(bindparam("ids", type_=ARRAY(Uuid)))).order_by(items.c.name)
)
COUNT = Statement(select(func.count()).select_from(items))
CHANGE = Statement(
    update(items)
    .where(items.c.id == bindparam("item_id"), items.c.version == bindparam("seen"))
    .values(stock=bindparam("stock"), version=bindparam("next"))
)
TOUCH = Statement(update(items).where(items.c.id == bindparam("item_id")).values(stock=bindparam("stock")))
EVENTS = Statement(select(outbox).order_by(outbox.c.id))
RECORDS = Statement(select(func.count()).select_from(idempotency_records))
SLEEP = Statement(text("SELECT pg_sleep(:seconds)"))
BACKEND = Statement(text("SELECT pg_backend_pid()"))
DELETE_ALL = (
    Statement(delete(outbox)),
    Statement(delete(idempotency_records)),
    Statement(text("DELETE FROM depot.parts")),
    Statement(delete(items)),
)


def new_id() -> str:
    """An id for a row."""
    return str(make())


def keyed_call(key: str = "key", *, user: str = "ada", request: bytes = b"request", attempt: int = 1) -> Call:
    """A call with an Idempotency-Key."""
    identity = Identity(user, "session", frozenset(), "", 0.0, "") if user else None
    return Call(
        "/depot.v1.Depot/Add",
        identity=identity,
        idempotency_key=key,
        request_hash=request,
        attempt=attempt,
        traceparent="00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        peer_ip="192.0.2.1",
    )


def whole(**changed: Any) -> dict[str, Any]:
    """A value for each column of an item."""
    columns: dict[str, Any] = dict.fromkeys(("name", "tags", "document", "wire", "seen_at"))
    return columns | {"id": new_id(), "stock": 0, "version": 1} | changed
