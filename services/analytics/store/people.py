"""Who registered and signed in when, and how people want their days counted."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import text

from chassis.db import Database, Statement, WriteSession

KEEP_PEOPLE = Statement(
    text("""
    INSERT INTO analytics.people (user_id, registered_at)
    SELECT * FROM unnest(CAST(:user_ids AS uuid[]), CAST(:times AS timestamptz[]))
    ON CONFLICT DO NOTHING
    """)
)
KEEP_SIGN_INS = Statement(
    text("""
    INSERT INTO analytics.sign_in_days (user_id, day)
    SELECT * FROM unnest(CAST(:user_ids AS uuid[]), CAST(:days AS date[]))
    ON CONFLICT DO NOTHING
    """)
)
KEEP_PREFERENCES = Statement(
    text("""
    INSERT INTO analytics.preferences AS old (user_id, version, time_zone, first_weekday)
    SELECT * FROM unnest(
        CAST(:user_ids AS uuid[]), CAST(:versions AS bigint[]), CAST(:time_zones AS text[]),
        CAST(:first_weekdays AS int2[])
    )
    ON CONFLICT (user_id) DO UPDATE
    SET version = excluded.version, time_zone = excluded.time_zone, first_weekday = excluded.first_weekday
    WHERE old.version < excluded.version
    """)
)
GET_PREFERENCES = Statement(text("SELECT time_zone, first_weekday FROM analytics.preferences WHERE user_id = :user_id"))
LIST_PLATFORM_DAYS = Statement(
    text("""
    WITH registered AS (
        SELECT CAST(registered_at AT TIME ZONE 'UTC' AS date) AS day, user_id FROM analytics.people
        WHERE registered_at >= :since AND registered_at < :before
    ), trained AS (
        SELECT CAST(start_time AT TIME ZONE 'UTC' AS date) AS day, user_id FROM analytics.workouts
        WHERE start_time >= :since AND start_time < :before
    ), active AS (
        SELECT day, user_id FROM analytics.sign_in_days WHERE day >= :first_day AND day <= :last_day
        UNION SELECT day, user_id FROM registered
        UNION SELECT day, user_id FROM trained
    )
    SELECT 'sign_ups' AS what, day, CAST(count(*) AS int) AS count FROM registered GROUP BY day
    UNION ALL SELECT 'workouts', day, CAST(count(*) AS int) FROM trained GROUP BY day
    UNION ALL SELECT 'active_users', day, CAST(count(*) AS int) FROM active GROUP BY day
    """)
)
ERASE = (
    Statement(text("DELETE FROM analytics.sign_in_days WHERE user_id = CAST(:user_id AS uuid)")),
    Statement(text("DELETE FROM analytics.preferences WHERE user_id = CAST(:user_id AS uuid)")),
    Statement(text("DELETE FROM analytics.people WHERE user_id = CAST(:user_id AS uuid)")),
)


@dataclass(frozen=True, slots=True)
class Preferences:
    """How a person's days are counted."""

    time_zone: str
    first_weekday: int
    """0: Monday."""


DEFAULTS = Preferences("UTC", 0)
"""Of people who chose nothing."""


async def keep_people(tx: WriteSession, registered: Mapping[str, datetime]) -> None:
    """Adds people, with when they registered."""
    user_ids = sorted(registered)
    await tx.execute(KEEP_PEOPLE, user_ids=user_ids, times=[registered[user_id] for user_id in user_ids])


async def keep_sign_ins(tx: WriteSession, days: Iterable[tuple[str, date]]) -> None:
    """Adds days on which people signed in."""
    sent = sorted(set(days))
    await tx.execute(KEEP_SIGN_INS, user_ids=[each[0] for each in sent], days=[each[1] for each in sent])


async def keep_preferences(tx: WriteSession, chosen: Sequence[tuple[str, int, Preferences]]) -> None:
    """Replaces older versions; a person with the version of the preferences and these. A person comes once."""
    sent = sorted(chosen, key=lambda each: each[0])
    await tx.execute(
        KEEP_PREFERENCES,
        user_ids=[user_id for user_id, *_ in sent],
        versions=[version for _, version, _ in sent],
        time_zones=[each.time_zone for *_, each in sent],
        first_weekdays=[each.first_weekday for *_, each in sent],
    )


async def get_preferences(db: Database, user_id: str) -> Preferences:
    """What the person chose, else the defaults."""
    row = await db.row(GET_PREFERENCES, user_id=user_id)
    return Preferences(row["time_zone"], row["first_weekday"]) if row else DEFAULTS


async def list_platform_days(
    db: Database, days: tuple[date, date], span: tuple[datetime, datetime]
) -> list[Mapping[str, Any]]:
    """Counts by day and by what they count. days: the first and the last; span: the same as instants."""
    values = {"first_day": days[0], "last_day": days[1], "since": span[0], "before": span[1]}
    return list(await db.rows(LIST_PLATFORM_DAYS, **values))
