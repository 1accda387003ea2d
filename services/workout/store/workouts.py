"""Workouts in PostgreSQL: one statement per operation, the wire form beside the columns queries need.

Statements that write both tables at once are SQL text; Core would only say the same longer.
"""

from dataclasses import dataclass
from datetime import UTC, datetime

from fitnesshub.workout.v1.workout_pb2 import Workout
from sqlalchemy import bindparam, select, text

from chassis.db import Database, Statement, WriteSession
from services.workout.store.exercises import USABLE
from services.workout.store.tables import workouts
from services.workout.store.workout_sets import ARRAYS, NAMES, REPLACE, SENT_NAMES, set_columns

LIVE = workouts.c.wire.is_not(None)
_OWN = (workouts.c.id == bindparam("workout_id")) & (workouts.c.user_id == bindparam("owner"))

GET_WORKOUT = Statement(select(workouts.c.wire).where(_OWN, LIVE))
READ_WORKOUT = Statement(select(workouts.c.wire, workouts.c.version).where(_OWN, LIVE))
# For UndeleteWorkout.
READ_FOR_UNDELETE = Statement(
    select(LIVE.label("is_live"), workouts.c.undo_wire, workouts.c.version, workouts.c.updated_at).where(_OWN)
)

NUMBERED = """
    numbered AS (
        INSERT INTO workout.change_counters AS counter (user_id, last) VALUES (:owner, 1)
        ON CONFLICT (user_id) DO UPDATE SET last = counter.last + 1
        RETURNING last
    )"""
"""Gives the change its number (see tables.py). Costs what 3 µs of an insert cost; reading by xid would cost writers
nothing, but one long transaction anywhere would stop every feed, and a restored dump would begin again at 0."""

CREATE_WORKOUT = Statement(
    # An exercise that can't be used leaves its set out: too few rows say so, and nothing has to
    # be asked before. By a subquery, which can only look up the id: for a join the planner may read the whole library.
    text(f"""
    WITH {NUMBERED}, created AS (
        INSERT INTO workout.workouts (id, user_id, start_time, version, change, wire, created_at, updated_at)
        SELECT :workout_id, :owner, :start_time, 1, numbered.last, :wire, :now, :now FROM numbered
        RETURNING id
    )
    INSERT INTO workout.workout_sets (workout_id, position, user_id, start_time, {NAMES})
    SELECT created.id, sent.position - 1, :owner, :start_time, {SENT_NAMES}
    FROM created, unnest({ARRAYS}) WITH ORDINALITY AS sent ({NAMES}, position)
    WHERE (SELECT {USABLE} FROM workout.exercises WHERE exercises.id = sent.exercise_id)
    """)  # noqa: S608 - names of columns and conditions, ours
)

_CHANGED = f"""
    {NUMBERED}, changed AS (
        UPDATE workout.workouts
        SET start_time = :start_time, version = :version, change = numbered.last, wire = :wire, undo_wire = NULL,
            updated_at = :now
        FROM numbered
        WHERE id = :workout_id AND user_id = :owner AND version = :seen
        RETURNING id
    )"""  # noqa: S608 - names of columns, ours

UPDATE_WORKOUT = Statement(
    text(f"""
    WITH {_CHANGED}, moved AS (
        UPDATE workout.workout_sets AS old SET start_time = :start_time
        FROM changed WHERE old.workout_id = changed.id AND old.start_time IS DISTINCT FROM :start_time
    )
    SELECT id FROM changed
    """)  # noqa: S608 - names of columns, ours
)

UPDATE_WORKOUT_AND_SETS = Statement(
    # Sets are upserted and the rest cut off: a statement may not delete and insert the same row.
    text(f"""
    WITH {_CHANGED}, kept AS (
        INSERT INTO workout.workout_sets AS old (workout_id, position, user_id, start_time, {NAMES})
        SELECT changed.id, sent.position - 1, :owner, :start_time, {SENT_NAMES}
        FROM changed, unnest({ARRAYS}) WITH ORDINALITY AS sent ({NAMES}, position)
        ON CONFLICT (workout_id, position) {REPLACE}
    ), cut AS (
        DELETE FROM workout.workout_sets AS old USING changed
        WHERE old.workout_id = changed.id AND old.position >= cardinality(CAST(:exercise_id AS uuid[]))
    )
    SELECT id FROM changed
    """)  # noqa: S608 - names of columns, ours
)

DELETE_WORKOUT = Statement(
    text(f"""
    WITH {NUMBERED}, gone AS (
        UPDATE workout.workouts
        SET wire = NULL, undo_wire = wire, version = :version, change = numbered.last, updated_at = :now
        FROM numbered
        WHERE id = :workout_id AND user_id = :owner AND version = :seen AND wire IS NOT NULL
        RETURNING id
    ), cut AS (
        DELETE FROM workout.workout_sets AS old USING gone WHERE old.workout_id = gone.id
    )
    SELECT id FROM gone
    """)  # noqa: S608 - names of columns, ours
)

FORGET_DELETED = Statement(
    text("""
    UPDATE workout.workouts SET undo_wire = NULL
    WHERE id IN (
        SELECT id FROM workout.workouts WHERE undo_wire IS NOT NULL AND updated_at < :until
        ORDER BY updated_at LIMIT :most FOR UPDATE SKIP LOCKED
    )
    """)
)


class ExercisesUnusable(Exception):
    """Sets of a workout name exercises that its owner can't use."""


@dataclass(frozen=True, slots=True)
class StoredWorkout:
    """A workout as it stands, with the version that a change of it must name."""

    workout: Workout
    version: int


@dataclass(frozen=True, slots=True)
class WorkoutToUndelete:
    """A workout whose owner wants it back, deleted or not."""

    is_live: bool
    """It isn't deleted."""
    wire: bytes | None
    """As it was last; None when that is forgotten."""
    version: int
    changed_at: datetime
    """Of a deleted one: when it was deleted."""


async def get_workout(db: Database, workout_id: str, user_id: str) -> bytes | None:
    """The wire form; None when there is no such workout or it isn't the user's."""
    wire: bytes | None = await db.value(GET_WORKOUT, workout_id=workout_id, owner=user_id)
    return wire


async def create_workout(tx: WriteSession, workout: Workout, wire: bytes, now: datetime) -> None:
    """Stores a new workout. Raises UniqueViolation when its id is taken, ExercisesUnusable for its exercises."""
    stored = await tx.execute(
        CREATE_WORKOUT,
        workout_id=workout.id,
        owner=workout.user_id,
        start_time=workout.start_time.ToDatetime(UTC),
        wire=wire,
        now=now,
        **set_columns(workout.sets),
    )
    if stored != len(workout.sets):
        raise ExercisesUnusable


async def read_workout(tx: WriteSession, workout_id: str, user_id: str) -> StoredWorkout | None:
    """The workout to be changed; None when there is no such workout or it isn't the user's."""
    row = await tx.row(READ_WORKOUT, workout_id=workout_id, owner=user_id)
    return None if row is None else StoredWorkout(Workout.FromString(row["wire"]), row["version"])


async def read_for_undelete(tx: WriteSession, workout_id: str, user_id: str) -> WorkoutToUndelete | None:
    """The workout to be brought back; None when there never was one or it isn't the user's."""
    row = await tx.row(READ_FOR_UNDELETE, workout_id=workout_id, owner=user_id)
    if row is None:
        return None
    return WorkoutToUndelete(row["is_live"], row["undo_wire"], row["version"], row["updated_at"])


async def update_workout(tx: WriteSession, workout: Workout, wire: bytes, seen: int, *, with_sets: bool) -> bool:
    """Stores version `seen` + 1; False when version `seen` isn't the current one any more.

    with_sets: False when they are in their table as they are in the workout. Which exercises can be used is for the
    caller to ask.
    """
    changed = await tx.value(
        UPDATE_WORKOUT_AND_SETS if with_sets else UPDATE_WORKOUT,
        workout_id=workout.id,
        owner=workout.user_id,
        seen=seen,
        version=seen + 1,
        start_time=workout.start_time.ToDatetime(UTC),
        wire=wire,
        now=workout.update_time.ToDatetime(UTC),
        **(set_columns(workout.sets) if with_sets else {}),
    )
    return changed is not None


async def delete_workout(tx: WriteSession, workout: Workout, seen: int, now: datetime) -> bool:
    """Deletes version `seen`, which leaves version `seen` + 1; False when it isn't the current one any more."""
    gone = await tx.value(
        DELETE_WORKOUT, workout_id=workout.id, owner=workout.user_id, seen=seen, version=seen + 1, now=now
    )
    return gone is not None


async def forget_deleted(tx: WriteSession, until: datetime, most: int) -> int:
    """Forgets what workouts were that were deleted before `until`, at most so many of them; returns how many."""
    return await tx.execute(FORGET_DELETED, until=until, most=most)
