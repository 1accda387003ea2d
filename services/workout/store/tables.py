"""The tables of the workout service. Columns are what queries need; the resource itself is `wire`."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    DateTime,
    Double,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    SmallInteger,
    Table,
    Text,
    Uuid,
    literal_column,
)
from sqlalchemy.dialects.postgresql import ARRAY, BIT

from chassis import tables

metadata = MetaData(schema="workout")

outbox = tables.outbox(metadata)
idempotency_records = tables.idempotency_records(metadata)
relay_state = tables.relay_state(metadata)
inbox = tables.inbox(metadata)
sagas = tables.sagas(metadata)
erased_subjects = tables.erased_subjects(metadata)

exercises = Table(
    "exercises",
    metadata,
    Column("id", Uuid, primary_key=True),
    # Code point order, whatever the server's locale: a page token stays valid on every server.
    Column("name", Text(collation="C"), nullable=False),
    # Both empty for exercises that weren't imported.
    Column("source", Text, nullable=False),
    Column("source_id", Text, nullable=False),
    Column("version", BigInteger, nullable=False),
    # Stays when the exercise is deleted: sets of workouts go on naming it. The version is then one above its etag's.
    Column("wire", LargeBinary, nullable=False),
    Column("created_at", DateTime(timezone=True), nullable=False),
    Column("updated_at", DateTime(timezone=True), nullable=False),
    # NULL for the library.
    Column("owner_id", Uuid),
    Column("deleted_at", DateTime(timezone=True)),
    Column("replaced_by", Uuid, ForeignKey("exercises.id", name="exercises_replaced_by_fkey")),
    # What follows is derived from the wire form by `domain/exercise_index.py`, in its form number `form`.
    Column("form", Integer, nullable=False),
    Column("unique_name", Text(collation="C"), nullable=False),
    Column("category", Integer, nullable=False),
    Column("level", Integer, nullable=False),
    Column("equipment", Integer, nullable=False),
    Column("movement", Integer, nullable=False),
    Column("muscles", ARRAY(Integer), nullable=False),
    Column("variation_group", Text, nullable=False),
    Column("terms", ARRAY(Text), nullable=False),
    Column("grams", ARRAY(Text(collation="C")), nullable=False),
    Column("signature", BIT(1024), nullable=False),
    Index("exercises_by_form", "form"),
)
library_state = Table(
    "library_state",
    metadata,
    Column("singleton", Boolean, primary_key=True),
    Column("revision", Uuid, nullable=False),
)
_OF_LIBRARY = exercises.c.owner_id.is_(None)
_OF_OWNER = exercises.c.owner_id.is_not(None)
_LIVE = exercises.c.deleted_at.is_(None)
Index(
    "exercises_by_source",
    exercises.c.source,
    exercises.c.source_id,
    unique=True,
    postgresql_where=exercises.c.source != literal_column("''"),
)
Index("exercises_of_library_by_name", exercises.c.name, exercises.c.id, postgresql_where=_OF_LIBRARY & _LIVE)
Index("exercises_of_library_by_unique_name", exercises.c.unique_name, postgresql_where=_OF_LIBRARY & _LIVE)
Index(
    "exercises_of_library_by_deletion",
    exercises.c.deleted_at,
    exercises.c.id,
    postgresql_where=_OF_LIBRARY & exercises.c.deleted_at.is_not(None),
)
# The version of the library is computed from this index alone.
Index("exercises_of_library_by_version", exercises.c.version, exercises.c.updated_at, postgresql_where=_OF_LIBRARY)
# Only exercises of the library have any.
Index("exercises_by_grams", exercises.c.grams, postgresql_using="gin", postgresql_with={"fastupdate": "off"})
Index(
    "exercises_of_owner_by_name",
    exercises.c.owner_id,
    exercises.c.name,
    exercises.c.id,
    postgresql_where=_OF_OWNER & _LIVE,
)
Index(
    "exercises_of_owner_by_unique_name",
    exercises.c.owner_id,
    exercises.c.unique_name,
    unique=True,
    postgresql_where=_OF_OWNER & _LIVE,
)
Index("exercises_of_owner_by_time", exercises.c.owner_id, exercises.c.created_at, postgresql_where=_OF_OWNER)

# What the catalogue and other libraries say, each in its own words; an exercise is composed of all that is said of it.
exercise_sources = Table(
    "exercise_sources",
    metadata,
    Column("source", Text, primary_key=True),
    Column("source_id", Text, primary_key=True),
    Column("exercise_id", Uuid, ForeignKey("exercises.id", name="exercise_sources_exercise_id_fkey"), nullable=False),
    # A serialised Exercise with its facts alone.
    Column("wire", LargeBinary, nullable=False),
    Index("exercise_sources_by_exercise", "exercise_id"),
)

workouts = Table(
    "workouts",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("user_id", Uuid, nullable=False),
    Column("start_time", DateTime(timezone=True), nullable=False),
    Column("version", BigInteger, nullable=False),
    # Number of the last change among the user's: see change_counters.
    Column("change", BigInteger, nullable=False),
    # NULL once the workout is deleted. The row stays, so that a late repeat of a create with a client-made
    # id doesn't bring the workout back under versions that consumers have seen, and for the feed of changes.
    Column("wire", LargeBinary),
    # `wire` as it was, from the deletion until nothing brings the workout back any more.
    Column("undo_wire", LargeBinary),
    Column("created_at", DateTime(timezone=True), nullable=False),
    # Of a deleted workout: when it was deleted.
    Column("updated_at", DateTime(timezone=True), nullable=False),
)
Index(
    "workouts_by_start",
    workouts.c.user_id,
    workouts.c.start_time.desc(),
    workouts.c.id,
    postgresql_where=workouts.c.wire.is_not(None),
)
Index("workouts_by_change", workouts.c.user_id, workouts.c.change)
Index("workouts_undoable", workouts.c.updated_at, postgresql_where=workouts.c.undo_wire.is_not(None))

# Numbers the changes of a user's workouts. Whoever changes one counts up first and holds the row until the commit,
# so that numbers become visible in their order: a reader who has seen a number has seen all below it.
change_counters = Table(
    "change_counters",
    metadata,
    Column("user_id", Uuid, primary_key=True),
    Column("last", BigInteger, nullable=False),
)

workout_sets = Table(
    "workout_sets",
    metadata,
    # No foreign keys: a set is written in the same statement as its workout and after a look at its exercise, and rows
    # of neither are ever removed. PostgreSQL's own look at each set's exercise was a quarter of what a create costs it.
    Column("workout_id", Uuid, primary_key=True),
    Column("position", Integer, CheckConstraint("position >= 0"), primary_key=True),
    Column("exercise_id", Uuid, nullable=False),
    Column("reps", Integer),
    Column("weight_kg", Double),
    Column("rpe", Double),
    # The workout's, for the index: one user's sets of an exercise in the order of the list.
    Column("user_id", Uuid),
    Column("start_time", DateTime(timezone=True)),
    # Number of the SetType as sent: 0 and 1 are both a working set.
    Column("set_type", SmallInteger, nullable=False),
    Column("rir", Double),
    Column("superset", Integer),
    Column("rest_seconds", Integer),
    Column("duration_seconds", Double),
    Column("distance_meters", Double),
)
Index(
    "workout_sets_by_exercise",
    workout_sets.c.user_id,
    workout_sets.c.exercise_id,
    workout_sets.c.start_time.desc(),
    workout_sets.c.workout_id,
)
