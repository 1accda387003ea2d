"""What relay and consumers of the workout service remember."""

from chassis.migrate import create_event_tables

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Creates the tables."""
    create_event_tables()
