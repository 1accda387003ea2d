"""A second script, so that there is an order."""

from alembic import op

from chassis.migrate import create_event_tables

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.execute("""
        CREATE TABLE depot.parts (
            id uuid PRIMARY KEY,
            item_id uuid NOT NULL CONSTRAINT parts_item_id_fkey REFERENCES depot.items
        )
    """)
    create_event_tables()
    op.execute("CREATE TABLE depot.stocks (item_id uuid PRIMARY KEY, version bigint NOT NULL, stock bigint NOT NULL)")
