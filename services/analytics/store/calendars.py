"""How people want their days and weeks counted, and the lock on what is theirs."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import text

from chassis.db import Database, Statement, WriteSession

ADD_CALENDARS = Statement(
    text("""
    INSERT INTO analytics.calendars (user_id, version, time_zone, first_weekday)
    SELECT user_id, 0, 'UTC', 0 FROM unnest(CAST(:user_ids AS uuid[])) AS sent (user_id) ORDER BY user_id
    ON CONFLICT DO NOTHING
    """)
)
LOCK_CALENDARS = Statement(
    text("""
    SELECT user_id, version, time_zone, first_weekday FROM analytics.calendars
    WHERE user_id = ANY(CAST(:user_ids AS uuid[])) ORDER BY user_id FOR UPDATE
    """)
)
KEEP_CALENDARS = Statement(
    text("""
    UPDATE analytics.calendars AS old
    SET version = sent.version, time_zone = sent.time_zone, first_weekday = sent.first_weekday
    FROM unnest(
        CAST(:user_ids AS uuid[]), CAST(:versions AS bigint[]), CAST(:time_zones AS text[]),
        CAST(:first_weekdays AS int2[])
    ) AS sent (user_id, version, time_zone, first_weekday)
    WHERE old.user_id = sent.user_id
    """)
)
GET_CALENDAR = Statement(
    text("SELECT user_id, version, time_zone, first_weekday FROM analytics.calendars WHERE user_id = :user_id")
)
ERASE = (Statement(text("DELETE FROM analytics.calendars WHERE user_id = CAST(:user_id AS uuid)")),)


@dataclass(frozen=True, slots=True)
class Calendar:
    """How a person's days and weeks are counted."""

    version: int = 0
    """Of the person's preferences."""
    time_zone: str = "UTC"
    first_weekday: int = 0
    """0: Monday."""

    @property
    def zone(self) -> ZoneInfo:
        """The time zone. Raises KeyError when nobody knows it here."""
        return ZoneInfo(self.time_zone)


async def lock(tx: WriteSession, user_ids: Iterable[str]) -> dict[str, Calendar]:
    """The calendars, until the end of the transaction: others who change what is these people's wait.

    In one order, so that nobody waits in a circle.
    """
    sent = sorted(set(user_ids))
    await tx.execute(ADD_CALENDARS, user_ids=sent)
    return {str(row["user_id"]): _calendar(row) for row in await tx.rows(LOCK_CALENDARS, user_ids=sent)}


async def keep(tx: WriteSession, chosen: Mapping[str, Calendar]) -> None:
    """Writes calendars that the caller has locked."""
    sent: Sequence[tuple[str, Calendar]] = sorted(chosen.items())
    await tx.execute(
        KEEP_CALENDARS,
        user_ids=[user_id for user_id, _ in sent],
        versions=[each.version for _, each in sent],
        time_zones=[each.time_zone for _, each in sent],
        first_weekdays=[each.first_weekday for _, each in sent],
    )


async def get(db: Database, user_id: str) -> Calendar:
    """The person's calendar; of people who chose nothing that of the defaults."""
    row = await db.row(GET_CALENDAR, user_id=user_id)
    return _calendar(row) if row else Calendar()


def _calendar(row: Mapping[str, Any]) -> Calendar:
    return Calendar(row["version"], row["time_zone"], row["first_weekday"])
