"""What searches know the state of the exercise library by, so that what they found can be kept."""

from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """Creates the revision, and has the database renew it with whatever changes the library.

    By triggers, because every statement counts, one that only derives columns anew too. Random, because after the
    restore of a backup a number would come again. Changes of the library wait for each other; those of people's own
    exercises don't.
    """
    op.execute("""
        CREATE TABLE workout.library_state (
            singleton boolean PRIMARY KEY DEFAULT true CHECK (singleton),
            revision uuid NOT NULL
        )
    """)
    op.execute("INSERT INTO workout.library_state (revision) VALUES (gen_random_uuid())")
    op.execute("""
        CREATE FUNCTION workout.renew_library_revision() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            IF EXISTS (SELECT FROM changed WHERE owner_id IS NULL) THEN
                UPDATE workout.library_state SET revision = gen_random_uuid();
            END IF;
            RETURN NULL;
        END
        $$
    """)
    for change, rows in {"INSERT": "NEW", "UPDATE": "NEW", "DELETE": "OLD"}.items():
        op.execute(f"""
            CREATE TRIGGER renew_library_revision_on_{change.lower()} AFTER {change} ON workout.exercises
            REFERENCING {rows} TABLE AS changed
            FOR EACH STATEMENT EXECUTE FUNCTION workout.renew_library_revision()
        """)
