"""Rules of a profile and of preferences: what an update may change, what follows from it, what others see."""

from collections.abc import Collection
from datetime import date, datetime, timedelta

from fitnesshub.user.v1.profile_pb2 import (
    EFFORT_SCALE_RPE,
    PROFILE_VISIBILITY_PUBLIC,
    Preferences,
    Profile,
    PublicProfile,
)
from fitnesshub.workout.v1.workout_pb2 import DISTANCE_UNIT_KILOMETER, WEIGHT_UNIT_KG
from google.protobuf.timestamp_pb2 import Timestamp
from google.type.dayofweek_pb2 import MONDAY

from chassis.errors import InvalidArgument, Violation
from chassis.etags import version_etag
from services.user.domain.search import SearchKey, keys
from services.user.domain.usernames import is_reserved

PROFILE_UPDATABLE = frozenset(
    {
        "username",
        "display_name",
        "bio",
        "location",
        "avatar_uri",
        "birth_date",
        "sex",
        "height_cm",
        "visibility",
    }
)
PREFERENCES_UPDATABLE = frozenset(
    {"weight_unit", "distance_unit", "time_zone", "first_day_of_week", "language", "effort_scale"}
)
DEFAULTS = Preferences(
    weight_unit=WEIGHT_UNIT_KG,
    distance_unit=DISTANCE_UNIT_KILOMETER,
    time_zone="UTC",
    first_day_of_week=MONDAY,
    language="en",
    effort_scale=EFFORT_SCALE_RPE,
)
"""What holds until a person chooses; the contract documents the same."""
OLDEST = 120
"""Years. The oldest person known reached 122."""
EAST = timedelta(hours=14)
"""Where a day begins first (UTC+14, Kiribati): a child born there today has a birth date that is tomorrow in UTC."""


def settle(profile: Profile) -> None:
    """Brings a merged profile into the one form in which it is stored, in place: blanks are no name."""
    if profile.HasField("display_name"):
        profile.display_name = profile.display_name.strip()
        if not profile.display_name:
            profile.ClearField("display_name")


def check_profile(profile: Profile, changed: Collection[str], now: datetime) -> None:
    """What must hold of changed fields. What was accepted before stays, whatever the rules have become.

    Raises InvalidArgument (USERNAME_RESERVED, BIRTH_DATE_INVALID).
    """
    if "username" in changed and is_reserved(profile.username):
        raise InvalidArgument(
            "USERNAME_RESERVED",
            f"the username {profile.username} is kept for the platform",
            violations=[Violation("profile.username", "is kept for the platform")],
            username=profile.username,
        )
    if "birth_date" in changed and profile.HasField("birth_date"):
        latest = (now + EAST).date()
        born = date.fromisoformat(profile.birth_date)
        if born > latest or (latest.year - born.year, latest.month, latest.day) > (OLDEST, born.month, born.day):
            raise InvalidArgument(
                "BIRTH_DATE_INVALID",
                f"the day of birth is in the future, or more than {OLDEST} years ago",
                violations=[Violation("profile.birthDate", f"must be within the last {OLDEST} years")],
            )


def is_public(profile: Profile) -> bool:
    """Whether others see the profile."""
    return profile.visibility == PROFILE_VISIBILITY_PUBLIC


def public_profile(profile: Profile, join_time: Timestamp) -> PublicProfile:
    """What others see of a profile, if it is public."""
    return PublicProfile(
        user_id=profile.user_id,
        username=profile.username,
        display_name=profile.display_name,
        bio=profile.bio,
        location=profile.location,
        avatar_uri=profile.avatar_uri,
        join_time=join_time,
    )


def search_keys(profile: Profile) -> list[SearchKey]:
    """What a profile is found by; a private one by nothing."""
    return keys(profile.username, profile.display_name) if is_public(profile) else []


def with_defaults(chosen: Preferences) -> Preferences:
    """Preferences as they are answered."""
    merged = Preferences()
    merged.CopyFrom(DEFAULTS)
    merged.MergeFrom(chosen)
    return merged


def profile_etag(user_id: str, version: int) -> str:
    """The etag of a profile; version 0 before the first change."""
    return version_etag(f"profile/{user_id}", version)


def preferences_etag(user_id: str, version: int) -> str:
    """The etag of preferences; version 0 before the first change."""
    return version_etag(f"preferences/{user_id}", version)
