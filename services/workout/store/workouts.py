"""Workouts in PostgreSQL: one statement per operation, the wire form beside the columns queries need.

Statements that write both tables at once are SQL text; Core would only say the same longer.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

from fitnesshub.workout.v1.workout_pb2 import Workout, WorkoutSet
from sqlalchemy import bindparam, select, text, update

from chassis.db import Database, Statement, WriteSession
from chassis.pages import page_length
from services.workout.store.tables import workouts

_LIVE = workouts.c.wire.is_not(None)
_OWN = (workouts.c.id == bindparam("workout_id")) & (workouts.c.user_id == bindparam("owner")) & _LIVE

GET_WORKOUT = Statement(select(workouts.c.wire).where(_OWN))
READ_WORKOUT = Statement(select(workouts.c.wire, workouts.c.version).where(_OWN))

_NEWEST_FIRST = (
    select(workouts.c.id, workouts.c.start_time, workouts.c.wire)
    .where(workouts.c.user_id == bindparam("owner"), _LIVE)
    .order_by(workouts.c.start_time.desc(), workouts.c.id)
    .limit(bindparam("limit"))
)
LIST_WORKOUTS = Statement(_NEWEST_FIRST)
LIST_WORKOUTS_AFTER = Statement(
    # The first condition is what the index seeks to; the second leaves out what the page before had.
    _NEWEST_FIRST.where(
        workouts.c.start_time <= bindparam("last_start"),
        (workouts.c.start_time < bindparam("last_start")) | (workouts.c.id > bindparam("last_id")),
    )
)

CREATE_WORKOUT = Statement(
    text("""
    WITH created AS (
        INSERT INTO workout.workouts (id, user_id, start_time, version, wire, created_at, updated_at)
        VALUES (:workout_id, :owner, :start_time, 1, :wire, :now, :now)
        RETURNING id
    )
    INSERT INTO workout.workout_sets (workout_id, position, exercise_id, reps, weight_kg, rpe)
    SELECT created.id, sent.position - 1, sent.exercise_id, sent.reps, sent.weight_kg, sent.rpe
    FROM created, unnest(
        CAST(:exercise_ids AS uuid[]), CAST(:reps AS int[]), CAST(:weights_kg AS float8[]), CAST(:rpes AS float8[])
    ) WITH ORDINALITY AS sent (exercise_id, reps, weight_kg, rpe, position)
    """)
)

UPDATE_WORKOUT = Statement(
    update(workouts)
    .where(_OWN, workouts.c.version == bindparam("seen"))
    .values(
        start_time=bindparam("start_time"),
        version=bindparam("version"),
        wire=bindparam("wire"),
        updated_at=bindparam("now"),
    )
    .returning(workouts.c.id)
)

UPDATE_WORKOUT_AND_SETS = Statement(
    # Sets are upserted and the rest cut off: a statement may not delete and insert the same row.
    text("""
    WITH changed AS (
        UPDATE workout.workouts
        SET start_time = :start_time, version = :version, wire = :wire, updated_at = :now
        WHERE id = :workout_id AND user_id = :owner AND version = :seen AND wire IS NOT NULL
        RETURNING id
    ), kept AS (
        INSERT INTO workout.workout_sets AS old (workout_id, position, exercise_id, reps, weight_kg, rpe)
        SELECT changed.id, sent.position - 1, sent.exercise_id, sent.reps, sent.weight_kg, sent.rpe
        FROM changed, unnest(
            CAST(:exercise_ids AS uuid[]), CAST(:reps AS int[]), CAST(:weights_kg AS float8[]), CAST(:rpes AS float8[])
        ) WITH ORDINALITY AS sent (exercise_id, reps, weight_kg, rpe, position)
        ON CONFLICT (workout_id, position) DO UPDATE
        SET exercise_id = excluded.exercise_id, reps = excluded.reps, weight_kg = excluded.weight_kg, rpe = excluded.rpe
        WHERE (old.exercise_id, old.reps, old.weight_kg, old.rpe)
            IS DISTINCT FROM (excluded.exercise_id, excluded.reps, excluded.weight_kg, excluded.rpe)
    ), cut AS (
        DELETE FROM workout.workout_sets AS old USING changed
        WHERE old.workout_id = changed.id AND old.position >= cardinality(CAST(:exercise_ids AS uuid[]))
    )
    SELECT id FROM changed
    """)
)

DELETE_WORKOUT = Statement(
    text("""
    WITH gone AS (
        UPDATE workout.workouts
        SET wire = NULL, version = :version, updated_at = :now
        WHERE id = :workout_id AND user_id = :owner AND version = :seen AND wire IS NOT NULL
        RETURNING id
    ), cut AS (
        DELETE FROM workout.workout_sets AS old USING gone WHERE old.workout_id = gone.id
    )
    SELECT id FROM gone
    """)
)

MISSING_EXERCISES = Statement(
    text("""
    SELECT sent.id FROM unnest(CAST(:exercise_ids AS uuid[])) AS sent (id)
    WHERE NOT EXISTS (SELECT FROM workout.exercises WHERE exercises.id = sent.id)
    """)
)


@dataclass(frozen=True, slots=True)
class StoredWorkout:
    """A workout as it stands, with the version that a change of it must name."""

    workout: Workout
    version: int


@dataclass(frozen=True, slots=True)
class Position:
    """Where a page of the list ended."""

    start_time: datetime
    workout_id: str


async def get_workout(db: Database, workout_id: str, user_id: str) -> bytes | None:
    """The wire form; None when there is no such workout or it isn't the user's."""
    wire: bytes | None = await db.value(GET_WORKOUT, workout_id=workout_id, owner=user_id)
    return wire


async def list_workouts(
    db: Database, user_id: str, after: Position | None, size: int
) -> tuple[list[bytes], Position | None]:
    """Wire forms of one page, and where it ended if there is more."""
    if after is None:
        rows = await db.rows(LIST_WORKOUTS, owner=user_id, limit=size + 1)
    else:
        rows = await db.rows(
            LIST_WORKOUTS_AFTER,
            owner=user_id,
            limit=size + 1,
            last_start=after.start_time,
            last_id=after.workout_id,
        )
    wires = [row["wire"] for row in rows]
    length = page_length(wires, size)
    end = Position(rows[length - 1]["start_time"], str(rows[length - 1]["id"])) if len(rows) > length else None
    return wires[:length], end


async def create_workout(tx: WriteSession, workout: Workout, wire: bytes) -> None:
    """Stores a new workout. Raises UniqueViolation when its id is taken, ForeignKeyViolation for unknown exercises."""
    await tx.execute(
        CREATE_WORKOUT,
        workout_id=workout.id,
        owner=workout.user_id,
        start_time=workout.start_time.ToDatetime(UTC),
        wire=wire,
        now=workout.update_time.ToDatetime(UTC),
        **_set_columns(workout.sets),
    )


async def read_workout(tx: WriteSession, workout_id: str, user_id: str) -> StoredWorkout | None:
    """The workout to be changed; None when there is no such workout or it isn't the user's."""
    row = await tx.row(READ_WORKOUT, workout_id=workout_id, owner=user_id)
    return None if row is None else StoredWorkout(Workout.FromString(row["wire"]), row["version"])


async def update_workout(tx: WriteSession, workout: Workout, wire: bytes, seen: int, *, with_sets: bool) -> bool:
    """Stores version `seen` + 1; False when version `seen` isn't the current one any more.

    Raises ForeignKeyViolation for unknown exercises.
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
        **(_set_columns(workout.sets) if with_sets else {}),
    )
    return changed is not None


async def delete_workout(tx: WriteSession, workout: Workout, seen: int, now: datetime) -> bool:
    """Deletes version `seen`, which leaves version `seen` + 1; False when it isn't the current one any more."""
    gone = await tx.value(
        DELETE_WORKOUT, workout_id=workout.id, owner=workout.user_id, seen=seen, version=seen + 1, now=now
    )
    return gone is not None


async def missing_exercises(db: Database, workout: Workout) -> set[str]:
    """Exercise ids in the sets that name no exercise."""
    ids = sorted({each.exercise_id for each in workout.sets})
    return {str(row["id"]) for row in await db.rows(MISSING_EXERCISES, exercise_ids=ids)}


def _set_columns(sets: Iterable[WorkoutSet]) -> dict[str, list[object]]:
    columns: dict[str, list[object]] = {"exercise_ids": [], "reps": [], "weights_kg": [], "rpes": []}
    for each in sets:
        columns["exercise_ids"].append(each.exercise_id)
        columns["reps"].append(each.reps if each.HasField("reps") else None)
        columns["weights_kg"].append(each.weight_kg if each.HasField("weight_kg") else None)
        columns["rpes"].append(each.rpe if each.HasField("rpe") else None)
    return columns
