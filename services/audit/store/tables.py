"""The tables of the audit service. `records` is partitioned by month and only ever grows: triggers see to it."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    DateTime,
    Index,
    LargeBinary,
    MetaData,
    Table,
    Text,
    Uuid,
)

from chassis import tables

metadata = MetaData(schema="audit")

outbox = tables.outbox(metadata)
idempotency_records = tables.idempotency_records(metadata)
relay_state = tables.relay_state(metadata)
inbox = tables.inbox(metadata)
sagas = tables.sagas(metadata)
erased_subjects = tables.erased_subjects(metadata)

records = Table(
    "records",
    metadata,
    # With the time, because a unique index of a partitioned table holds its partition key.
    Column("position", BigInteger, primary_key=True, autoincrement=False),
    Column("record_time", DateTime(timezone=True), primary_key=True),
    Column("event_id", Uuid, nullable=False),
    Column("source", Text, nullable=False),
    Column("type", Text, nullable=False),
    Column("event_time", DateTime(timezone=True), nullable=False),
    Column("aggregate_type", Text, nullable=False),
    Column("aggregate_id", Text, nullable=False),
    Column("aggregate_version", BigInteger, nullable=False),
    Column("subject_user_id", Text, nullable=False),
    Column("sealed", Boolean, nullable=False),
    Column("payload", LargeBinary, nullable=False),
    Column("hash", LargeBinary, nullable=False),
    postgresql_partition_by="RANGE (record_time)",
)
"""`payload` is the serialised `google.protobuf.Any` of the event, encrypted when `sealed`."""

Index("records_by_subject", records.c.subject_user_id, records.c.position)
Index("records_by_aggregate", records.c.aggregate_type, records.c.aggregate_id, records.c.position)
Index("records_by_type", records.c.type, records.c.position)
Index("records_by_event", records.c.event_id)

chain_head = Table(
    "chain_head",
    metadata,
    Column("singleton", Boolean, CheckConstraint("singleton"), primary_key=True),
    Column("position", BigInteger, nullable=False),
    Column("hash", LargeBinary, nullable=False),
)
"""One row; whoever appends holds it."""

subject_keys = Table(
    "subject_keys",
    metadata,
    Column("user_id", Text, primary_key=True),
    Column("wrapped_key", LargeBinary),
    Column("created_at", DateTime(timezone=True), nullable=False),
    Column("erased_at", DateTime(timezone=True)),
)
"""`wrapped_key`: null once the person was erased. Backups leave the content of this table out."""
