"""Exercises of people's own, tombstones, and the columns that filters and search need.

Rows that are there get these columns from the upkeep of the service (`form` is 0), and are listed meanwhile.
"""

from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Adds columns with defaults, so that the previous version can go on writing."""
    op.execute("""
        ALTER TABLE workout.exercises
            ADD COLUMN owner_id uuid,
            ADD COLUMN deleted_at timestamptz,
            ADD COLUMN replaced_by uuid CONSTRAINT exercises_replaced_by_fkey REFERENCES workout.exercises,
            ADD COLUMN form integer NOT NULL DEFAULT 0,
            ADD COLUMN unique_name text COLLATE "C" NOT NULL DEFAULT '',
            ADD COLUMN category integer NOT NULL DEFAULT 0,
            ADD COLUMN level integer NOT NULL DEFAULT 0,
            ADD COLUMN equipment integer NOT NULL DEFAULT 0,
            ADD COLUMN movement integer NOT NULL DEFAULT 0,
            ADD COLUMN muscles integer[] NOT NULL DEFAULT '{}',
            ADD COLUMN variation_group text NOT NULL DEFAULT '',
            ADD COLUMN terms text[] NOT NULL DEFAULT '{}',
            ADD COLUMN grams text[] COLLATE "C" NOT NULL DEFAULT '{}',
            ADD COLUMN signature bit(1024) NOT NULL DEFAULT repeat('0', 1024)::bit(1024)
    """)
    # Exercises without a source are many.
    op.execute("ALTER TABLE workout.exercises DROP CONSTRAINT exercises_source_id_key")
    op.execute("""
        CREATE UNIQUE INDEX exercises_by_source ON workout.exercises (source, source_id) WHERE source <> ''
    """)
    op.execute("DROP INDEX workout.exercises_by_name")
    op.execute("""
        CREATE INDEX exercises_of_library_by_name ON workout.exercises (name, id)
        WHERE owner_id IS NULL AND deleted_at IS NULL
    """)
    op.execute("""
        CREATE INDEX exercises_of_owner_by_name ON workout.exercises (owner_id, name, id)
        WHERE owner_id IS NOT NULL AND deleted_at IS NULL
    """)
    op.execute("""
        CREATE UNIQUE INDEX exercises_of_owner_by_unique_name ON workout.exercises (owner_id, unique_name)
        WHERE owner_id IS NOT NULL AND deleted_at IS NULL
    """)
    op.execute("""
        CREATE INDEX exercises_of_owner_by_time ON workout.exercises (owner_id, created_at) WHERE owner_id IS NOT NULL
    """)
    op.execute("""
        CREATE INDEX exercises_of_library_by_unique_name ON workout.exercises (unique_name)
        WHERE owner_id IS NULL AND deleted_at IS NULL
    """)
    op.execute("""
        CREATE INDEX exercises_of_library_by_deletion ON workout.exercises (deleted_at, id)
        WHERE owner_id IS NULL AND deleted_at IS NOT NULL
    """)
    op.execute("""
        CREATE INDEX exercises_of_library_by_version ON workout.exercises (version, updated_at) WHERE owner_id IS NULL
    """)
    op.execute("CREATE INDEX exercises_by_form ON workout.exercises (form)")
    # Without the list of pending entries, which every search would have to read: writes are rare.
    op.execute("CREATE INDEX exercises_by_grams ON workout.exercises USING gin (grams) WITH (fastupdate = off)")
