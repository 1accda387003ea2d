"""The training log and the exercise library, with the chassis' own tables."""

from alembic import op

from chassis.migrate import create_chassis_tables

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Creates everything."""
    create_chassis_tables()
    op.execute("""
        CREATE TABLE workout.exercises (
            id uuid PRIMARY KEY,
            name text COLLATE "C" NOT NULL,
            source text NOT NULL,
            source_id text NOT NULL,
            version bigint NOT NULL,
            wire bytea NOT NULL,
            created_at timestamptz NOT NULL,
            updated_at timestamptz NOT NULL,
            CONSTRAINT exercises_source_id_key UNIQUE (source, source_id)
        )
    """)
    op.execute("CREATE INDEX exercises_by_name ON workout.exercises (name, id)")
    op.execute("""
        CREATE TABLE workout.workouts (
            id uuid PRIMARY KEY,
            user_id uuid NOT NULL,
            start_time timestamptz NOT NULL,
            version bigint NOT NULL,
            wire bytea,
            created_at timestamptz NOT NULL,
            updated_at timestamptz NOT NULL
        )
    """)
    op.execute("""
        CREATE INDEX workouts_by_start ON workout.workouts (user_id, start_time DESC, id) WHERE wire IS NOT NULL
    """)
    op.execute("""
        CREATE TABLE workout.workout_sets (
            workout_id uuid NOT NULL CONSTRAINT workout_sets_workout_id_fkey REFERENCES workout.workouts,
            position integer NOT NULL CHECK (position >= 0),
            exercise_id uuid NOT NULL CONSTRAINT workout_sets_exercise_id_fkey REFERENCES workout.exercises,
            reps integer,
            weight_kg double precision,
            rpe double precision,
            PRIMARY KEY (workout_id, position)
        )
    """)
    op.execute("CREATE INDEX workout_sets_by_exercise ON workout.workout_sets (exercise_id, workout_id)")
