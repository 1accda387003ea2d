"""What the database tests of the chassis work on."""

from alembic import op

from chassis.migrate import create_chassis_tables

revision = "0001"
down_revision = None


def upgrade() -> None:
    create_chassis_tables()
    op.execute("""
        CREATE TABLE depot.items (
            id uuid PRIMARY KEY,
            name text CONSTRAINT items_name_key UNIQUE,
            stock bigint NOT NULL DEFAULT 0,
            version bigint NOT NULL DEFAULT 1,
            tags text[],
            document jsonb,
            wire bytea,
            seen_at timestamptz,
            number bigint GENERATED ALWAYS AS IDENTITY
        )
    """)
