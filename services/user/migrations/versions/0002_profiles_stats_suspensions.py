"""Profiles, preferences and totals; roles and suspensions in columns; where a session was begun.

Only adds, and every new column has a default: the version before goes on writing rows that lack them.
"""

from alembic import op
from fitnesshub.user.v1.user_pb2 import User
from sqlalchemy import text

revision = "0002"
down_revision = "0001"

_BATCH = 1000


def upgrade() -> None:
    """Adds everything, and fills in the roles of those who have more than `member`."""
    op.execute("""
        ALTER TABLE "user".users
            ADD COLUMN roles text[] NOT NULL DEFAULT '{member}',
            ADD COLUMN suspended_at timestamptz,
            ADD COLUMN suspended_until timestamptz
    """)
    _fill_in_roles()
    for role in ("trainer", "moderator", "admin", "service"):
        op.execute(f"""
            CREATE INDEX users_with_role_{role} ON "user".users (id) WHERE roles @> '{{{role}}}'
        """)
    op.execute('CREATE INDEX users_suspended ON "user".users (id) WHERE suspended_at IS NOT NULL')
    op.execute('CREATE INDEX users_by_email ON "user".users (email COLLATE "C")')
    op.execute("""
        ALTER TABLE "user".sessions
            ADD COLUMN refreshed_at timestamptz,
            ADD COLUMN user_agent text NOT NULL DEFAULT '',
            ADD COLUMN ip_address text NOT NULL DEFAULT ''
    """)
    op.execute("""
        CREATE TABLE "user".profiles (
            user_id uuid PRIMARY KEY CONSTRAINT profiles_user_id_fkey REFERENCES "user".users ON DELETE CASCADE,
            username text COLLATE "C" CONSTRAINT profiles_username_key UNIQUE,
            is_public boolean NOT NULL,
            version bigint NOT NULL,
            wire bytea NOT NULL,
            public_wire bytea NOT NULL,
            updated_at timestamptz NOT NULL
        )
    """)
    op.execute("""
        CREATE TABLE "user".search_keys (
            kind smallint,
            key text COLLATE "C",
            user_id uuid CONSTRAINT search_keys_user_id_fkey REFERENCES "user".profiles ON DELETE CASCADE,
            covered smallint NOT NULL,
            PRIMARY KEY (kind, key, user_id) INCLUDE (covered)
        )
    """)
    op.execute('CREATE INDEX search_keys_user ON "user".search_keys (user_id)')
    op.execute("""
        CREATE TABLE "user".preferences (
            user_id uuid PRIMARY KEY CONSTRAINT preferences_user_id_fkey REFERENCES "user".users ON DELETE CASCADE,
            version bigint NOT NULL,
            wire bytea NOT NULL,
            updated_at timestamptz NOT NULL
        )
    """)
    op.execute("""
        CREATE TABLE "user".stats (
            user_id uuid PRIMARY KEY CONSTRAINT stats_user_id_fkey REFERENCES "user".users ON DELETE CASCADE,
            workouts bigint NOT NULL,
            duration_seconds bigint NOT NULL,
            sets bigint NOT NULL,
            reps bigint NOT NULL,
            volume_kg numeric NOT NULL,
            distance_meters numeric NOT NULL,
            wire bytea NOT NULL
        )
    """)
    op.execute("""
        CREATE TABLE "user".contributions (
            user_id uuid CONSTRAINT contributions_user_id_fkey REFERENCES "user".stats ON DELETE CASCADE,
            workout_id uuid,
            version bigint NOT NULL,
            start_time timestamptz,
            duration_seconds bigint NOT NULL,
            sets bigint NOT NULL,
            reps bigint NOT NULL,
            volume_kg numeric NOT NULL,
            distance_meters numeric NOT NULL,
            PRIMARY KEY (user_id, workout_id)
        )
    """)
    op.execute("""
        CREATE INDEX contributions_by_start ON "user".contributions (user_id, start_time) WHERE start_time IS NOT NULL
    """)


def _fill_in_roles() -> None:
    connection = op.get_bind()
    after = "00000000-0000-0000-0000-000000000000"
    while rows := connection.execute(
        text('SELECT id, wire FROM "user".users WHERE id > :after ORDER BY id LIMIT :limit'),
        {"after": after, "limit": _BATCH},
    ).all():
        for user_id, wire in rows:
            roles = list(User.FromString(bytes(wire)).roles)
            if roles != ["member"]:
                connection.execute(
                    text('UPDATE "user".users SET roles = :roles WHERE id = :user_id'),
                    {"roles": roles, "user_id": user_id},
                )
        after = rows[-1][0]
