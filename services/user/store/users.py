"""People and their passwords. The `User` message is kept in its wire form and returned untouched.

Only a suspension that has ended by itself is taken off on the way out: nobody is there to write when it ends.
"""

from collections.abc import Sequence
from datetime import UTC, datetime

from fitnesshub.user.v1.user_pb2 import User
from sqlalchemy import (
    BigInteger,
    ColumnElement,
    and_,
    bindparam,
    func,
    insert,
    literal_column,
    not_,
    or_,
    select,
    update,
)

from chassis.db import Database, Record, Statement, WriteSession
from chassis.pages import page_length
from services.user.domain import suspensions
from services.user.domain.roles import ADMIN, GIVEN
from services.user.store.tables import HAS_ROLE, ordered_email, passwords, sessions, users

_ADMINS_LOCK = 0x666974_61646D6E
"""Advisory lock of whoever takes an administrator away (`fitadmn` in ASCII)."""
_LAST_CHARACTER = "\U0010ffff"
"""No address holds it, and none that begins with a prefix comes after the prefix with it."""
_LAST_ID = "ffffffff-ffff-ffff-ffff-ffffffffffff"

_IS = users.c.id == bindparam("user_id")
_LAPSED = (users.c.suspended_until <= bindparam("now")).label("lapsed")
SUSPENDED = and_(
    users.c.suspended_at.is_not(None),
    or_(users.c.suspended_until.is_(None), users.c.suspended_until > bindparam("now")),
)

GET_CURRENT_USER = Statement(
    select(
        users.c.wire,
        _LAPSED,
        and_(sessions.c.id.is_not(None), sessions.c.ended_at.is_(None)).label("signed_in"),
    )
    .outerjoin(sessions, and_(sessions.c.id == bindparam("session_id"), sessions.c.user_id == users.c.id))
    .where(_IS)
)
GET_CREDENTIALS = Statement(
    select(users.c.id, passwords.c.hash)
    .join(passwords, passwords.c.user_id == users.c.id)
    .where(users.c.email == bindparam("email"))
)
FIND_USER_ID = Statement(select(users.c.id).where(users.c.email == bindparam("email")))
GET_USER = Statement(select(users.c.wire, _LAPSED).where(_IS))
READ_USER = Statement(select(users.c.wire).where(_IS))
# NO KEY: rows that refer to the user, as a new session's, may still be inserted meanwhile.
LOCK_USER = Statement(select(users.c.wire).where(_IS).with_for_update(key_share=True))
INSERT_USER = Statement(
    insert(users).values(
        id=bindparam("user_id"),
        email=bindparam("email"),
        version=bindparam("version"),
        sessions_version=literal_column("0"),
        wire=bindparam("wire"),
        roles=bindparam("roles"),
    )
)
INSERT_PASSWORD = Statement(insert(passwords))
UPDATE_USER = Statement(
    update(users)
    .where(_IS)
    .values(
        wire=bindparam("wire"),
        version=bindparam("version"),
        roles=bindparam("roles"),
        suspended_at=bindparam("suspended_at"),
        suspended_until=bindparam("suspended_until"),
    )
)
# Compares with the hash that was verified: a password changed in between stays.
REPLACE_HASH = Statement(
    update(passwords)
    .where(passwords.c.user_id == bindparam("user_id"), passwords.c.hash == bindparam("verified"))
    .values(hash=bindparam("hash"), updated_at=bindparam("updated_at"))
)
LOCK_ADMINS = Statement(select(func.pg_advisory_xact_lock(bindparam("lock", type_=BigInteger))))
COUNT_OTHER_ADMINS = Statement(
    select(func.count()).where(HAS_ROLE[ADMIN], users.c.id != bindparam("user_id"), not_(SUSPENDED))
)


def _list(role: str, suspended: bool | None, *, by_email: bool) -> Statement:  # noqa: FBT001 - three values
    conditions: list[ColumnElement[bool]] = []
    if role in GIVEN:  # everybody is a member
        conditions.append(HAS_ROLE[role])
    if suspended is not None:
        conditions.append(SUSPENDED if suspended else not_(SUSPENDED))
    if by_email:
        conditions += [
            ordered_email >= bindparam("prefix"),
            ordered_email < bindparam("end"),
            ordered_email > bindparam("after"),
        ]
        chosen = select(users.c.wire, _LAPSED, users.c.email).where(*conditions).order_by(ordered_email)
    else:
        conditions.append(users.c.id < bindparam("after"))
        chosen = select(users.c.wire, _LAPSED, users.c.id).where(*conditions).order_by(users.c.id.desc())
    return Statement(chosen.limit(bindparam("limit")))


LIST_USERS = {
    (role, suspended, by_email): _list(role, suspended, by_email=by_email)
    for role in ("", *GIVEN)
    for suspended in (None, False, True)
    for by_email in (False, True)
}
"""By role, suspension, and whether the page is of the addresses with a prefix. A variant each, so that each uses its
index whatever the others would need. Ids rise with time: they are UUIDv7."""


async def insert_user(tx: WriteSession, user: User, password_hash: str, now: datetime) -> None:
    """Stores a new user. Raises UniqueViolation when the address is taken."""
    await tx.execute(
        INSERT_USER,
        user_id=user.id,
        email=user.email,
        version=user.version,
        wire=user.SerializeToString(),
        roles=list(user.roles),
    )
    await tx.execute(INSERT_PASSWORD, user_id=user.id, hash=password_hash, updated_at=now)


async def get(tx: WriteSession, user_id: str, now: datetime) -> User:
    """A user that something locked refers to."""
    return _parse(await tx.value(READ_USER, user_id=user_id), now)


async def lock(tx: WriteSession, user_id: str, now: datetime) -> User | None:
    """The user, kept from other changes until the transaction ends; None when there is none."""
    wire = await tx.value(LOCK_USER, user_id=user_id)
    return None if wire is None else _parse(wire, now)


async def save(tx: WriteSession, user: User, now: datetime) -> None:
    """Stores a changed user that is locked; raises its version."""
    user.version += 1
    user.update_time.FromDatetime(now)
    is_suspended = user.HasField("suspension")
    await tx.execute(
        UPDATE_USER,
        user_id=user.id,
        wire=user.SerializeToString(),
        version=user.version,
        roles=list(user.roles),
        suspended_at=user.suspension.start_time.ToDatetime(UTC) if is_suspended else None,
        suspended_until=suspensions.until(user),
    )


async def is_last_admin(tx: WriteSession, user_id: str, now: datetime) -> bool:
    """Whether nobody else is an administrator who isn't suspended. That stays so until the transaction ends."""
    await tx.execute(LOCK_ADMINS, lock=_ADMINS_LOCK)
    # Asked by a statement of its own, which sees what was committed while we waited for the lock.
    return int(await tx.value(COUNT_OTHER_ADMINS, user_id=user_id, now=now)) == 0


async def get_user(db: Database, user_id: str, now: datetime) -> bytes | None:
    """The wire form; None when there is no such user."""
    row = await db.row(GET_USER, user_id=user_id, now=now)
    return None if row is None else wire_now(row, now)


async def list_users(
    db: Database, *, email_prefix: str, role: str, suspended: bool | None, after: str, size: int, now: datetime
) -> tuple[list[bytes], str]:
    """Wire forms of one page, and where it ended if there is more: an address if there is a prefix, else an id.

    role: empty, or a role that few have. after: where the page before ended; empty for the first.
    """
    statement = LIST_USERS[role, suspended, bool(email_prefix)]
    if email_prefix:
        rows = await db.rows(
            statement, prefix=email_prefix, end=email_prefix + _LAST_CHARACTER, after=after, limit=size + 1, now=now
        )
    else:
        rows = await db.rows(statement, after=after or _LAST_ID, limit=size + 1, now=now)
    wires = [wire_now(row, now) for row in rows]
    return _page(wires, rows, "email" if email_prefix else "id", size)


def wire_now(row: Record, now: datetime) -> bytes:
    """The wire form of a row, without a suspension that has ended by itself."""
    wire: bytes = row["wire"]
    return _parse(wire, now).SerializeToString() if row["lapsed"] else wire


async def replace_hash(tx: WriteSession, user_id: str, verified: str, password_hash: str, now: datetime) -> None:
    """Stores a hash with today's parameters in place of the one that was just verified."""
    await tx.execute(REPLACE_HASH, user_id=user_id, verified=verified, hash=password_hash, updated_at=now)


def _page(wires: Sequence[bytes], rows: Sequence[Record], key: str, size: int) -> tuple[list[bytes], str]:
    length = page_length(wires, size)
    return list(wires[:length]), str(rows[length - 1][key]) if len(rows) > length else ""


def _parse(wire: bytes, now: datetime) -> User:
    user = User.FromString(wire)
    suspensions.forget_lapsed(user, now)
    return user
