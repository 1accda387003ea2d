"""What happens on the platform: which days are to be counted anew, and the counts."""

from collections.abc import Collection, Mapping, Sequence
from datetime import date
from typing import Any

from sqlalchemy import text

from chassis.db import Database, Statement, WriteSession
from services.analytics.domain.periods import FIRST_DAY, LAST_DAY, Period

MARK = Statement(
    text("INSERT INTO analytics.platform_marks (day) SELECT * FROM unnest(CAST(:days AS date[]))"),
)
_DAYS_OF = """
    SELECT day FROM analytics.sign_in_days WHERE user_id = ANY(CAST(:user_ids AS uuid[]))
    UNION SELECT CAST(registered_at AT TIME ZONE 'UTC' AS date) FROM analytics.people
    WHERE user_id = ANY(CAST(:user_ids AS uuid[]))
    UNION SELECT CAST(start_time AT TIME ZONE 'UTC' AS date) FROM analytics.workouts
    WHERE user_id = ANY(CAST(:user_ids AS uuid[])) AND start_time IS NOT NULL
"""
MARK_PEOPLE = Statement(
    text(f"INSERT INTO analytics.platform_marks (day) SELECT day FROM ({_DAYS_OF}) AS each (day)")  # noqa: S608 - constants
)
# Two processes would else count one after the other, and the older count could be the last.
LOCK = Statement(text("LOCK TABLE analytics.platform_periods IN SHARE ROW EXCLUSIVE MODE"))
TAKE_MARKS = Statement(text("DELETE FROM analytics.platform_marks RETURNING day"))
LIST_ALL_DAYS = Statement(
    text("""
    SELECT day FROM analytics.sign_in_days
    UNION SELECT CAST(registered_at AT TIME ZONE 'UTC' AS date) FROM analytics.people
    UNION SELECT CAST(start_time AT TIME ZONE 'UTC' AS date) FROM analytics.workouts WHERE start_time IS NOT NULL
    """)
)
FORGET_ALL = Statement(text("DELETE FROM analytics.platform_periods"))
LOOK = Statement(
    text("""
    SELECT CAST(CAST('analytics.workouts' AS regclass) AS bigint) AS table_id,
        EXISTS (SELECT FROM analytics.platform_marks) AS is_marked
    """)
)
COUNT = Statement(
    text("""
    INSERT INTO analytics.platform_periods (kind, start_date, sign_ups, active_users, workouts)
    SELECT counted.kind, counted.start_date, (
        SELECT count(*) FROM analytics.people WHERE registered_at >= counted.since AND registered_at < counted.before
    ), (
        SELECT count(DISTINCT active.user_id) FROM (
            SELECT user_id, day FROM analytics.sign_in_days WHERE day BETWEEN counted.start_date AND counted.end_date
            UNION ALL SELECT user_id, CAST(registered_at AT TIME ZONE 'UTC' AS date) FROM analytics.people
            WHERE registered_at >= counted.since AND registered_at < counted.before
            UNION ALL SELECT user_id, CAST(start_time AT TIME ZONE 'UTC' AS date) FROM analytics.workouts
            WHERE start_time >= counted.since AND start_time < counted.before
        ) AS active (user_id, day)
        LEFT JOIN analytics.people ON people.user_id = active.user_id
        WHERE people.suspended_since IS NULL
            OR active.day <= CAST(people.suspended_since AT TIME ZONE 'UTC' AS date)
            OR active.day >= CAST(people.suspended_until AT TIME ZONE 'UTC' AS date)
    ), (
        SELECT count(*) FROM analytics.workouts WHERE start_time >= counted.since AND start_time < counted.before
    )
    FROM (
        SELECT kind, start_date, end_date,
            CASE WHEN start_date <= CAST(:first_day AS date) THEN CAST('-infinity' AS timestamptz)
                ELSE CAST(start_date AS timestamp) AT TIME ZONE 'UTC' END AS since,
            CASE WHEN end_date >= CAST(:last_day AS date) THEN CAST('infinity' AS timestamptz)
                ELSE CAST(end_date + 1 AS timestamp) AT TIME ZONE 'UTC' END AS before
        FROM unnest(CAST(:kinds AS int2[]), CAST(:starts AS date[]), CAST(:ends AS date[]))
            AS sent (kind, start_date, end_date)
    ) AS counted
    ON CONFLICT (kind, start_date) DO UPDATE
    SET sign_ups = excluded.sign_ups, active_users = excluded.active_users, workouts = excluded.workouts
    """)
)
LIST_PLATFORM_PERIODS = Statement(
    text("""
    SELECT start_date, sign_ups, active_users, workouts FROM analytics.platform_periods
    WHERE kind = :kind AND start_date BETWEEN :first AND :last
    """)
)


async def mark(tx: WriteSession, days: Collection[date]) -> None:
    """Something changed on these days in UTC."""
    if days:
        await tx.execute(MARK, days=sorted(days))


async def mark_people(tx: WriteSession, user_ids: Collection[str]) -> None:
    """Something changed that concerns all days of these people."""
    if user_ids:
        await tx.execute(MARK_PEOPLE, user_ids=sorted(user_ids))


async def lock(tx: WriteSession) -> None:
    """Lets nobody else count until the end of the transaction; others read meanwhile."""
    await tx.execute(LOCK)


async def take_marked(tx: WriteSession) -> set[date]:
    """Days that are to be counted anew. They count as counted when the transaction commits."""
    return {row["day"] for row in await tx.rows(TAKE_MARKS)}


async def forget_counts(tx: WriteSession) -> set[date]:
    """Removes all counts; the days on which there is something to be counted."""
    await tx.execute(FORGET_ALL)
    return {row["day"] for row in await tx.rows(LIST_ALL_DAYS)}


async def count(tx: WriteSession, periods: Sequence[tuple[int, Period]]) -> None:
    """Counts what happened in periods of these kinds and keeps it.

    What was before FIRST_DAY or after LAST_DAY counts on these.
    """
    await tx.execute(
        COUNT,
        kinds=[kind for kind, _ in periods],
        starts=[each.start for _, each in periods],
        ends=[each.end for _, each in periods],
        first_day=FIRST_DAY,
        last_day=LAST_DAY,
    )


async def look(db: Database) -> tuple[int, bool]:
    """A number of the table that is counted, another one after a rebuild; and whether any day is marked."""
    (row,) = await db.rows(LOOK)
    return row["table_id"], row["is_marked"]


async def list_periods(db: Database, kind: int, first: date, last: date) -> dict[date, Mapping[str, Any]]:
    """The counts of the periods of a kind that begin between two days, by their beginning."""
    rows = await db.rows(LIST_PLATFORM_PERIODS, kind=kind, first=first, last=last)
    return {row["start_date"]: row for row in rows}
