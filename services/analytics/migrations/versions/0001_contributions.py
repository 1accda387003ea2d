"""What workouts, exercises and people contribute to the sums."""

from alembic import op

from chassis.migrate import create_chassis_tables, create_event_tables, keep_out_of_statistics

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Creates everything."""
    create_chassis_tables()
    create_event_tables()
    op.execute("""
        CREATE TABLE analytics.workouts (
            workout_id uuid PRIMARY KEY,
            user_id uuid NOT NULL,
            version bigint NOT NULL,
            start_time timestamptz,
            duration_seconds bigint,
            sets integer,
            reps bigint,
            volume_kg double precision,
            distance_meters double precision
        )
    """)
    op.execute("CREATE INDEX workouts_by_start ON analytics.workouts (user_id, start_time)")
    op.execute("CREATE INDEX workouts_by_time ON analytics.workouts (start_time) WHERE start_time IS NOT NULL")
    op.execute("""
        CREATE TABLE analytics.workout_exercises (
            workout_id uuid,
            exercise_id uuid,
            user_id uuid NOT NULL,
            start_time timestamptz NOT NULL,
            sets integer NOT NULL,
            reps bigint NOT NULL,
            volume_kg double precision NOT NULL,
            distance_meters double precision NOT NULL,
            duration_seconds double precision NOT NULL,
            heaviest_kg double precision,
            heaviest_reps integer,
            largest_kg double precision,
            largest_weight_kg double precision,
            largest_reps integer,
            e1rm_kg double precision,
            e1rm_weight_kg double precision,
            e1rm_reps integer,
            weights_kg double precision[] NOT NULL,
            most_reps integer[] NOT NULL,
            PRIMARY KEY (workout_id, exercise_id)
        )
    """)
    op.execute("""
        CREATE INDEX workout_exercises_by_exercise
        ON analytics.workout_exercises (user_id, exercise_id, start_time)
    """)
    op.execute("CREATE INDEX workout_exercises_by_start ON analytics.workout_exercises (user_id, start_time)")
    op.execute("""
        CREATE TABLE analytics.exercises (
            exercise_id uuid PRIMARY KEY,
            version bigint NOT NULL,
            owner_id text NOT NULL,
            name text NOT NULL,
            primary_muscles smallint[] NOT NULL,
            secondary_muscles smallint[] NOT NULL
        )
    """)
    op.execute("CREATE INDEX exercises_by_owner ON analytics.exercises (owner_id) WHERE owner_id <> ''")
    keep_out_of_statistics("exercises", "name")
    op.execute("""
        CREATE TABLE analytics.people (
            user_id uuid PRIMARY KEY,
            registered_at timestamptz NOT NULL
        )
    """)
    op.execute("CREATE INDEX people_by_registration ON analytics.people (registered_at)")
    op.execute("""
        CREATE TABLE analytics.sign_in_days (
            user_id uuid,
            day date,
            PRIMARY KEY (user_id, day)
        )
    """)
    op.execute("CREATE INDEX sign_in_days_by_day ON analytics.sign_in_days (day, user_id)")
    op.execute("""
        CREATE TABLE analytics.preferences (
            user_id uuid PRIMARY KEY,
            version bigint NOT NULL,
            time_zone text NOT NULL,
            first_weekday smallint NOT NULL
        )
    """)
