"""The tables of the analytics service: what each workout contributes, by version, and the sums of the contributions.

Nothing here is counted up: sums are made anew from the contributions in the transaction that changes one. Rows depend
on events alone, not on when or in which order they were heard, so that a rebuild gives the same.
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
    func,
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
    # In the calendar of the person.
    Column("day", Date),
    Column("duration_seconds", BigInteger),
    Column("sets", Integer),
    Column("reps", BigInteger),
    Column("volume_kg", Double),
    Column("distance_meters", Double),
)
Index("workouts_by_day", workouts.c.user_id, workouts.c.day)
# For the platform's days.
Index("workouts_by_time", workouts.c.start_time, postgresql_where=workouts.c.start_time.is_not(None))

workout_exercises = Table(
    "workout_exercises",
    metadata,
    Column("workout_id", Uuid, primary_key=True),
    Column("exercise_id", Uuid, primary_key=True),
    Column("user_id", Uuid, nullable=False),
    Column("start_time", DateTime(timezone=True), nullable=False),
    Column("day", Date, nullable=False),
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
Index("workout_exercises_by_day", *(workout_exercises.c[name] for name in ("user_id", "exercise_id", "day")))

calendars = Table(
    "calendars",
    metadata,
    Column("user_id", Uuid, primary_key=True),
    # 0: the person chose nothing yet.
    Column("version", BigInteger, nullable=False),
    Column("time_zone", Text, nullable=False),
    # 0: Monday, as Python has it.
    Column("first_weekday", SmallInteger, nullable=False),
)
"""How a person's days and weeks are counted. Whoever changes a person's rows locks this one first."""

training_periods = Table(
    "training_periods",
    metadata,
    Column("user_id", Uuid, primary_key=True),
    # A Granularity of the contract: day, week, month or year.
    Column("kind", SmallInteger, primary_key=True),
    Column("start_date", Date, primary_key=True),
    Column("workouts", Integer, nullable=False),
    Column("duration_seconds", BigInteger, nullable=False),
    Column("sets", Integer, nullable=False),
    Column("reps", BigInteger, nullable=False),
    Column("volume_kg", Double, nullable=False),
    Column("distance_meters", Double, nullable=False),
)
"""Sums of `workouts`; no row where nothing was done."""

exercise_periods = Table(
    "exercise_periods",
    metadata,
    Column("user_id", Uuid, primary_key=True),
    Column("kind", SmallInteger, primary_key=True),
    Column("start_date", Date, primary_key=True),
    Column("exercise_id", Uuid, primary_key=True),
    Column("workouts", Integer, nullable=False),
    Column("duration_seconds", Double, nullable=False),
    Column("sets", Integer, nullable=False),
    Column("reps", BigInteger, nullable=False),
    Column("volume_kg", Double, nullable=False),
    Column("distance_meters", Double, nullable=False),
    Column("heaviest_kg", Double),
    Column("e1rm_kg", Double),
    Column("last_start", DateTime(timezone=True), nullable=False),
)
"""Sums of `workout_exercises`; no row where nothing was done."""
Index(
    "exercise_periods_by_exercise",
    *(exercise_periods.c[name] for name in ("user_id", "exercise_id", "kind", "start_date")),
)

exercise_bests = Table(
    "exercise_bests",
    metadata,
    Column("user_id", Uuid, primary_key=True),
    Column("exercise_id", Uuid, primary_key=True),
    # 1 heaviest, 2 largest set, 3 e1RM, which have one row each, 4 most repetitions at a weight.
    Column("measure", SmallInteger, primary_key=True),
    Column("weight_kg", Double, primary_key=True),
    Column("value_kg", Double, nullable=False),
    Column("reps", Integer, nullable=False),
    Column("workout_id", Uuid, nullable=False),
    Column("workout_time", DateTime(timezone=True), nullable=False),
)
"""The best sets in `workout_exercises`."""

training_runs = Table(
    "training_runs",
    metadata,
    Column("user_id", Uuid, primary_key=True),
    # Day or week.
    Column("kind", SmallInteger, primary_key=True),
    Column("first_date", Date, primary_key=True),
    # Beginning of the last day or week.
    Column("last_date", Date, nullable=False),
    Column("length", Integer, nullable=False),
)
"""Days and weeks in a row in `training_periods`, as long as they go."""
Index(
    "training_runs_by_length",
    *(training_runs.c[name] for name in ("user_id", "kind")),
    training_runs.c.length.desc(),
    training_runs.c.last_date.desc(),
)

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
    Column("version", BigInteger, nullable=False),
    Column("registered_at", DateTime(timezone=True), nullable=False),
    # NULL: not suspended.
    Column("suspended_since", DateTime(timezone=True)),
    # NULL: for good, or not suspended.
    Column("suspended_until", DateTime(timezone=True)),
)
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

PROJECTION = (
    "workouts",
    "workout_exercises",
    "calendars",
    "training_periods",
    "exercise_periods",
    "exercise_bests",
    "training_runs",
    "exercises",
    "people",
    "sign_in_days",
)
"""The tables that hold nothing but what was made of events, in the transaction in which they were heard."""

platform_marks = Table(
    "platform_marks",
    metadata,
    Column("id", Uuid, primary_key=True, server_default=func.gen_random_uuid()),
    Column("day", Date, nullable=False),
)
"""Days in UTC on which something changed since they were counted. Rows are added and removed, never changed, so that
nobody waits for anybody else's."""

platform_periods = Table(
    "platform_periods",
    metadata,
    Column("kind", SmallInteger, primary_key=True),
    Column("start_date", Date, primary_key=True),
    Column("sign_ups", BigInteger, nullable=False),
    Column("active_users", BigInteger, nullable=False),
    Column("workouts", BigInteger, nullable=False),
)
"""Counts of `people`, `sign_in_days` and `workouts`, made by background work (api/platform_upkeep.py)."""
