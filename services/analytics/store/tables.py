"""The tables of the analytics service: what each workout, exercise and person contributes, by version.

Nothing here is counted up: an answer is computed from the contributions. Rows depend on events alone, not on
when or in which order they were heard, so that a rebuild gives the same (chassis.events.rebuild).
"""

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Column,
    Date,
    DateTime,
    Double,
    Index,
    Integer,
    MetaData,
    SmallInteger,
    Table,
    Text,
    Uuid,
)

from chassis import tables

metadata = MetaData(schema="analytics")

outbox = tables.outbox(metadata)
idempotency_records = tables.idempotency_records(metadata)
relay_state = tables.relay_state(metadata)
inbox = tables.inbox(metadata)
sagas = tables.sagas(metadata)
erased_subjects = tables.erased_subjects(metadata)

workouts = Table(
    "workouts",
    metadata,
    Column("workout_id", Uuid, primary_key=True),
    Column("user_id", Uuid, nullable=False),
    Column("version", BigInteger, nullable=False),
    # NULL, with all that follows, once the workout is deleted: the row stays for its version.
    Column("start_time", DateTime(timezone=True)),
    Column("duration_seconds", BigInteger),
    Column("sets", Integer),
    Column("reps", BigInteger),
    Column("volume_kg", Double),
    Column("distance_meters", Double),
)
Index("workouts_by_start", workouts.c.user_id, workouts.c.start_time)
# For the platform's days.
Index("workouts_by_time", workouts.c.start_time, postgresql_where=workouts.c.start_time.is_not(None))

workout_exercises = Table(
    "workout_exercises",
    metadata,
    Column("workout_id", Uuid, primary_key=True),
    Column("exercise_id", Uuid, primary_key=True),
    Column("user_id", Uuid, nullable=False),
    Column("start_time", DateTime(timezone=True), nullable=False),
    Column("sets", Integer, nullable=False),
    Column("reps", BigInteger, nullable=False),
    Column("volume_kg", Double, nullable=False),
    Column("distance_meters", Double, nullable=False),
    Column("duration_seconds", Double, nullable=False),
    # The best sets of the workout: NULL where no set had a weight.
    Column("heaviest_kg", Double),
    Column("heaviest_reps", Integer),
    Column("largest_kg", Double),
    Column("largest_weight_kg", Double),
    Column("largest_reps", Integer),
    Column("e1rm_kg", Double),
    Column("e1rm_weight_kg", Double),
    Column("e1rm_reps", Integer),
    # Most repetitions at each weight, side by side.
    Column("weights_kg", ARRAY(Double), nullable=False),
    Column("most_reps", ARRAY(Integer), nullable=False),
)
"""What live workouts contribute to an exercise; replaced whole with their row in `workouts`."""
Index(
    "workout_exercises_by_exercise", *(workout_exercises.c[name] for name in ("user_id", "exercise_id", "start_time"))
)
Index("workout_exercises_by_start", workout_exercises.c.user_id, workout_exercises.c.start_time)

exercises = Table(
    "exercises",
    metadata,
    Column("exercise_id", Uuid, primary_key=True),
    Column("version", BigInteger, nullable=False),
    # Whose own exercise it is; empty for the library's.
    Column("owner_id", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("primary_muscles", ARRAY(SmallInteger), nullable=False),
    # Without those that are primary too.
    Column("secondary_muscles", ARRAY(SmallInteger), nullable=False),
)
"""Deleted exercises stay, because workouts name them still."""
Index("exercises_by_owner", exercises.c.owner_id, postgresql_where=exercises.c.owner_id != "")

people = Table(
    "people",
    metadata,
    Column("user_id", Uuid, primary_key=True),
    Column("registered_at", DateTime(timezone=True), nullable=False),
)
"""A row never changes."""
Index("people_by_registration", people.c.registered_at)

sign_in_days = Table(
    "sign_in_days",
    metadata,
    Column("user_id", Uuid, primary_key=True),
    # In UTC.
    Column("day", Date, primary_key=True),
)
"""A row never changes: somebody signed in on that day."""
Index("sign_in_days_by_day", sign_in_days.c.day, sign_in_days.c.user_id)

preferences = Table(
    "preferences",
    metadata,
    Column("user_id", Uuid, primary_key=True),
    Column("version", BigInteger, nullable=False),
    Column("time_zone", Text, nullable=False),
    # 0: Monday, as Python has it.
    Column("first_weekday", SmallInteger, nullable=False),
)

PROJECTION = ("workouts", "workout_exercises", "exercises", "people", "sign_in_days", "preferences")
"""The tables that hold nothing but what was made of events."""
