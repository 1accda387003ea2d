"""What relay and consumers of the user service remember, and what an erasure needs."""

from alembic import op

from chassis.migrate import create_event_tables, keep_out_of_statistics

revision = "0003"
down_revision = "0002"

WRITTEN_BY_PERSONS = {
    "users": ("email", "wire"),
    "passwords": ("hash",),
    "sessions": ("user_agent", "ip_address"),
    "profiles": ("username", "wire", "public_wire"),
    "search_keys": ("key",),
    "preferences": ("wire",),
    "stats": ("wire",),
}


def upgrade() -> None:
    """Creates the tables, keeps what persons wrote out of the planner's statistics, and indexes all sessions."""
    create_event_tables()
    op.execute('CREATE INDEX sessions_of_user ON "user".sessions (user_id, id)')
    op.execute('DROP INDEX "user".sessions_alive')
    for table, columns in WRITTEN_BY_PERSONS.items():
        keep_out_of_statistics(table, *columns)
