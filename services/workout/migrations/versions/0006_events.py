"""What relay and consumers of the workout service remember."""

from chassis.migrate import create_event_tables, keep_out_of_statistics

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Creates the tables, and keeps what persons wrote out of the planner's statistics."""
    create_event_tables()
    keep_out_of_statistics("workouts", "wire", "undo_wire")
    keep_out_of_statistics("exercises", "name", "unique_name", "variation_group", "terms", "wire")
