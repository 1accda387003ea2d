"""A second script, so that there is an order."""

from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.execute("""
        CREATE TABLE depot.parts (
            id uuid PRIMARY KEY,
            item_id uuid NOT NULL CONSTRAINT parts_item_id_fkey REFERENCES depot.items
        )
    """)
