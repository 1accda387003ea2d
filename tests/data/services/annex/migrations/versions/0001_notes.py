"""A second service beside `depot`."""

from alembic import op

from chassis.migrate import create_chassis_tables

revision = "0001"
down_revision = None


def upgrade() -> None:
    create_chassis_tables()
    op.execute("CREATE TABLE annex.notes (id uuid PRIMARY KEY, text text NOT NULL)")
