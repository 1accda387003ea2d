"""A consumer of the depot's events: it keeps the stock of each item, by version."""

from collections.abc import Sequence
from datetime import UTC, datetime

from fitnesshub.event.v1.event_pb2 import Event
from google.protobuf.message import Message
from google.protobuf.wrappers_pb2 import Int64Value
from sqlalchemy import text

from chassis.db import Database, Statement, WriteSession
from chassis.events.consumer import Handler, Received, Subscription
from chassis.outbox import make_event
from tests.integration.chassis.depot import new_id

GROUP = "stocks"
STOCK = Statement(text("SELECT stock FROM depot.stocks WHERE item_id = :item_id"))
STOCKS = Statement(text("SELECT count(*) FROM depot.stocks"))
CLEAR = Statement(text("DELETE FROM depot.stocks"))
CLEAR_INBOX = Statement(text("DELETE FROM depot.inbox"))
CLEAR_STATE = Statement(text("DELETE FROM depot.relay_state"))
INBOX = Statement(text("SELECT count(*) FROM depot.inbox"))
UNPUBLISHED = Statement(text("SELECT count(*) FROM depot.outbox WHERE published_at IS NULL"))
OUTBOX = Statement(text("SELECT count(*) FROM depot.outbox"))
KEEP = Statement(
    text("""
    INSERT INTO depot.stocks (item_id, version, stock) VALUES (:item_id, :version, :stock)
    ON CONFLICT (item_id) DO UPDATE SET version = excluded.version, stock = excluded.stock
    WHERE stocks.version < excluded.version
    """)
)


async def keep_stock(tx: WriteSession, events: Sequence[Received]) -> None:
    """Replaces what is there if the version is newer. A negative stock is refused, to see what comes of it."""
    for received in events:
        assert isinstance(received.data, Int64Value)
        if received.data.value < 0:
            raise ValueError("a stock can't be negative")
        event = received.event
        values = {"item_id": event.aggregate_id, "version": event.aggregate_version, "stock": received.data.value}
        await tx.execute(KEEP, **values)


def subscription(handler: Handler = keep_stock) -> Subscription:
    return Subscription(GROUP, ("depot",), {"google.protobuf.Int64Value": handler})


def stock_event(item_id: str, version: int, data: Message, event_id: str = "") -> Event:
    """An event as the depot would publish it."""
    return make_event(
        event_id=event_id or new_id(),
        source="depot",
        time=datetime.now(UTC),
        aggregate=("item", item_id, version),
        data=data,
        subject_user_id="",
        traceparent="",
    )


async def emit(db: Database, item_id: str, version: int, stock: int) -> None:
    """Commits a change of the stock, as far as others are concerned."""
    async with db.write() as tx:
        tx.emit("item", item_id, version, Int64Value(value=stock))
