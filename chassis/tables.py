"""The tables that every service has of its own: events on their way out and in, and answers to be replayed.

A copy per schema, because they commit in the service's own transactions under the service's own role.
"""

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    DateTime,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB


def outbox(metadata: MetaData) -> Table:
    """Events that committed with the change they tell of, until they are published and 24 h older."""
    table = Table(
        "outbox",
        metadata,
        # UUIDv7: nearly the order of creation. Order within an aggregate is its version.
        Column("id", Uuid, primary_key=True),
        Column("aggregate_type", Text, nullable=False),
        Column("aggregate_id", Text, nullable=False),
        Column("aggregate_version", BigInteger, nullable=False),
        Column("type", Text, nullable=False),
        Column("subject_user_id", Text, nullable=False),
        # The serialised fitnesshub.event.v1.Event.
        Column("event", LargeBinary, nullable=False),
        Column("created_at", DateTime(timezone=True), nullable=False),
        Column("published_at", DateTime(timezone=True)),
    )
    # The relay claims what isn't published; the index stays as small as its backlog.
    Index("outbox_unpublished", table.c.id, postgresql_where=table.c.published_at.is_(None))
    Index("outbox_published", table.c.published_at, postgresql_where=table.c.published_at.is_not(None))
    # For erasure: a day's events are too many to be read for the sake of one person's.
    Index("outbox_by_subject", table.c.subject_user_id, postgresql_where=text("subject_user_id <> ''"))
    return table


def relay_state(metadata: MetaData) -> Table:
    """One row: the generation of the bus that the outbox was last published to."""
    return Table(
        "relay_state",
        metadata,
        Column("singleton", Boolean, CheckConstraint("singleton"), primary_key=True),
        Column("epoch", Text, nullable=False),
        Column("incarnation", Text, nullable=False),
    )


def inbox(metadata: MetaData) -> Table:
    """Events that took effect, by the group that handled them; written in the transaction of the effect."""
    table = Table(
        "inbox",
        metadata,
        Column("consumer_group", Text, primary_key=True),
        Column("event_id", Uuid, primary_key=True),
        Column("handled_at", DateTime(timezone=True), nullable=False),
    )
    Index("inbox_by_age", table.c.handled_at)
    return table


def idempotency_records(metadata: MetaData) -> Table:
    """Answers of calls that carried an Idempotency-Key, kept for 24 h."""
    table = Table(
        "idempotency_records",
        metadata,
        # The user, else the calling service, else the address.
        Column("scope", Text, primary_key=True),
        Column("method", Text, primary_key=True),
        Column("key", Text, primary_key=True),
        Column("request_hash", LargeBinary, nullable=False),
        Column("response", LargeBinary, nullable=False),
        Column("http_status", Text, nullable=False),
        Column("created_at", DateTime(timezone=True), nullable=False),
    )
    Index("idempotency_records_by_age", table.c.created_at)
    return table


def sagas(metadata: MetaData) -> Table:
    """Sagas that the service began, finished ones included."""
    table = Table(
        "sagas",
        metadata,
        Column("id", Uuid, primary_key=True),
        Column("kind", Text, nullable=False),
        Column("key", Text, nullable=False),
        Column("subject_user_id", Text, nullable=False),
        # chassis.sagas.model.Status
        Column("status", Integer, nullable=False),
        # The step to be done next, or while compensating to be undone next.
        Column("step", Integer, nullable=False),
        Column("data", JSONB, nullable=False),
        Column("attempts", Integer, nullable=False),
        # How many times an operator let it begin anew.
        Column("round", Integer, nullable=False),
        Column("problem", Text, nullable=False),
        Column("due_at", DateTime(timezone=True), nullable=False),
        Column("deadline_at", DateTime(timezone=True), nullable=False),
        Column("lease_until", DateTime(timezone=True)),
        Column("lease_holder", Text),
        Column("created_at", DateTime(timezone=True), nullable=False),
        Column("updated_at", DateTime(timezone=True), nullable=False),
        UniqueConstraint("kind", "key", name="sagas_kind_key"),
    )
    Index("sagas_due", table.c.due_at, postgresql_where=text("status IN (1, 2)"))
    # Those that an operator looks for, among millions that are done.
    Index("sagas_not_done", table.c.id, postgresql_where=text("status <> 3"))
    Index("sagas_by_subject", table.c.subject_user_id, table.c.id)
    return table


def erased_subjects(metadata: MetaData) -> Table:
    """Persons who were erased: what is still heard about them has no effect. Nothing but the id they had is kept."""
    return Table(
        "erased_subjects",
        metadata,
        Column("user_id", Text, primary_key=True),
        Column("erased_at", DateTime(timezone=True), nullable=False),
    )
