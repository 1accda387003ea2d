"""Answers kept under an Idempotency-Key: a repeated call gets the first answer and changes nothing.

The record commits with the change itself, so there is never one without the other.
"""

import asyncio
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from typing import TYPE_CHECKING, Any, Protocol

from sqlalchemy import BigInteger, MetaData, bindparam, delete, func, select, tuple_
from sqlalchemy.dialects.postgresql import insert

from chassis import tables
from chassis.call import Call
from chassis.errors import Aborted, FailedPrecondition
from chassis.statements import Statement

if TYPE_CHECKING:
    from chassis.db import Database

KEPT = timedelta(hours=24)
"""How long a record is replayed."""
IN_FLIGHT_RETRY = timedelta(seconds=1)
"""When to try again what is being worked on: an interactive write takes a fraction of it."""
PURGE_BATCH = 5_000
"""Rows deleted by one statement, so that none runs for long."""
PURGE_INTERVAL = 600.0
"""Seconds between two purges."""


class Replay(Exception):
    """The call was answered before; this is that answer."""

    def __init__(self, response: bytes, http_status: str) -> None:
        super().__init__("answered before")
        self.response = response
        self.http_status = http_status
        """Value of `x-http-code`; empty without one."""


@dataclass(frozen=True, slots=True)
class Statements:
    """The statements of one schema."""

    find: Statement
    record: Statement
    purge: Statement


TRY_LOCK = Statement(select(func.pg_try_advisory_xact_lock(bindparam("lock", type_=BigInteger))))
WAIT_LOCK = Statement(select(func.pg_advisory_xact_lock(bindparam("lock", type_=BigInteger))))


@cache
def statements(schema: str) -> Statements:
    """The statements for the service with this schema."""
    table = tables.idempotency_records(MetaData(schema=schema))
    c = table.c
    same = (c.scope == bindparam("scope")) & (c.method == bindparam("method")) & (c.key == bindparam("key"))
    record = insert(table)
    replaced = ("request_hash", "response", "http_status", "created_at")
    old = select(c.scope, c.method, c.key).where(c.created_at <= bindparam("until")).limit(bindparam("most"))
    return Statements(
        find=Statement(
            select(c.request_hash, c.response, c.http_status).where(same, c.created_at > bindparam("since"))
        ),
        record=Statement(
            # There may be one that is too old to be replayed and not purged yet.
            record.on_conflict_do_update(
                index_elements=[c.scope, c.method, c.key],
                set_={name: record.excluded[name] for name in replaced},
            )
        ),
        # The age is asked again: a record may be replaced by a new one while its deletion waits for the row.
        purge=Statement(
            delete(table).where(tuple_(c.scope, c.method, c.key).in_(old), c.created_at <= bindparam("until"))
        ),
    )


def scope_of(call: Call) -> str:
    """Whose keys these are: two users may use the same key."""
    if call.identity is not None:
        return call.identity.user_id
    return call.caller or f"anonymous:{call.peer_ip}"


class _Session(Protocol):
    async def row(self, statement: Statement, /, **values: Any) -> Mapping[str, Any] | None: ...

    async def value(self, statement: Statement, /, **values: Any) -> Any: ...


async def claim(session: _Session, schema: str, call: Call, now: datetime) -> None:
    """Makes the transaction the only one that works under the call's key, until it ends.

    Raises Replay when the call was answered before, FailedPrecondition when its key was used for another
    request and Aborted while another call with the key is in flight, unless Envoy is repeating this one.
    """
    lock = _lock(schema, scope_of(call), call)
    if call.attempt > 1:
        await session.value(WAIT_LOCK, lock=lock)
    elif not await session.value(TRY_LOCK, lock=lock):
        raise Aborted(
            "IDEMPOTENCY_KEY_IN_FLIGHT",
            "a call with this Idempotency-Key is being worked on; try again",
            retry_after=IN_FLIGHT_RETRY,
        )
    # A statement of its own: its snapshot must be younger than the lock.
    found = await session.row(statements(schema).find, **_key(call), since=now - KEPT)
    if found is None:
        return
    if found["request_hash"] != call.request_hash:
        raise FailedPrecondition("IDEMPOTENCY_KEY_REUSED", "this Idempotency-Key was used before with another request")
    raise Replay(found["response"], found["http_status"])


def record_parameters(call: Call, response: bytes, now: datetime) -> dict[str, Any]:
    """What `Statements.record` takes."""
    return {
        **_key(call),
        "request_hash": call.request_hash,
        "response": response,
        "http_status": call.response_metadata.get("x-http-code", ""),
        "created_at": now,
    }


async def keep_purging(db: "Database") -> None:
    """Deletes records that are too old to be replayed, for ever; a worker of the service."""
    while True:
        while await purge(db) == PURGE_BATCH:
            pass
        await asyncio.sleep(PURGE_INTERVAL)


async def purge(db: "Database") -> int:
    """Deletes one batch of records that are too old to be replayed; returns how many."""
    async with db.write() as tx:
        return await tx.execute(statements(db.service).purge, until=db.clock.now() - KEPT, most=PURGE_BATCH)


def _key(call: Call) -> dict[str, str]:
    return {"scope": scope_of(call), "method": call.method, "key": call.idempotency_key}


def _lock(schema: str, scope: str, call: Call) -> int:
    """64 bits: two keys in flight that share a lock by chance make one wait, no more."""
    name = f"{schema}\0{scope}\0{call.method}\0{call.idempotency_key}"
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big", signed=True)
