"""The records and the head of their chain."""

from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

from sqlalchemy import bindparam, func, select, text, tuple_

from chassis.db import Database, Statement, WriteSession
from services.audit.domain.chain import Link
from services.audit.store.tables import chain_head, records

LAST_MOMENT = datetime.max.replace(tzinfo=UTC)
LOCK_HEAD = Statement(select(chain_head.c.position, chain_head.c.hash).with_for_update())
GET_HEAD = Statement(select(chain_head.c.position, chain_head.c.hash))
MOVE_HEAD = Statement(text("UPDATE audit.chain_head SET position = :position, hash = :hash"))
MAKE_PARTITIONS = Statement(
    text("SELECT audit.make_partition(month) FROM unnest(CAST(:months AS date[])) AS wanted (month)")
)
APPEND_RECORDS = Statement(
    text("""
    INSERT INTO audit.records (
        position, event_id, source, type, event_time, record_time, aggregate_type, aggregate_id, aggregate_version,
        subject_user_id, sealed, payload, hash
    )
    SELECT * FROM unnest(
        CAST(:positions AS bigint[]), CAST(:event_ids AS uuid[]), CAST(:sources AS text[]), CAST(:types AS text[]),
        CAST(:event_times AS timestamptz[]), CAST(:record_times AS timestamptz[]), CAST(:aggregate_types AS text[]),
        CAST(:aggregate_ids AS text[]), CAST(:aggregate_versions AS bigint[]), CAST(:subjects AS text[]),
        CAST(:sealed AS boolean[]), CAST(:payloads AS bytea[]), CAST(:hashes AS bytea[])
    )
    """)
)
KNOWN_EVENTS = Statement(text("SELECT event_id FROM audit.records WHERE event_id = ANY(CAST(:event_ids AS uuid[]))"))
READ_CHAIN = Statement(
    select(records)
    .where(
        tuple_(records.c.position, records.c.record_time) > tuple_(bindparam("last_position"), bindparam("last_time"))
    )
    .order_by(records.c.position, records.c.record_time)
    .limit(bindparam("most"))
)
GET_HASH = Statement(select(records.c.hash).where(records.c.position == bindparam("position")))
COUNT_SUBJECT = Statement(select(func.count()).where(records.c.subject_user_id == bindparam("user_id")))

# Each filter is off when its parameter is null; the planner sees the values, because the plan is made for each call.
LIST_RECORDS = Statement(
    text("""
    SELECT * FROM audit.records
    WHERE position < :before
        AND (CAST(:subject AS text) IS NULL OR subject_user_id = :subject)
        AND (CAST(:type AS text) IS NULL OR type = :type)
        AND (CAST(:aggregate_id AS text) IS NULL OR (aggregate_type = :aggregate_type AND aggregate_id = :aggregate_id))
        AND (CAST(:time_from AS timestamptz) IS NULL OR record_time >= :time_from)
        AND (CAST(:time_before AS timestamptz) IS NULL OR record_time < :time_before)
    ORDER BY position DESC LIMIT :most
    """)
)
REPLAY = Statement(
    text("""
    SELECT * FROM audit.records
    WHERE position > :after AND position <= :last
        AND (CAST(:sources AS text[]) IS NULL OR source = ANY(CAST(:sources AS text[])))
        AND (CAST(:subject AS text) IS NULL OR subject_user_id = :subject)
        AND (CAST(:before AS timestamptz) IS NULL OR event_time < :before)
    ORDER BY position LIMIT :most
    """)
)


@dataclass(frozen=True, slots=True)
class Head:
    """Where the chain ends."""

    position: int
    hash: bytes


async def lock_head(tx: WriteSession) -> Head:
    """The head, for this transaction alone until it ends."""
    row = await tx.row(LOCK_HEAD)
    if row is None:
        raise LookupError("the chain has no head")
    return Head(row["position"], row["hash"])


async def get_head(db: Database) -> Head:
    """The head as it is now."""
    row = await db.row(GET_HEAD)
    if row is None:
        raise LookupError("the chain has no head")
    return Head(row["position"], row["hash"])


async def make_partitions(tx: WriteSession, months: Collection[date]) -> None:
    """Makes the partitions of these months unless they are there. The head is to be locked: one at a time."""
    await tx.rows(MAKE_PARTITIONS, months=sorted(months))


async def known_events(tx: WriteSession, event_ids: Collection[str]) -> set[str]:
    """Which of these events are recorded. The head is to be locked, or one may be added meanwhile."""
    return {str(row["event_id"]) for row in await tx.rows(KNOWN_EVENTS, event_ids=sorted(event_ids))}


async def append(tx: WriteSession, links: Sequence[tuple[Link, bytes]]) -> None:
    """Appends records with their hashes, and moves the head."""
    values: dict[str, list[Any]] = {
        "positions": [link.position for link, _ in links],
        "event_ids": [link.event_id for link, _ in links],
        "sources": [link.source for link, _ in links],
        "types": [link.type for link, _ in links],
        "event_times": [link.event_time for link, _ in links],
        "record_times": [link.record_time for link, _ in links],
        "aggregate_types": [link.aggregate_type for link, _ in links],
        "aggregate_ids": [link.aggregate_id for link, _ in links],
        "aggregate_versions": [link.aggregate_version for link, _ in links],
        "subjects": [link.subject_user_id for link, _ in links],
        "sealed": [link.sealed for link, _ in links],
        "payloads": [link.payload for link, _ in links],
        "hashes": [digest for _, digest in links],
    }
    await tx.execute(APPEND_RECORDS, **values)
    last, digest = links[-1]
    await tx.execute(MOVE_HEAD, position=last.position, hash=digest)


async def read_chain(db: Database, first: int, size: int) -> AsyncIterator[list[Mapping[str, Any]]]:
    """Records in the order of the chain from a position on, `size` at a time."""
    position, time = first - 1, LAST_MOMENT
    while rows := await db.rows(READ_CHAIN, last_position=position, last_time=time, most=size):
        yield list(rows)
        position, time = rows[-1]["position"], rows[-1]["record_time"]


@dataclass(frozen=True, slots=True)
class Replayed:
    """Which records somebody wants to hear again; None leaves a filter out."""

    sources: Sequence[str] | None = None
    subject: str | None = None
    before: datetime | None = None
    """Of the event, not of the record."""


async def replay(
    db: Database, wanted: Replayed, after: int, last: int, size: int
) -> AsyncIterator[tuple[list[Mapping[str, Any]], int]]:
    """Records between two positions, `size` at a time, each time with the position up to which was looked."""
    while after < last:
        rows = await db.rows(
            REPLAY,
            after=after,
            last=last,
            sources=wanted.sources,
            subject=wanted.subject,
            before=wanted.before,
            most=size,
        )
        after = rows[-1]["position"] if len(rows) == size else last
        yield list(rows), after


async def hash_at(db: Database, position: int) -> bytes | None:
    """The stored hash of a record; None when there is none."""
    found: bytes | None = await db.value(GET_HASH, position=position)
    return found


@dataclass(frozen=True, slots=True)
class Filter:
    """Which records to list; None leaves a filter out."""

    subject: str | None = None
    type: str | None = None
    aggregate_type: str | None = None
    aggregate_id: str | None = None
    time_from: datetime | None = None
    time_before: datetime | None = None


async def list_records(db: Database, wanted: Filter, before: int, most: int) -> list[Mapping[str, Any]]:
    """Records before a position, newest first."""
    return list(
        await db.rows(
            LIST_RECORDS,
            before=before,
            subject=wanted.subject,
            type=wanted.type,
            aggregate_type=wanted.aggregate_type,
            aggregate_id=wanted.aggregate_id,
            time_from=wanted.time_from,
            time_before=wanted.time_before,
            most=most,
        )
    )
