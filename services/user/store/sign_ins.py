"""Failed sign-ins by address, counted under a lock: guesses made at once can't outrun the limit."""

from datetime import datetime, timedelta

from sqlalchemy import bindparam, delete, literal_column, select, update
from sqlalchemy.dialects.postgresql import insert

from chassis.db import Database, Record, Statement, WriteSession
from services.user.domain.lockout import Failures
from services.user.store.tables import sign_in_failures

_ADDRESS = sign_in_failures.c.address_hash == bindparam("address_hash")
_COLUMNS = (sign_in_failures.c.count, sign_in_failures.c.last_at, sign_in_failures.c.locked_until)

GET_FAILURES = Statement(select(*_COLUMNS).where(_ADDRESS))
LOCK_FAILURES = Statement(select(*_COLUMNS).where(_ADDRESS).with_for_update())
# The update changes nothing: it locks the row that is there, as a plain DO NOTHING wouldn't.
INSERT_OR_LOCK_FAILURES = Statement(
    insert(sign_in_failures)
    .values(address_hash=bindparam("address_hash"), count=literal_column("0"))
    .on_conflict_do_update(index_elements=["address_hash"], set_={"count": sign_in_failures.c.count})
    .returning(*_COLUMNS)
)
UPDATE_FAILURES = Statement(
    update(sign_in_failures)
    .where(_ADDRESS)
    .values(count=bindparam("count"), last_at=bindparam("last_at"), locked_until=bindparam("locked_until"))
)
DELETE_FAILURES = Statement(delete(sign_in_failures).where(_ADDRESS))
DELETE_OLD_FAILURES = Statement(delete(sign_in_failures).where(sign_in_failures.c.last_at < bindparam("before")))


async def locked_for(db: Database, address_hash: bytes, now: datetime) -> timedelta:
    """Time until sign-ins to an address are accepted again; zero when they are."""
    row = await db.row(GET_FAILURES, address_hash=address_hash)
    return timedelta(0) if row is None else _failures(row).locked_for(now)


async def add_failure(db: Database, address_hash: bytes, now: datetime) -> timedelta:
    """Counts a failure. Returns for how long the address was locked already before it."""
    async with db.write() as tx:
        [row] = await tx.rows(INSERT_OR_LOCK_FAILURES, address_hash=address_hash)
        before = _failures(row)
        after = before.plus_one(now)
        await tx.execute(
            UPDATE_FAILURES,
            address_hash=address_hash,
            count=after.count,
            last_at=after.last_at,
            locked_until=after.locked_until,
        )
    return before.locked_for(now)


async def clear_failures(tx: WriteSession, address_hash: bytes, now: datetime) -> timedelta:
    """Forgets the failures of an address after a success, unless it got locked meanwhile: then for how long."""
    row = await tx.row(LOCK_FAILURES, address_hash=address_hash)
    if row is None:
        return timedelta(0)
    locked_for = _failures(row).locked_for(now)
    if not locked_for:
        await tx.execute(DELETE_FAILURES, address_hash=address_hash)
    return locked_for


def _failures(row: Record) -> Failures:
    return Failures(row["count"], row["last_at"], row["locked_until"])
