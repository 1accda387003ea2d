"""Profiles with what they are found by, and preferences. One of each a person; none until the first change."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from fitnesshub.user.v1.profile_pb2 import Preferences, Profile, PublicProfile
from fitnesshub.user.v1.user_pb2 import User
from google.protobuf.timestamp_pb2 import Timestamp
from sqlalchemy import Text, Uuid, bindparam, delete, not_, or_, select, text, true, tuple_, update
from sqlalchemy.dialects.postgresql import insert

from chassis.db import Database, Record, Statement, WriteSession
from chassis.pages import page_length
from services.user.domain import profiles as rules
from services.user.domain.search import Kind, Query, SearchKey
from services.user.store.tables import preferences, profiles, search_keys, users
from services.user.store.users import SUSPENDED

_LAST_CHARACTER = "\U0010ffff"
"""No key holds it, and none that begins with a query comes after the query with it."""
_FIRST_ID = "00000000-0000-0000-0000-000000000000"

_USER = users.c.id == bindparam("user_id")
_WITH_PROFILE = users.outerjoin(profiles, profiles.c.user_id == users.c.id)
_WITH_PREFERENCES = users.outerjoin(preferences, preferences.c.user_id == users.c.id)

GET_PROFILE = Statement(select(profiles.c.wire).select_from(_WITH_PROFILE).where(_USER))
READ_PROFILE = Statement(
    select(users.c.wire.label("user"), profiles.c.wire, profiles.c.version).select_from(_WITH_PROFILE).where(_USER)
)
GET_PUBLIC_PROFILE = Statement(
    select(users.c.wire.label("user"), profiles.c.public_wire, profiles.c.is_public)
    .select_from(_WITH_PROFILE)
    .where(_USER, not_(SUSPENDED))
)
INSERT_PROFILE = Statement(
    insert(profiles).on_conflict_do_nothing(index_elements=["user_id"]).returning(profiles.c.user_id)
)
UPDATE_PROFILE = Statement(
    update(profiles)
    .where(profiles.c.user_id == bindparam("owner"), profiles.c.version == bindparam("seen"))
    .values(
        username=bindparam("username"),
        is_public=bindparam("is_public"),
        version=bindparam("version"),
        wire=bindparam("wire"),
        public_wire=bindparam("public_wire"),
        updated_at=bindparam("updated_at"),
    )
    .returning(profiles.c.user_id)
)
DELETE_SEARCH_KEYS = Statement(delete(search_keys).where(search_keys.c.user_id == bindparam("user_id")))
INSERT_SEARCH_KEYS = Statement(
    text("""
    INSERT INTO "user".search_keys (kind, key, user_id, covered)
    SELECT sent.kind, sent.key, :user_id, sent.covered
    FROM unnest(CAST(:kinds AS smallint[]), CAST(:keys AS text[]), CAST(:covered AS smallint[]))
        AS sent (kind, key, covered)
    """)
)
SEARCH_PROFILES = Statement(
    select(search_keys.c.key, search_keys.c.user_id, profiles.c.public_wire)
    .join(profiles, profiles.c.user_id == search_keys.c.user_id)
    .join(users, users.c.id == search_keys.c.user_id)
    .where(
        search_keys.c.kind == bindparam("kind"),
        # Where the scan of the index begins; a second lower bound could be taken for it, and far more be read.
        tuple_(search_keys.c.key, search_keys.c.user_id)
        > tuple_(bindparam("last_key", type_=Text()), bindparam("last_id", type_=Uuid())),
        search_keys.c.key < bindparam("query_end"),
        # Who is found by something better: told by the index for nearly everybody, by the username else.
        search_keys.c.covered < bindparam("length"),
        or_(
            profiles.c.username.is_(None),
            profiles.c.username < bindparam("username"),
            profiles.c.username >= bindparam("username_end"),
        ),
        not_(SUSPENDED),
    )
    .order_by(search_keys.c.key, search_keys.c.user_id)
    .limit(bindparam("limit"))
)
READ_PREFERENCES = Statement(
    select(true().label("exists"), preferences.c.wire, preferences.c.version)
    .select_from(_WITH_PREFERENCES)
    .where(_USER)
)
INSERT_PREFERENCES = Statement(
    insert(preferences).on_conflict_do_nothing(index_elements=["user_id"]).returning(preferences.c.user_id)
)
UPDATE_PREFERENCES = Statement(
    update(preferences)
    .where(preferences.c.user_id == bindparam("owner"), preferences.c.version == bindparam("seen"))
    .values(version=bindparam("version"), wire=bindparam("wire"), updated_at=bindparam("updated_at"))
    .returning(preferences.c.user_id)
)


@dataclass(frozen=True, slots=True)
class StoredProfile:
    """A profile as it stands, with the version that a change of it must name; 0 before the first."""

    profile: Profile
    version: int
    join_time: Timestamp
    """When the person registered."""


@dataclass(frozen=True, slots=True)
class StoredPreferences:
    """What a person has chosen, with the version that a change of it must name; 0 before the first."""

    preferences: Preferences
    version: int


@dataclass(frozen=True, slots=True)
class Position:
    """Where a page of found people ended, or nothing was passed yet."""

    kind: Kind = Kind.USERNAME
    key: str = ""
    user_id: str = _FIRST_ID


async def get_profile(db: Database, user_id: str) -> bytes | None:
    """The wire form; None when there is no such user."""
    row = await db.row(GET_PROFILE, user_id=user_id)
    if row is None:
        return None
    wire: bytes | None = row["wire"]
    return _empty_profile(user_id).SerializeToString() if wire is None else wire


async def read_profile(tx: WriteSession, user_id: str) -> StoredProfile | None:
    """The profile to be changed; None when there is no such user."""
    row = await tx.row(READ_PROFILE, user_id=user_id)
    if row is None:
        return None
    profile = _empty_profile(user_id) if row["wire"] is None else Profile.FromString(row["wire"])
    return StoredProfile(profile, row["version"] or 0, User.FromString(row["user"]).create_time)


async def save_profile(
    tx: WriteSession, profile: Profile, wire: bytes, stored: StoredProfile, keys: Sequence[SearchKey]
) -> bool:
    """Stores the version after the stored one; False when another change came first.

    keys: what the profile is found by. Raises UniqueViolation when somebody has the username, ForeignKeyViolation
    when the user is gone.
    """
    values = {
        "username": profile.username or None,
        "is_public": rules.is_public(profile),
        "version": stored.version + 1,
        "wire": wire,
        "public_wire": rules.public_profile(profile, stored.join_time).SerializeToString(),
        "updated_at": profile.update_time.ToDatetime(UTC),
    }
    if stored.version:
        saved = await tx.value(UPDATE_PROFILE, owner=profile.user_id, seen=stored.version, **values)
    else:
        saved = await tx.value(INSERT_PROFILE, user_id=profile.user_id, **values)
    if saved is None:
        return False
    if list(keys) != rules.search_keys(stored.profile):
        await tx.execute(DELETE_SEARCH_KEYS, user_id=profile.user_id)
        await tx.execute(
            INSERT_SEARCH_KEYS,
            user_id=profile.user_id,
            kinds=[each.kind for each in keys],
            keys=[each.key for each in keys],
            covered=[each.covered for each in keys],
        )
    return True


async def get_public_profile(db: Database, user_id: str, viewer: str, now: datetime) -> bytes | None:
    """What a viewer sees of a person, as wire form; None when that is nothing.

    viewer: id of who asks; empty when nobody is signed in.
    """
    row = await db.row(GET_PUBLIC_PROFILE, user_id=user_id, now=now)
    if row is None or not (row["is_public"] or viewer == user_id):
        return None
    wire: bytes | None = row["public_wire"]
    if wire is not None:
        return wire
    return PublicProfile(user_id=user_id, join_time=User.FromString(row["user"]).create_time).SerializeToString()


async def search_profiles(
    db: Database, query: Query, after: Position, size: int, now: datetime
) -> tuple[list[bytes], Position | None]:
    """Public profiles of one page, best match first, and where it ended if there is more."""
    found: list[tuple[bytes, Position]] = []
    for kind in Kind:
        if kind < after.kind or len(found) > size:
            continue
        start = after if kind == after.kind else Position(kind)
        rows = await _found_by(db, kind, query, start, size + 1 - len(found), now)
        found += [(row["public_wire"], Position(kind, row["key"], str(row["user_id"]))) for row in rows]
    wires = [wire for wire, _ in found]
    length = page_length(wires, size)
    return wires[:length], found[length - 1][1] if len(found) > length else None


async def _found_by(db: Database, kind: Kind, query: Query, after: Position, limit: int, now: datetime) -> list[Record]:
    text_ = query.username if kind is Kind.USERNAME else query.name
    if not text_:
        return []
    # Usernames are found by the first kind; only the others ask whether somebody was found by it.
    username = query.username if kind is Kind.NAME else ""
    return await db.rows(
        SEARCH_PROFILES,
        kind=kind,
        query_end=text_ + _LAST_CHARACTER,
        last_key=after.key or text_,
        last_id=after.user_id,
        length=len(text_),
        username=username,
        username_end=username and username + _LAST_CHARACTER,
        limit=limit,
        now=now,
    )


async def get_preferences(db: Database, user_id: str) -> Preferences | None:
    """What was chosen, without defaults; None when there is no such user."""
    row = await db.row(READ_PREFERENCES, user_id=user_id)
    return None if row is None else _chosen(row, user_id)


async def read_preferences(tx: WriteSession, user_id: str) -> StoredPreferences | None:
    """The preferences to be changed; None when there is no such user."""
    row = await tx.row(READ_PREFERENCES, user_id=user_id)
    return None if row is None else StoredPreferences(_chosen(row, user_id), row["version"] or 0)


async def save_preferences(tx: WriteSession, user_id: str, chosen: Preferences, seen: int) -> bool:
    """Stores version `seen` + 1; False when another change came first. Raises ForeignKeyViolation for no user."""
    values = {
        "version": seen + 1,
        "wire": chosen.SerializeToString(),
        "updated_at": chosen.update_time.ToDatetime(UTC),
    }
    if seen:
        return await tx.value(UPDATE_PREFERENCES, owner=user_id, seen=seen, **values) is not None
    return await tx.value(INSERT_PREFERENCES, user_id=user_id, **values) is not None


def _empty_profile(user_id: str) -> Profile:
    return Profile(user_id=user_id, etag=rules.profile_etag(user_id, 0))


def _chosen(row: Record, user_id: str) -> Preferences:
    if row["wire"] is None:
        return Preferences(etag=rules.preferences_etag(user_id, 0))
    return Preferences.FromString(row["wire"])
