"""What relay and consumers of the user service remember."""

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
    """Creates the tables, and keeps what persons wrote out of the planner's statistics."""
    create_event_tables()
    for table, columns in WRITTEN_BY_PERSONS.items():
        keep_out_of_statistics(table, *columns)
