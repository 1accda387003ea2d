"""The tables of the user service. `user` is a reserved word of SQL: SQLAlchemy quotes the schema everywhere.

Passwords are apart from users, so that nothing that reads people ever reads a hash.
"""

from sqlalchemy import (
    BigInteger,
    Column,
    DateTime,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    Uuid,
)

from chassis import tables

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
)
"""`wire` is the serialised `User`; `email` and `version` repeat fields of it. `sessions_version` counts the times
that sessions of the user ended: the version of that aggregate's events."""

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
)
"""`access_expires_at`: when the last access token of the session expires. `end_cause`: a SessionEndCause."""

Index("sessions_alive", sessions.c.user_id, sessions.c.id, postgresql_where=sessions.c.ended_at.is_(None))
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
