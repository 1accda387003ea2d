"""The whole set model, numbered changes for the feed, and what a deleted workout needs to be brought back."""

from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Adds columns and the counters, and numbers the workouts that are there.

    What the version before doesn't write has a default or may be NULL, so that it can go on beside this one.
    What it writes meanwhile reaches the feed and the filter by exercise with the workout's next change.
    """
    op.execute("""
        ALTER TABLE workout.workouts ADD COLUMN change bigint NOT NULL DEFAULT 0, ADD COLUMN undo_wire bytea
    """)
    op.execute("""
        UPDATE workout.workouts SET change = numbered.change
        FROM (
            SELECT id, row_number() OVER (PARTITION BY user_id ORDER BY updated_at, id) AS change FROM workout.workouts
        ) AS numbered
        WHERE numbered.id = workouts.id
    """)
    # Half of each page stays free, so that counting up finds room beside the old row and touches no index.
    op.execute("""
        CREATE TABLE workout.change_counters (
            user_id uuid PRIMARY KEY,
            last bigint NOT NULL
        ) WITH (fillfactor = 50)
    """)
    op.execute("""
        INSERT INTO workout.change_counters (user_id, last)
        SELECT user_id, max(change) FROM workout.workouts GROUP BY user_id
    """)
    op.execute("CREATE INDEX workouts_by_change ON workout.workouts (user_id, change)")
    op.execute("CREATE INDEX workouts_undoable ON workout.workouts (updated_at) WHERE undo_wire IS NOT NULL")
    op.execute("""
        ALTER TABLE workout.workout_sets
            ADD COLUMN user_id uuid,
            ADD COLUMN start_time timestamptz,
            ADD COLUMN set_type smallint NOT NULL DEFAULT 0,
            ADD COLUMN rir double precision,
            ADD COLUMN superset integer,
            ADD COLUMN rest_seconds integer,
            ADD COLUMN duration_seconds double precision,
            ADD COLUMN distance_meters double precision
    """)
    op.execute("""
        UPDATE workout.workout_sets SET user_id = workouts.user_id, start_time = workouts.start_time
        FROM workout.workouts WHERE workouts.id = workout_sets.workout_id
    """)
    # Sets are written in the same statement as their workout, whose row is never deleted: the check, once for each set,
    # finds nothing and is a tenth of what a create costs.
    op.execute("ALTER TABLE workout.workout_sets DROP CONSTRAINT workout_sets_workout_id_fkey")
    op.execute("DROP INDEX workout.workout_sets_by_exercise")
    op.execute("""
        CREATE INDEX workout_sets_by_exercise
        ON workout.workout_sets (user_id, exercise_id, start_time DESC, workout_id)
    """)
