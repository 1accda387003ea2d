"""Records by the event they are of, so that one that is heard again after a long time is recorded once."""

from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Creates the index; not a unique one, which in a partitioned table would have to be by time as well."""
    op.execute("CREATE INDEX records_by_event ON audit.records (event_id)")
