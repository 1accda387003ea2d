"""The keys of the persons that records are about, wrapped with the master key of the installation."""

import logging
import os
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, select, text

from chassis.db import Database, ReadSession, Statement, WriteSession
from chassis.errors import Unavailable
from chassis.settings import SettingsError
from services.audit.domain.sealing import KEY_BYTES, NONCE_BYTES, unwrap, wrap
from services.audit.store.tables import subject_keys

log = logging.getLogger(__name__)

READ_KEYS = Statement(
    text("SELECT user_id, wrapped_key FROM audit.subject_keys WHERE user_id = ANY(CAST(:user_ids AS text[]))")
)
ANY_KEY = Statement(
    select(subject_keys.c.user_id, subject_keys.c.wrapped_key)
    .where(subject_keys.c.wrapped_key.is_not(None))
    .limit(bindparam("most"))
)
INSERT_KEYS = Statement(
    text("""
    INSERT INTO audit.subject_keys (user_id, wrapped_key, created_at)
    SELECT sent.user_id, sent.wrapped_key, :now
    FROM unnest(CAST(:user_ids AS text[]), CAST(:wrapped_keys AS bytea[])) AS sent (user_id, wrapped_key)
    """)
)
# Of somebody without a key too: a backup has no keys, and a person may be erased before their first event is heard.
ERASE_KEY = Statement(
    text("""
    INSERT INTO audit.subject_keys AS known (user_id, created_at, erased_at) VALUES (:user_id, :now, :now)
    ON CONFLICT (user_id) DO UPDATE SET wrapped_key = NULL, erased_at = coalesce(known.erased_at, excluded.erased_at)
    RETURNING erased_at
    """)
)

Session = Database | ReadSession | WriteSession


class SubjectKeys:
    """Reads and makes keys of persons; a key that can't be unwrapped is never taken for one that is gone."""

    def __init__(self, master_key: bytes) -> None:
        """Raises SettingsError when that is no key."""
        if len(master_key) != KEY_BYTES:
            raise SettingsError(f"the secret audit-master-key must be {KEY_BYTES} bytes in base64")
        self._master = master_key
        self._checked = False

    async def check(self, session: Session) -> None:
        """Compares the master key with what is stored. Raises SettingsError when it is another one, Unavailable."""
        row = await session.row(ANY_KEY, most=1)
        if row is not None and unwrap(self._master, row["user_id"], row["wrapped_key"]) is None:
            raise SettingsError(
                "the secret audit-master-key isn't the one that the keys in audit.subject_keys are wrapped with; "
                "put the one from before back, or nothing about persons can be read or recorded"
            )
        self._checked = True

    async def read(self, session: Session, user_ids: Iterable[str]) -> dict[str, bytes | None]:
        """Keys by person; None for who was erased. Persons without a key are left out.

        Raises Unavailable when a key was wrapped with another master key.
        """
        rows: list[Mapping[str, Any]] = await session.rows(READ_KEYS, user_ids=sorted(user_ids))
        return {row["user_id"]: self._unwrap(row["user_id"], row["wrapped_key"]) for row in rows}

    async def take(self, tx: WriteSession, user_ids: Iterable[str], now: datetime) -> dict[str, bytes | None]:
        """As `read`; who has no key yet gets one. Raises Unavailable."""
        wanted = set(user_ids)
        if not wanted:
            return {}
        if not self._checked:  # the database was away when the process started
            try:
                await self.check(tx)
            except SettingsError as error:
                raise _wrong_master_key() from error
        found = await self.read(tx, wanted)
        new = {user_id: os.urandom(KEY_BYTES) for user_id in wanted - found.keys()}
        if new:
            wrapped = [wrap(self._master, os.urandom(NONCE_BYTES), user_id, key) for user_id, key in new.items()]
            await tx.execute(INSERT_KEYS, user_ids=list(new), wrapped_keys=wrapped, now=now)
        return found | new

    def _unwrap(self, user_id: str, wrapped: bytes | None) -> bytes | None:
        if wrapped is None:
            return None
        key = unwrap(self._master, user_id, wrapped)
        if key is None:
            raise _wrong_master_key()
        return key


def _wrong_master_key() -> Unavailable:
    log.error("the secret audit-master-key isn't the one that keys of persons are wrapped with")
    return Unavailable("DEPENDENCY_UNAVAILABLE", "the keys of the event store can't be unwrapped")
