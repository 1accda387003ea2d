"""The tables of the user service. `user` is a reserved word of SQL: SQLAlchemy quotes the schema everywhere.

Passwords are apart from users, so that nothing that reads people ever reads a hash.
"""

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Boolean,
    Column,
    DateTime,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Numeric,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
    literal_column,
)

from chassis import tables
from services.user.domain.roles import GIVEN

metadata = MetaData(schema="user")

outbox = tables.outbox(metadata)
idempotency_records = tables.idempotency_records(metadata)
relay_state = tables.relay_state(metadata)
inbox = tables.inbox(metadata)
sagas = tables.sagas(metadata)
erased_subjects = tables.erased_subjects(metadata)

users = Table(
    "users",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("email", Text, nullable=False, unique=True),
    Column("version", BigInteger, nullable=False),
    Column("sessions_version", BigInteger, nullable=False),
    Column("wire", LargeBinary, nullable=False),
    # The version before 0002 inserts members without saying so.
    Column("roles", ARRAY(Text), nullable=False, server_default="{member}"),
    Column("suspended_at", DateTime(timezone=True)),
    Column("suspended_until", DateTime(timezone=True)),
)
"""`wire` is the serialised `User`; `email`, `version`, `roles` and the two times of the suspension repeat fields of it.
`sessions_version` counts the times that sessions of the user ended: the version of that aggregate's events."""

# Literal, as an index is used only where its condition is repeated.
HAS_ROLE = {role: literal_column(f"roles @> '{{{role}}}'", Boolean) for role in GIVEN}
"""By the roles that few people have."""
for _role, _condition in HAS_ROLE.items():
    Index(f"users_with_role_{_role}", users.c.id, postgresql_where=_condition)
Index("users_suspended", users.c.id, postgresql_where=users.c.suspended_at.is_not(None))
ordered_email = users.c.email.collate("C")
"""In code point order, whatever the server's locale: a page token stays valid on every server."""
Index("users_by_email", ordered_email)

passwords = Table(
    "passwords",
    metadata,
    Column("user_id", Uuid, ForeignKey(users.c.id, ondelete="CASCADE"), primary_key=True),
    Column("hash", Text, nullable=False),
    Column("updated_at", DateTime(timezone=True), nullable=False),
)

sessions = Table(
    "sessions",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("user_id", Uuid, ForeignKey(users.c.id, ondelete="CASCADE"), nullable=False),
    Column("method", Text, nullable=False),
    Column("created_at", DateTime(timezone=True), nullable=False),
    Column("access_expires_at", DateTime(timezone=True), nullable=False),
    Column("ended_at", DateTime(timezone=True)),
    Column("end_cause", Integer),
    Column("refreshed_at", DateTime(timezone=True)),
    Column("user_agent", Text, nullable=False, server_default=""),
    Column("ip_address", Text, nullable=False, server_default=""),
)
"""`access_expires_at`: when the last access token of the session expires. `end_cause`: a SessionEndCause.
`refreshed_at`: null until the first refresh. `user_agent` and `ip_address`: of the sign-in."""

# Those that have ended too: they are few, and an erasure looks for them, as does PostgreSQL when a user goes.
Index("sessions_of_user", sessions.c.user_id, sessions.c.id)
Index("sessions_ended", sessions.c.access_expires_at, postgresql_where=sessions.c.ended_at.is_not(None))

refresh_tokens = Table(
    "refresh_tokens",
    metadata,
    Column("token_hash", LargeBinary, primary_key=True),
    Column("session_id", Uuid, ForeignKey(sessions.c.id, ondelete="CASCADE"), nullable=False),
    Column("created_at", DateTime(timezone=True), nullable=False),
    Column("left_at", DateTime(timezone=True)),
)
"""`left_at`: when the token's generation was left (domain/rotation.py). Null: the token is current."""

Index("refresh_tokens_session", refresh_tokens.c.session_id)
Index("refresh_tokens_left", refresh_tokens.c.left_at, postgresql_where=refresh_tokens.c.left_at.is_not(None))

sign_in_failures = Table(
    "sign_in_failures",
    metadata,
    Column("address_hash", LargeBinary, primary_key=True),
    Column("count", Integer, nullable=False),
    Column("last_at", DateTime(timezone=True)),
    Column("locked_until", DateTime(timezone=True)),
)
"""By SHA-256 of the address, registered or not, so that a lock reveals nothing."""

profiles = Table(
    "profiles",
    metadata,
    Column("user_id", Uuid, ForeignKey(users.c.id, ondelete="CASCADE"), primary_key=True),
    Column("username", Text(collation="C")),
    Column("is_public", Boolean, nullable=False),
    Column("version", BigInteger, nullable=False),
    Column("wire", LargeBinary, nullable=False),
    Column("public_wire", LargeBinary, nullable=False),
    Column("updated_at", DateTime(timezone=True), nullable=False),
    UniqueConstraint("username", name="profiles_username_key"),
)
"""`wire` is the serialised `Profile`, `public_wire` the `PublicProfile` that follows from it."""

search_keys = Table(
    "search_keys",
    metadata,
    Column("kind", SmallInteger, primary_key=True),
    Column("key", Text(collation="C"), primary_key=True),
    Column("user_id", Uuid, ForeignKey(profiles.c.user_id, ondelete="CASCADE"), primary_key=True),
    Column("covered", SmallInteger, nullable=False),
)
"""What public profiles are found by; see domain/search.py. The primary key's index includes `covered`."""

Index("search_keys_user", search_keys.c.user_id)

preferences = Table(
    "preferences",
    metadata,
    Column("user_id", Uuid, ForeignKey(users.c.id, ondelete="CASCADE"), primary_key=True),
    Column("version", BigInteger, nullable=False),
    Column("wire", LargeBinary, nullable=False),
    Column("updated_at", DateTime(timezone=True), nullable=False),
)
"""`wire` is the serialised `Preferences` without the defaults."""

stats = Table(
    "stats",
    metadata,
    Column("user_id", Uuid, ForeignKey(users.c.id, ondelete="CASCADE"), primary_key=True),
    Column("workouts", BigInteger, nullable=False),
    Column("duration_seconds", BigInteger, nullable=False),
    Column("sets", BigInteger, nullable=False),
    Column("reps", BigInteger, nullable=False),
    Column("volume_kg", Numeric, nullable=False),
    Column("distance_meters", Numeric, nullable=False),
    Column("wire", LargeBinary, nullable=False),
)
"""Sums over the user's contributions, exact; `wire` is the serialised `Stats`."""

contributions = Table(
    "contributions",
    metadata,
    Column("user_id", Uuid, ForeignKey(stats.c.user_id, ondelete="CASCADE"), primary_key=True),
    Column("workout_id", Uuid, primary_key=True),
    Column("version", BigInteger, nullable=False),
    Column("start_time", DateTime(timezone=True)),
    Column("duration_seconds", BigInteger, nullable=False),
    Column("sets", BigInteger, nullable=False),
    Column("reps", BigInteger, nullable=False),
    Column("volume_kg", Numeric, nullable=False),
    Column("distance_meters", Numeric, nullable=False),
)
"""What each workout adds. `start_time`: null once the workout is deleted; the row stays, so that an older version
that comes late changes nothing."""

Index(
    "contributions_by_start",
    contributions.c.user_id,
    contributions.c.start_time,
    postgresql_where=contributions.c.start_time.is_not(None),
)
