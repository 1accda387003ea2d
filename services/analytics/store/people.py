"""Who registered, signed in and was suspended when."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import text

from chassis.db import Statement, WriteSession
from services.analytics.store import platform

KEEP_PEOPLE = Statement(
    text("""
    INSERT INTO analytics.people AS old (user_id, version, registered_at, suspended_since, suspended_until)
    SELECT * FROM unnest(
        CAST(:user_ids AS uuid[]), CAST(:versions AS bigint[]), CAST(:registered AS timestamptz[]),
        CAST(:since AS timestamptz[]), CAST(:until AS timestamptz[])
    )
    ON CONFLICT (user_id) DO UPDATE
    SET version = excluded.version, registered_at = excluded.registered_at,
        suspended_since = excluded.suspended_since, suspended_until = excluded.suspended_until
    WHERE old.version < excluded.version
    RETURNING user_id
    """)
)
KEEP_SIGN_INS = Statement(
    text("""
    INSERT INTO analytics.sign_in_days (user_id, day)
    SELECT * FROM unnest(CAST(:user_ids AS uuid[]), CAST(:days AS date[]))
    ON CONFLICT DO NOTHING
    RETURNING day
    """)
)
ERASE = (
    Statement(text("DELETE FROM analytics.sign_in_days WHERE user_id = CAST(:user_id AS uuid)")),
    Statement(text("DELETE FROM analytics.people WHERE user_id = CAST(:user_id AS uuid)")),
)


@dataclass(frozen=True, slots=True)
class Person:
    """What the platform's counts need of a version of an account."""

    user_id: str
    version: int
    registered_at: datetime
    suspended_since: datetime | None = None
    suspended_until: datetime | None = None


async def keep_people(tx: WriteSession, people: Sequence[Person]) -> None:
    """Replaces older versions. A person comes once."""
    sent = sorted(people, key=lambda each: each.user_id)
    rows = await tx.rows(
        KEEP_PEOPLE,
        user_ids=[each.user_id for each in sent],
        versions=[each.version for each in sent],
        registered=[each.registered_at for each in sent],
        since=[each.suspended_since for each in sent],
        until=[each.suspended_until for each in sent],
    )
    await platform.mark_people(tx, [str(row["user_id"]) for row in rows])


async def keep_sign_ins(tx: WriteSession, days: Iterable[tuple[str, date]]) -> None:
    """Adds days on which people signed in."""
    sent = sorted(set(days))
    rows = await tx.rows(KEEP_SIGN_INS, user_ids=[each[0] for each in sent], days=[each[1] for each in sent])
    await platform.mark(tx, {row["day"] for row in rows})
