"""UserRegistered, UserSuspended and their like, UserSignedIn, PreferencesUpdated: who is there, and how days count."""

from collections.abc import Sequence
from datetime import UTC
from typing import Any
from zoneinfo import ZoneInfo

from fitnesshub.user.v1.user_pb2 import User

from chassis.db import WriteSession
from chassis.events.consumer import Received
from services.analytics.events.newest import newest
from services.analytics.store import calendars, people, workouts

CHANGED = (
    "fitnesshub.user.v1.UserRegistered",
    "fitnesshub.user.v1.UserRolesChanged",
    "fitnesshub.user.v1.UserSuspended",
    "fitnesshub.user.v1.UserReinstated",
)
"""All of them hold the whole account."""
SIGNED_IN = "fitnesshub.user.v1.UserSignedIn"
PREFERENCES = "fitnesshub.user.v1.PreferencesUpdated"


async def on_person_changed(tx: WriteSession, events: Sequence[Received]) -> None:
    """Replaces older versions."""
    changed: list[Any] = newest(events)
    await people.keep_people(tx, [_person(each.data.user, each.event.aggregate_version) for each in changed])


def _person(user: User, version: int) -> people.Person:
    suspension = user.suspension
    return people.Person(
        user.id,
        version,
        user.create_time.ToDatetime(UTC),
        suspension.start_time.ToDatetime(UTC) if user.HasField("suspension") else None,
        suspension.until.ToDatetime(UTC) if suspension.HasField("until") else None,
    )


async def on_signed_in(tx: WriteSession, events: Sequence[Received]) -> None:
    """Adds the days. They are a set: who signed in twice on a day was there on that day."""
    await people.keep_sign_ins(
        tx, [(received.event.subject_user_id, received.event.time.ToDatetime(UTC).date()) for received in events]
    )


async def on_preferences_updated(tx: WriteSession, events: Sequence[Received]) -> None:
    """Replaces older preferences; where they count days in another way, all of the past is counted anew.

    Raises KeyError for a time zone that isn't known here.
    """
    chosen = {each.event.aggregate_id: _calendar(each) for each in newest(events)}
    known = await calendars.lock(tx, chosen)
    newer = {user_id: each for user_id, each in chosen.items() if each.version > known[user_id].version}
    await calendars.keep(tx, newer)
    moved = {user_id: each for user_id, each in newer.items() if _days(each) != _days(known[user_id])}
    if moved:
        await workouts.move(tx, moved)


def _days(calendar: calendars.Calendar) -> tuple[str, int]:
    return calendar.time_zone, calendar.first_weekday


def _calendar(received: Received) -> calendars.Calendar:
    data: Any = received.data
    chosen = data.preferences
    default = calendars.Calendar()
    # google.type.DayOfWeek: 1 is Monday, 0 nothing chosen.
    first_weekday = chosen.first_day_of_week - 1 if chosen.first_day_of_week else default.first_weekday
    time_zone = ZoneInfo(chosen.time_zone or default.time_zone).key
    return calendars.Calendar(received.event.aggregate_version, time_zone, first_weekday)
