"""People, their passwords and sessions, with the chassis' own tables."""

from alembic import op

from chassis.migrate import create_chassis_tables

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Creates everything."""
    create_chassis_tables()
    op.execute("""
        CREATE TABLE "user".users (
            id uuid PRIMARY KEY,
            email text NOT NULL CONSTRAINT users_email_key UNIQUE,
            version bigint NOT NULL,
            sessions_version bigint NOT NULL,
            wire bytea NOT NULL
        )
    """)
    op.execute("""
        CREATE TABLE "user".passwords (
            user_id uuid PRIMARY KEY CONSTRAINT passwords_user_id_fkey REFERENCES "user".users ON DELETE CASCADE,
            hash text NOT NULL,
            updated_at timestamptz NOT NULL
        )
    """)
    op.execute("""
        CREATE TABLE "user".sessions (
            id uuid PRIMARY KEY,
            user_id uuid NOT NULL CONSTRAINT sessions_user_id_fkey REFERENCES "user".users ON DELETE CASCADE,
            method text NOT NULL,
            created_at timestamptz NOT NULL,
            access_expires_at timestamptz NOT NULL,
            ended_at timestamptz,
            end_cause integer
        )
    """)
    op.execute('CREATE INDEX sessions_alive ON "user".sessions (user_id, id) WHERE ended_at IS NULL')
    op.execute('CREATE INDEX sessions_ended ON "user".sessions (access_expires_at) WHERE ended_at IS NOT NULL')
    op.execute("""
        CREATE TABLE "user".refresh_tokens (
            token_hash bytea PRIMARY KEY,
            session_id uuid NOT NULL
                CONSTRAINT refresh_tokens_session_id_fkey REFERENCES "user".sessions ON DELETE CASCADE,
            created_at timestamptz NOT NULL,
            left_at timestamptz
        )
    """)
    op.execute('CREATE INDEX refresh_tokens_session ON "user".refresh_tokens (session_id)')
    op.execute('CREATE INDEX refresh_tokens_left ON "user".refresh_tokens (left_at) WHERE left_at IS NOT NULL')
    op.execute("""
        CREATE TABLE "user".sign_in_failures (
            address_hash bytea PRIMARY KEY,
            count integer NOT NULL,
            last_at timestamptz,
            locked_until timestamptz
        )
    """)
