"""What workouts, exercises and people contribute, and what it adds up to."""

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
            workout_id uuid NOT NULL,
            user_id uuid NOT NULL,
            version bigint NOT NULL,
            start_time timestamptz,
            day date,
            duration_seconds bigint,
            sets integer,
            reps bigint,
            volume_kg double precision,
            distance_meters double precision,
            PRIMARY KEY (workout_id)
        )
    """)
    op.execute("CREATE INDEX workouts_by_day ON analytics.workouts (user_id, day)")
    op.execute("CREATE INDEX workouts_by_time ON analytics.workouts (start_time) WHERE start_time IS NOT NULL")
    op.execute("""
        CREATE TABLE analytics.workout_exercises (
            workout_id uuid NOT NULL,
            exercise_id uuid NOT NULL,
            user_id uuid NOT NULL,
            start_time timestamptz NOT NULL,
            day date NOT NULL,
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
    op.execute("CREATE INDEX workout_exercises_by_day ON analytics.workout_exercises (user_id, exercise_id, day)")
    op.execute("""
        CREATE TABLE analytics.calendars (
            user_id uuid NOT NULL,
            version bigint NOT NULL,
            time_zone text NOT NULL,
            first_weekday smallint NOT NULL,
            PRIMARY KEY (user_id)
        )
    """)
    op.execute("""
        CREATE TABLE analytics.training_periods (
            user_id uuid NOT NULL,
            kind smallint NOT NULL,
            start_date date NOT NULL,
            workouts integer NOT NULL,
            duration_seconds bigint NOT NULL,
            sets integer NOT NULL,
            reps bigint NOT NULL,
            volume_kg double precision NOT NULL,
            distance_meters double precision NOT NULL,
            PRIMARY KEY (user_id, kind, start_date)
        )
    """)
    op.execute("""
        CREATE TABLE analytics.exercise_periods (
            user_id uuid NOT NULL,
            kind smallint NOT NULL,
            start_date date NOT NULL,
            exercise_id uuid NOT NULL,
            workouts integer NOT NULL,
            duration_seconds double precision NOT NULL,
            sets integer NOT NULL,
            reps bigint NOT NULL,
            volume_kg double precision NOT NULL,
            distance_meters double precision NOT NULL,
            heaviest_kg double precision,
            e1rm_kg double precision,
            last_start timestamptz NOT NULL,
            PRIMARY KEY (user_id, kind, start_date, exercise_id)
        )
    """)
    op.execute("""
        CREATE INDEX exercise_periods_by_exercise
        ON analytics.exercise_periods (user_id, exercise_id, kind, start_date)
    """)
    op.execute("""
        CREATE TABLE analytics.exercise_bests (
            user_id uuid NOT NULL,
            exercise_id uuid NOT NULL,
            measure smallint NOT NULL,
            weight_kg double precision NOT NULL,
            value_kg double precision NOT NULL,
            reps integer NOT NULL,
            workout_id uuid NOT NULL,
            workout_time timestamptz NOT NULL,
            PRIMARY KEY (user_id, exercise_id, measure, weight_kg)
        )
    """)
    op.execute("""
        CREATE TABLE analytics.training_runs (
            user_id uuid NOT NULL,
            kind smallint NOT NULL,
            first_date date NOT NULL,
            last_date date NOT NULL,
            length integer NOT NULL,
            PRIMARY KEY (user_id, kind, first_date)
        )
    """)
    op.execute("""
        CREATE INDEX training_runs_by_length
        ON analytics.training_runs (user_id, kind, length DESC, last_date DESC)
    """)
    op.execute("""
        CREATE TABLE analytics.exercises (
            exercise_id uuid NOT NULL,
            version bigint NOT NULL,
            owner_id text NOT NULL,
            name text NOT NULL,
            primary_muscles smallint[] NOT NULL,
            secondary_muscles smallint[] NOT NULL,
            PRIMARY KEY (exercise_id)
        )
    """)
    op.execute("CREATE INDEX exercises_by_owner ON analytics.exercises (owner_id) WHERE owner_id != ''")
    keep_out_of_statistics("exercises", "name")
    op.execute("""
        CREATE TABLE analytics.people (
            user_id uuid NOT NULL,
            version bigint NOT NULL,
            registered_at timestamptz NOT NULL,
            suspended_since timestamptz,
            suspended_until timestamptz,
            PRIMARY KEY (user_id)
        )
    """)
    op.execute("CREATE INDEX people_by_registration ON analytics.people (registered_at)")
    op.execute("""
        CREATE TABLE analytics.sign_in_days (
            user_id uuid NOT NULL,
            day date NOT NULL,
            PRIMARY KEY (user_id, day)
        )
    """)
    op.execute("CREATE INDEX sign_in_days_by_day ON analytics.sign_in_days (day, user_id)")
    op.execute("""
        CREATE TABLE analytics.platform_marks (
            id uuid DEFAULT gen_random_uuid() NOT NULL,
            day date NOT NULL,
            PRIMARY KEY (id)
        )
    """)
    op.execute("""
        CREATE TABLE analytics.platform_periods (
            kind smallint NOT NULL,
            start_date date NOT NULL,
            sign_ups bigint NOT NULL,
            active_users bigint NOT NULL,
            workouts bigint NOT NULL,
            PRIMARY KEY (kind, start_date)
        )
    """)
