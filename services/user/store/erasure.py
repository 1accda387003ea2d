"""Deleting what is a person's, whose row of `users` the caller has locked."""

from datetime import datetime, timedelta

from fitnesshub.user.v1.events_pb2 import SESSION_END_CAUSE_ERASED
from fitnesshub.user.v1.user_pb2 import User
from sqlalchemy import BindParameter, bindparam, delete, exists, literal_column, null, select, update

from chassis.db import Statement, WriteSession
from chassis.identity import LEEWAY
from services.user.domain.ended import EndedSession
from services.user.store import sessions as session_store
from services.user.store.tables import (
    contributions,
    passwords,
    preferences,
    profiles,
    refresh_tokens,
    search_keys,
    sessions,
    stats,
    users,
)

_USER_ID: BindParameter[str] = bindparam("user_id")
DELETE_REFRESH_TOKENS = Statement(
    delete(refresh_tokens).where(
        refresh_tokens.c.session_id.in_(select(sessions.c.id).where(sessions.c.user_id == _USER_ID))
    )
)
OWNED = (passwords, search_keys, profiles, preferences, contributions, stats)
"""What goes with the person at once; those that refer to others first."""
DELETE_OF_USER = tuple(Statement(delete(table).where(table.c.user_id == _USER_ID)) for table in OWNED)
EMPTY_USER = Statement(
    update(users)
    .where(users.c.id == _USER_ID)
    .values(
        email=bindparam("email"),
        version=bindparam("version"),
        wire=bindparam("wire"),
        roles=bindparam("roles"),
        suspended_at=null(),
        suspended_until=null(),
    )
)
EMPTY_SESSIONS = Statement(
    update(sessions)
    .where(sessions.c.user_id == _USER_ID)
    .values(user_agent=literal_column("''"), ip_address=literal_column("''"))
)
REMOVE_USER = Statement(
    delete(users).where(
        users.c.id == _USER_ID,
        ~exists(
            select(sessions.c.id).where(
                sessions.c.user_id == _USER_ID, sessions.c.access_expires_at > bindparam("since")
            )
        ),
    )
)


async def end_sessions(tx: WriteSession, user_id: str, now: datetime) -> list[EndedSession]:
    """Ends every session that hasn't, and forgets all refresh tokens."""
    rows = await tx.rows(session_store.END_ALL_SESSIONS, user_id=user_id, now=now, cause=SESSION_END_CAUSE_ERASED)
    await tx.execute(DELETE_REFRESH_TOKENS, user_id=user_id)
    return [EndedSession(str(row["id"]), row["access_expires_at"]) for row in rows]


async def empty(tx: WriteSession, user: User) -> None:
    """Deletes what belongs to a user, and stores the user, who is locked, as given."""
    for statement in (*DELETE_OF_USER, EMPTY_SESSIONS):
        await tx.execute(statement, user_id=user.id)
    values = {"email": user.email, "version": user.version, "roles": list(user.roles), "wire": user.SerializeToString()}
    await tx.execute(EMPTY_USER, user_id=user.id, **values)


async def remove(tx: WriteSession, user_id: str, now: datetime) -> None:
    """Deletes a user with the sessions, unless an access token of one may be accepted still."""
    await tx.execute(REMOVE_USER, user_id=user_id, since=now - timedelta(seconds=LEEWAY))
