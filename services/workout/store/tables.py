"""The tables of the workout service. Columns are what queries need; the resource itself is `wire`."""

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    DateTime,
    Double,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
)

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
    Column("source", Text, nullable=False),
    Column("source_id", Text, nullable=False),
    Column("version", BigInteger, nullable=False),
    Column("wire", LargeBinary, nullable=False),
    Column("created_at", DateTime(timezone=True), nullable=False),
    Column("updated_at", DateTime(timezone=True), nullable=False),
    UniqueConstraint("source", "source_id", name="exercises_source_id_key"),
    Index("exercises_by_name", "name", "id"),
)

workouts = Table(
    "workouts",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("user_id", Uuid, nullable=False),
    Column("start_time", DateTime(timezone=True), nullable=False),
    Column("version", BigInteger, nullable=False),
    # NULL once the workout is deleted. The row stays, so that a late repeat of a create with a client-made
    # id doesn't bring the workout back under versions that consumers have seen.
    Column("wire", LargeBinary),
    Column("created_at", DateTime(timezone=True), nullable=False),
    Column("updated_at", DateTime(timezone=True), nullable=False),
)
Index(
    "workouts_by_start",
    workouts.c.user_id,
    workouts.c.start_time.desc(),
    workouts.c.id,
    postgresql_where=workouts.c.wire.is_not(None),
)

workout_sets = Table(
    "workout_sets",
    metadata,
    Column("workout_id", Uuid, ForeignKey("workouts.id", name="workout_sets_workout_id_fkey"), primary_key=True),
    Column("position", Integer, CheckConstraint("position >= 0"), primary_key=True),
    Column("exercise_id", Uuid, ForeignKey("exercises.id", name="workout_sets_exercise_id_fkey"), nullable=False),
    Column("reps", Integer),
    Column("weight_kg", Double),
    Column("rpe", Double),
    Index("workout_sets_by_exercise", "exercise_id", "workout_id"),
)
