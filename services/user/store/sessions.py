"""Sessions and their refresh tokens, of which only SHA-256 is kept.

Locks are taken in one order everywhere: the user, then sessions (by id). So nothing here can deadlock, and who
has locked the user knows all sessions: none begins or is forgotten meanwhile.
"""

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from fitnesshub.user.v1.events_pb2 import SESSION_END_CAUSE_SUSPENDED, SessionEndCause, SessionsEnded
from fitnesshub.user.v1.session_service_pb2 import ActiveSession
from fitnesshub.user.v1.user_pb2 import Session, User
from sqlalchemy import ARRAY, ColumnElement, Uuid, any_, bindparam, delete, func, insert, literal_column, select, update

from chassis.db import Database, Record, Statement, WriteSession
from chassis.identity import LEEWAY
from services.user.domain.devices import Device
from services.user.domain.ended import EndedSession
from services.user.store.tables import refresh_tokens, sessions, users
from services.user.store.users import LOCK_USER

_ALIVE = sessions.c.ended_at.is_(None)
_MINE = sessions.c.user_id == bindparam("user_id")
_THIS = sessions.c.id == bindparam("session_id")
_LAST_ID = "ffffffff-ffff-ffff-ffff-ffffffffffff"

INSERT_SESSION = Statement(
    insert(sessions).values(
        id=bindparam("session_id"),
        user_id=bindparam("user_id"),
        method=bindparam("method"),
        created_at=bindparam("created_at"),
        access_expires_at=bindparam("access_expires_at"),
        user_agent=bindparam("user_agent"),
        ip_address=bindparam("ip_address"),
    )
)
INSERT_REFRESH_TOKEN = Statement(
    insert(refresh_tokens).values(
        token_hash=bindparam("token_hash"), session_id=bindparam("session_id"), created_at=bindparam("created_at")
    )
)
LOCK_SESSION_OF_TOKEN = Statement(
    select(sessions.c.id, sessions.c.user_id, sessions.c.method, sessions.c.created_at)
    .join(refresh_tokens, refresh_tokens.c.session_id == sessions.c.id)
    .where(refresh_tokens.c.token_hash == bindparam("token_hash"), _ALIVE)
    .with_for_update(of=sessions, key_share=True)
)
GET_SUSPENDED_OWNER = Statement(
    select(users.c.wire)
    .join(sessions, sessions.c.user_id == users.c.id)
    .join(refresh_tokens, refresh_tokens.c.session_id == sessions.c.id)
    .where(
        refresh_tokens.c.token_hash == bindparam("token_hash"),
        sessions.c.end_cause == literal_column(str(SESSION_END_CAUSE_SUSPENDED)),
    )
)
GET_TOKEN_LEFT_AT = Statement(
    select(refresh_tokens.c.left_at).where(refresh_tokens.c.token_hash == bindparam("token_hash"))
)
LEAVE_GENERATION = Statement(
    update(refresh_tokens)
    .where(refresh_tokens.c.session_id == bindparam("session_id"), refresh_tokens.c.left_at.is_(None))
    .values(left_at=bindparam("now"))
)
EXTEND_SESSION = Statement(
    update(sessions)
    .where(_THIS)
    .values(
        # An older token lives longer when the operator has just shortened the life of tokens.
        access_expires_at=func.greatest(sessions.c.access_expires_at, bindparam("access_expires_at")),
        refreshed_at=bindparam("now"),
    )
)
LIST_SESSIONS = Statement(
    select(
        sessions.c.id,
        sessions.c.method,
        sessions.c.user_agent,
        sessions.c.ip_address,
        sessions.c.created_at,
        func.coalesce(sessions.c.refreshed_at, sessions.c.created_at).label("refreshed_at"),
    )
    # Ids rise with time: they are UUIDv7.
    .where(_MINE, _ALIVE, sessions.c.id < bindparam("after"))
    .order_by(sessions.c.id.desc())
    .limit(bindparam("limit"))
)


def _end(*which: ColumnElement[bool]) -> Statement:
    chosen = select(sessions.c.id).where(_MINE, _ALIVE, *which).order_by(sessions.c.id).with_for_update(key_share=True)
    return Statement(
        update(sessions)
        .where(sessions.c.id.in_(chosen))
        .values(ended_at=bindparam("now"), end_cause=bindparam("cause"))
        .returning(sessions.c.id, sessions.c.access_expires_at)
    )


END_ALL_SESSIONS = _end()
END_THIS_SESSION = _end(_THIS)
END_OTHER_SESSIONS = _end(sessions.c.id != bindparam("session_id"))
DELETE_REFRESH_TOKENS = Statement(
    delete(refresh_tokens).where(refresh_tokens.c.session_id == any_(bindparam("session_ids", type_=ARRAY(Uuid))))
)
COUNT_SESSIONS_ENDED = Statement(
    update(users)
    .where(users.c.id == bindparam("user_id"))
    .values(sessions_version=users.c.sessions_version + literal_column("1"))
    .returning(users.c.sessions_version)
)
LIST_ENDED_SESSIONS = Statement(
    select(sessions.c.id, sessions.c.access_expires_at).where(
        sessions.c.ended_at.is_not(None), sessions.c.access_expires_at > bindparam("since")
    )
)
DELETE_OLD_SESSIONS = Statement(
    delete(sessions).where(sessions.c.ended_at.is_not(None), sessions.c.access_expires_at < bindparam("before"))
)
DELETE_OLD_REFRESH_TOKENS = Statement(delete(refresh_tokens).where(refresh_tokens.c.left_at < bindparam("before")))


@dataclass(frozen=True, slots=True)
class LiveSession:
    """A session that hasn't ended, locked, and where the presented token stands in it."""

    id: str
    user_id: str
    method: str
    created_at: datetime
    token_left_at: datetime | None
    """When the token's generation was left; None while it is current."""


async def begin(tx: WriteSession, session: Session, method: str, device: Device, now: datetime) -> None:
    """Stores a new session with its first refresh token."""
    await tx.execute(
        INSERT_SESSION,
        session_id=session.id,
        user_id=session.user.id,
        method=method,
        created_at=now,
        access_expires_at=session.expire_time.ToDatetime(UTC),
        user_agent=device.user_agent,
        ip_address=device.ip_address,
    )
    await _insert_token(tx, session, now)


async def lock_by_token(tx: WriteSession, refresh_token: str) -> LiveSession | None:
    """The session of a refresh token, kept from other refreshes; None when there is none that hasn't ended."""
    token_hash = _sha256(refresh_token)
    row = await tx.row(LOCK_SESSION_OF_TOKEN, token_hash=token_hash)
    if row is None:
        return None
    # Read by a statement of its own, which sees what a concurrent refresh committed while we waited for the lock.
    left_at = await tx.value(GET_TOKEN_LEFT_AT, token_hash=token_hash)
    return LiveSession(str(row["id"]), str(row["user_id"]), row["method"], row["created_at"], left_at)


async def suspended_owner(tx: WriteSession, refresh_token: str) -> User | None:
    """Whose session it is that a refresh token belonged to, if a suspension ended it."""
    wire = await tx.value(GET_SUSPENDED_OWNER, token_hash=_sha256(refresh_token))
    return None if wire is None else User.FromString(wire)


async def leave_generation(tx: WriteSession, session_id: str, now: datetime) -> None:
    """Makes all current refresh tokens of a locked session used ones."""
    await tx.execute(LEAVE_GENERATION, session_id=session_id, now=now)


async def extend(tx: WriteSession, session: Session, now: datetime) -> None:
    """Stores a further refresh token of a locked session, and that its access token lives on."""
    await _insert_token(tx, session, now)
    until = session.expire_time.ToDatetime(UTC)
    await tx.execute(EXTEND_SESSION, session_id=session.id, access_expires_at=until, now=now)


async def end(
    tx: WriteSession,
    statement: Statement,
    cause: SessionEndCause.ValueType,
    user_id: str,
    session_id: str,
    now: datetime,
) -> list[EndedSession]:
    """Ends sessions of a user, with their refresh tokens, and says so in an event. Locks the user.

    `statement` is one of the END_ statements; `session_id` is the session that it includes or spares. Refresh tokens
    that a suspension ends stay until the session is removed, so that their holders are told why they are refused.
    """
    await tx.execute(LOCK_USER, user_id=user_id)
    which = {"session_id": session_id} if "session_id" in statement.parameters else {}
    rows = await tx.rows(statement, user_id=user_id, now=now, cause=cause, **which)
    if not rows:
        return []
    if cause != SESSION_END_CAUSE_SUSPENDED:
        await tx.execute(DELETE_REFRESH_TOKENS, session_ids=[row["id"] for row in rows])
    version = await tx.value(COUNT_SESSIONS_ENDED, user_id=user_id)
    ended = [EndedSession(str(row["id"]), row["access_expires_at"]) for row in rows]
    event = SessionsEnded(user_id=user_id, session_ids=[each.id for each in ended], cause=cause)
    tx.emit("user_sessions", user_id, version, event, subject_user_id=user_id)
    return ended


async def end_all(
    tx: WriteSession, cause: SessionEndCause.ValueType, user_id: str, now: datetime
) -> list[EndedSession]:
    """Ends all sessions of a user; as `end`."""
    return await end(tx, END_ALL_SESSIONS, cause, user_id, "", now)


async def list_alive(
    db: Database, user_id: str, current: str, after: str, size: int
) -> tuple[list[ActiveSession], str]:
    """One page of a user's sessions, newest first, and the id where it ended if there is more.

    current: id of the session that asks. after: where the page before ended; empty for the first.
    """
    rows = await db.rows(LIST_SESSIONS, user_id=user_id, after=after or _LAST_ID, limit=size + 1)
    page = [_active(row, current) for row in rows[:size]]
    return page, page[-1].id if len(rows) > size else ""


def _active(row: Record, current: str) -> ActiveSession:
    session = ActiveSession(
        id=str(row["id"]),
        method=row["method"],
        user_agent=row["user_agent"],
        ip_address=row["ip_address"],
        current=str(row["id"]) == current,
    )
    session.create_time.FromDatetime(row["created_at"])
    session.refresh_time.FromDatetime(row["refreshed_at"])
    return session


async def list_ended(db: Database, now: datetime) -> list[EndedSession]:
    """The ended sessions of which an access token could still be accepted: for a moment after it expires, too."""
    rows = await db.rows(LIST_ENDED_SESSIONS, since=now - timedelta(seconds=LEEWAY))
    return [EndedSession(str(row["id"]), row["access_expires_at"]) for row in rows]


async def _insert_token(tx: WriteSession, session: Session, now: datetime) -> None:
    await tx.execute(
        INSERT_REFRESH_TOKEN,
        token_hash=_sha256(session.refresh_token),
        session_id=session.id,
        created_at=now,
    )


def _sha256(refresh_token: str) -> bytes:
    # No salt and no work factor: 256 random bits can't be guessed, and the hash must be found by its value.
    return hashlib.sha256(refresh_token.encode()).digest()
