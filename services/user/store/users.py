"""People and their passwords. The `User` message is kept in its wire form and returned untouched."""

from datetime import datetime

from fitnesshub.user.v1.user_pb2 import User
from sqlalchemy import and_, bindparam, select, update
from sqlalchemy import insert as insert_into

from chassis.db import Statement, WriteSession
from services.user.store.tables import passwords, sessions, users

GET_CURRENT_USER = Statement(
    select(users.c.wire, and_(sessions.c.id.is_not(None), sessions.c.ended_at.is_(None)).label("signed_in"))
    .outerjoin(sessions, and_(sessions.c.id == bindparam("session_id"), sessions.c.user_id == users.c.id))
    .where(users.c.id == bindparam("user_id"))
)
GET_CREDENTIALS = Statement(
    select(users.c.id, passwords.c.hash)
    .join(passwords, passwords.c.user_id == users.c.id)
    .where(users.c.email == bindparam("email"))
)
FIND_USER_ID = Statement(select(users.c.id).where(users.c.email == bindparam("email")))
GET_USER = Statement(select(users.c.wire).where(users.c.id == bindparam("user_id")))
# NO KEY: rows that refer to the user, as a new session's, may still be inserted meanwhile.
LOCK_USER = Statement(select(users.c.wire).where(users.c.id == bindparam("user_id")).with_for_update(key_share=True))
INSERT_USER = Statement(insert_into(users))
INSERT_PASSWORD = Statement(insert_into(passwords))
UPDATE_USER = Statement(
    update(users).where(users.c.id == bindparam("user_id")).values(wire=bindparam("wire"), version=bindparam("version"))
)
# Compares with the hash that was verified: a password changed in between stays.
REPLACE_HASH = Statement(
    update(passwords)
    .where(passwords.c.user_id == bindparam("user_id"), passwords.c.hash == bindparam("verified"))
    .values(hash=bindparam("hash"), updated_at=bindparam("updated_at"))
)


async def insert(tx: WriteSession, user: User, password_hash: str, now: datetime) -> None:
    """Stores a new user. Raises UniqueViolation when the address is taken."""
    await tx.execute(
        INSERT_USER,
        id=user.id,
        email=user.email,
        version=user.version,
        sessions_version=0,
        wire=user.SerializeToString(),
    )
    await tx.execute(INSERT_PASSWORD, user_id=user.id, hash=password_hash, updated_at=now)


async def get(tx: WriteSession, user_id: str) -> User:
    """A user that something locked refers to."""
    return User.FromString(await tx.value(GET_USER, user_id=user_id))


async def lock(tx: WriteSession, user_id: str) -> User | None:
    """The user, kept from other changes until the transaction ends; None when there is none."""
    wire = await tx.value(LOCK_USER, user_id=user_id)
    return None if wire is None else User.FromString(wire)


async def save(tx: WriteSession, user: User, now: datetime) -> None:
    """Stores a changed user that is locked; raises its version."""
    user.version += 1
    user.update_time.FromDatetime(now)
    await tx.execute(UPDATE_USER, user_id=user.id, wire=user.SerializeToString(), version=user.version)


async def replace_hash(tx: WriteSession, user_id: str, verified: str, password_hash: str, now: datetime) -> None:
    """Stores a hash with today's parameters in place of the one that was just verified."""
    await tx.execute(REPLACE_HASH, user_id=user_id, verified=verified, hash=password_hash, updated_at=now)
