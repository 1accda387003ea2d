"""What each source says of which exercise: the catalogue and other libraries, several of one exercise."""

from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Creates the table. Exercises that were imported before have said so of themselves."""
    op.execute("""
        CREATE TABLE workout.exercise_sources (
            source text NOT NULL,
            source_id text NOT NULL,
            exercise_id uuid NOT NULL
                CONSTRAINT exercise_sources_exercise_id_fkey REFERENCES workout.exercises,
            wire bytea NOT NULL,
            PRIMARY KEY (source, source_id)
        )
    """)
    op.execute("CREATE INDEX exercise_sources_by_exercise ON workout.exercise_sources (exercise_id)")
    op.execute("""
        INSERT INTO workout.exercise_sources (source, source_id, exercise_id, wire)
        SELECT source, source_id, id, wire FROM workout.exercises WHERE source <> ''
    """)
