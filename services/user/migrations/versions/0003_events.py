"""What relay and consumers of the user service remember."""

from chassis.migrate import create_event_tables, keep_out_of_statistics

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Creates the tables, and keeps what persons wrote out of the planner's statistics."""
    create_event_tables()
    keep_out_of_statistics("users", "email", "wire")
