"""The keys of the persons that records are about."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, select, text, update

from chassis.db import Database, ReadSession, Statement, WriteSession
from services.audit.store.tables import subject_keys

READ_KEYS = Statement(
    text("SELECT user_id, wrapped_key FROM audit.subject_keys WHERE user_id = ANY(CAST(:user_ids AS text[]))")
)
INSERT_KEYS = Statement(
    text("""
    INSERT INTO audit.subject_keys (user_id, wrapped_key, created_at)
    SELECT sent.user_id, sent.wrapped_key, :now
    FROM unnest(CAST(:user_ids AS text[]), CAST(:wrapped_keys AS bytea[])) AS sent (user_id, wrapped_key)
    """)
)
ERASE_KEY = Statement(
    update(subject_keys)
    .where(subject_keys.c.user_id == bindparam("subject"), subject_keys.c.erased_at.is_(None))
    .values(wrapped_key=text("NULL"), erased_at=bindparam("now"))
)
GET_ERASURE = Statement(select(subject_keys.c.erased_at).where(subject_keys.c.user_id == bindparam("user_id")))


async def read(session: Database | ReadSession | WriteSession, user_ids: Iterable[str]) -> dict[str, bytes | None]:
    """Wrapped keys by person; None for who was erased. Persons without records are left out."""
    rows: list[Mapping[str, Any]] = await session.rows(READ_KEYS, user_ids=sorted(user_ids))
    return {row["user_id"]: row["wrapped_key"] for row in rows}


async def insert(tx: WriteSession, wrapped_keys: Mapping[str, bytes], now: datetime) -> None:
    """Stores new keys."""
    if wrapped_keys:
        await tx.execute(INSERT_KEYS, user_ids=list(wrapped_keys), wrapped_keys=list(wrapped_keys.values()), now=now)
