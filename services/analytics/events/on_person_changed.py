"""UserRegistered, UserSignedIn, PreferencesUpdated: who is there, who came, and how their days are counted."""

from collections.abc import Sequence
from datetime import UTC
from typing import Any

from chassis.db import WriteSession
from chassis.events.consumer import Received
from services.analytics.events.newest import newest
from services.analytics.store import people

REGISTERED = "fitnesshub.user.v1.UserRegistered"
SIGNED_IN = "fitnesshub.user.v1.UserSignedIn"
PREFERENCES = "fitnesshub.user.v1.PreferencesUpdated"


async def on_registered(tx: WriteSession, events: Sequence[Received]) -> None:
    """Adds the people."""
    contents: list[Any] = [received.data for received in events]
    await people.keep_people(tx, {data.user.id: data.user.create_time.ToDatetime(UTC) for data in contents})


async def on_signed_in(tx: WriteSession, events: Sequence[Received]) -> None:
    """Adds the days. They are a set: who signed in twice on a day was there on that day."""
    await people.keep_sign_ins(
        tx, [(received.event.subject_user_id, received.event.time.ToDatetime(UTC).date()) for received in events]
    )


async def on_preferences_updated(tx: WriteSession, events: Sequence[Received]) -> None:
    """Replaces older preferences."""
    sent = []
    for received in newest(events):
        event = received.event
        data: Any = received.data
        chosen = data.preferences
        # google.type.DayOfWeek: 1 is Monday, 0 nothing chosen.
        first_weekday = chosen.first_day_of_week - 1 if chosen.first_day_of_week else people.DEFAULTS.first_weekday
        preferences = people.Preferences(chosen.time_zone or people.DEFAULTS.time_zone, first_weekday)
        sent.append((event.aggregate_id, event.aggregate_version, preferences))
    await people.keep_preferences(tx, sent)
