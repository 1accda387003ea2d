"""Whether columns and wire forms say the same, and totals are the sum of their parts, over whole tables.

Asked after every test session.
"""

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from fitnesshub.user.v1.profile_pb2 import Preferences, Profile, PublicProfile
from fitnesshub.user.v1.stats_service_pb2 import Stats
from fitnesshub.user.v1.user_pb2 import User
from sqlalchemy import bindparam, select, text

from chassis.consistency import compare, scan
from chassis.db import Database, Statement
from services.user.domain import profiles as rules
from services.user.domain.addresses import normalise
from services.user.domain.stats import Totals
from services.user.domain.stats import stats as answer
from services.user.domain.suspensions import until
from services.user.store.tables import preferences, users

SCAN_USERS = Statement(
    select(users).where(users.c.id > bindparam("after")).order_by(users.c.id).limit(bindparam("limit"))
)
SCAN_PROFILES = Statement(
    # The keys are read in the same snapshot as their profile, or a concurrent write would look like a difference.
    text("""
    SELECT p.user_id AS id, p.username, p.is_public, p.version, p.wire, p.public_wire, p.updated_at, u.wire AS user,
        ARRAY(
            SELECT k.kind || ' ' || k.covered || ' ' || k.key FROM "user".search_keys AS k
            WHERE k.user_id = p.user_id ORDER BY k.kind, k.key
        ) AS keys
    FROM "user".profiles AS p JOIN "user".users AS u ON u.id = p.user_id
    WHERE p.user_id > CAST(:after AS uuid) ORDER BY p.user_id LIMIT :limit
    """)
)
SCAN_PREFERENCES = Statement(
    select(preferences.c.user_id.label("id"), preferences.c.version, preferences.c.wire, preferences.c.updated_at)
    .where(preferences.c.user_id > bindparam("after"))
    .order_by(preferences.c.user_id)
    .limit(bindparam("limit"))
)
SCAN_STATS = Statement(
    text("""
    SELECT s.user_id AS id, s.workouts, s.duration_seconds, s.sets, s.reps, s.volume_kg, s.distance_meters, s.wire,
        count(c.start_time) AS sum_workouts, coalesce(sum(c.duration_seconds), 0) AS sum_duration_seconds,
        coalesce(sum(c.sets), 0) AS sum_sets, coalesce(sum(c.reps), 0) AS sum_reps,
        coalesce(sum(c.volume_kg), 0) AS sum_volume_kg, coalesce(sum(c.distance_meters), 0) AS sum_distance_meters,
        min(c.start_time) AS first, max(c.start_time) AS last
    FROM (
        SELECT * FROM "user".stats WHERE user_id > CAST(:after AS uuid) ORDER BY user_id LIMIT :limit
    ) AS s LEFT JOIN "user".contributions AS c ON c.user_id = s.user_id
    GROUP BY s.user_id, s.workouts, s.duration_seconds, s.sets, s.reps, s.volume_kg, s.distance_meters, s.wire
    ORDER BY s.user_id
    """)
)
_TOTALS = ("workouts", "duration_seconds", "sets", "reps", "volume_kg", "distance_meters")


async def differences(db: Database) -> list[str]:
    """What disagrees, a sentence each; empty when all is well."""
    found: list[str] = []
    for name, statement, check in (
        ("user", SCAN_USERS, _user_differences),
        ("profile", SCAN_PROFILES, _profile_differences),
        ("preferences", SCAN_PREFERENCES, _preferences_differences),
        ("stats", SCAN_STATS, _stats_differences),
    ):
        async for row in scan(db, statement):
            found += (f"{name} {row['id']}: {problem}" for problem in check(row))
    return found


def _user_differences(row: Mapping[str, Any]) -> Iterable[str]:
    user = User.FromString(row["wire"])
    suspended_at = user.suspension.start_time.ToDatetime(UTC) if user.HasField("suspension") else None
    return compare(
        {
            "id": (user.id, str(row["id"])),
            "email": (user.email, row["email"]),
            "spelling of email": (normalise(user.email), row["email"]),
            "version": (user.version, row["version"]),
            "roles": (list(user.roles), row["roles"]),
            "suspended_at": (suspended_at, row["suspended_at"]),
            "suspended_until": (until(user), _utc(row["suspended_until"])),
        }
    )


def _profile_differences(row: Mapping[str, Any]) -> Iterable[str]:
    profile = Profile.FromString(row["wire"])
    settled = Profile.FromString(row["wire"])
    rules.settle(settled)
    public = rules.public_profile(profile, User.FromString(row["user"]).create_time)
    keys = sorted(rules.search_keys(profile), key=lambda each: (each.kind, each.key))
    return compare(
        {
            "user_id": (profile.user_id, str(row["id"])),
            "username": (profile.username or None, row["username"]),
            "is_public": (rules.is_public(profile), row["is_public"]),
            "etag": (profile.etag, rules.profile_etag(profile.user_id, row["version"])),
            "update_time": (profile.update_time.ToDatetime(UTC), row["updated_at"]),
            "derived fields": (profile, settled),
            "public form": (public, PublicProfile.FromString(row["public_wire"])),
            "search keys": ([f"{each.kind} {each.covered} {each.key}" for each in keys], row["keys"]),
        }
    )


def _preferences_differences(row: Mapping[str, Any]) -> Iterable[str]:
    chosen = Preferences.FromString(row["wire"])
    return compare(
        {
            "etag": (chosen.etag, rules.preferences_etag(str(row["id"]), row["version"])),
            "update_time": (chosen.update_time.ToDatetime(UTC), row["updated_at"]),
        }
    )


def _stats_differences(row: Mapping[str, Any]) -> Iterator[str]:
    for name in _TOTALS:
        if row[name] != row[f"sum_{name}"]:
            yield f"{name} is {row[name]} and its parts are {row[f'sum_{name}']}"
    said = Stats.FromString(row["wire"])
    totals = Totals(*(row[name] for name in _TOTALS))
    if said.HasField("update_time"):
        expected = answer(str(row["id"]), totals, row["first"], row["last"], said.update_time.ToDatetime(UTC))
    else:
        expected = Stats(user_id=str(row["id"]))
    if said != expected:
        yield f"wire is {said!r} and columns say {expected!r}"


def _utc(time: datetime | None) -> datetime | None:
    """The driver gives the first and the last microsecond of the calendar without a time zone."""
    return None if time is None else time.replace(tzinfo=UTC)
