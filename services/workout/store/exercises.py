"""The exercise library in PostgreSQL: wire forms for readers, batched statements for imports."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC

from fitnesshub.workout.v1.exercise_pb2 import Exercise
from sqlalchemy import bindparam, select, text, tuple_

from chassis.db import Database, Statement, WriteSession
from chassis.pages import page_length
from services.workout.store.tables import exercises

GET_EXERCISE = Statement(select(exercises.c.wire).where(exercises.c.id == bindparam("exercise_id")))

_BY_NAME = (
    select(exercises.c.id, exercises.c.name, exercises.c.wire)
    .order_by(exercises.c.name, exercises.c.id)
    .limit(bindparam("limit"))
)
LIST_EXERCISES = Statement(_BY_NAME)
LIST_EXERCISES_AFTER = Statement(
    _BY_NAME.where(tuple_(exercises.c.name, exercises.c.id) > tuple_(bindparam("last_name"), bindparam("last_id")))
)

LOCK_SOURCE = Statement(text("SELECT pg_advisory_xact_lock(hashtext('workout.exercises'), hashtext(:source))"))
"""Imports of one source go one after another: what one has read no other changes. Readers don't wait."""

READ_SOURCE = Statement(
    text("""
    SELECT source_id, version, wire FROM workout.exercises
    WHERE source = :source AND source_id = ANY(CAST(:source_ids AS text[]))
    """)
)

CREATE_EXERCISES = Statement(
    text("""
    INSERT INTO workout.exercises (id, name, source, source_id, version, wire, created_at, updated_at)
    SELECT sent.id, sent.name, :source, sent.source_id, sent.version, sent.wire, sent.updated_at, sent.updated_at
    FROM unnest(
        CAST(:ids AS uuid[]), CAST(:names AS text[]), CAST(:source_ids AS text[]), CAST(:versions AS bigint[]),
        CAST(:wires AS bytea[]), CAST(:times AS timestamptz[])
    ) AS sent (id, name, source_id, version, wire, updated_at)
    """)
)

UPDATE_EXERCISES = Statement(
    text("""
    UPDATE workout.exercises AS old
    SET name = sent.name, version = sent.version, wire = sent.wire, updated_at = sent.updated_at
    FROM unnest(
        CAST(:ids AS uuid[]), CAST(:names AS text[]), CAST(:source_ids AS text[]), CAST(:versions AS bigint[]),
        CAST(:wires AS bytea[]), CAST(:times AS timestamptz[])
    ) AS sent (id, name, source_id, version, wire, updated_at)
    WHERE old.id = sent.id AND old.source = :source AND old.source_id = sent.source_id
    """)
)


@dataclass(frozen=True, slots=True)
class StoredExercise:
    """An exercise as it stands, or is about to, with its version."""

    exercise: Exercise
    version: int


@dataclass(frozen=True, slots=True)
class Position:
    """Where a page of the list ended."""

    name: str
    exercise_id: str


async def get_exercise(db: Database, exercise_id: str) -> bytes | None:
    """The wire form; None when there is no such exercise."""
    wire: bytes | None = await db.value(GET_EXERCISE, exercise_id=exercise_id)
    return wire


async def list_exercises(db: Database, after: Position | None, size: int) -> tuple[list[bytes], Position | None]:
    """Wire forms of one page, and where it ended if there is more."""
    if after is None:
        rows = await db.rows(LIST_EXERCISES, limit=size + 1)
    else:
        rows = await db.rows(LIST_EXERCISES_AFTER, limit=size + 1, last_name=after.name, last_id=after.exercise_id)
    wires = [row["wire"] for row in rows]
    length = page_length(wires, size)
    end = Position(rows[length - 1]["name"], str(rows[length - 1]["id"])) if len(rows) > length else None
    return wires[:length], end


async def read_source(tx: WriteSession, source: str, source_ids: Sequence[str]) -> dict[str, StoredExercise]:
    """What the library holds of a source, by source id; no other import changes it until the commit."""
    await tx.execute(LOCK_SOURCE, source=source)
    rows = await tx.rows(READ_SOURCE, source=source, source_ids=list(source_ids))
    return {row["source_id"]: StoredExercise(Exercise.FromString(row["wire"]), row["version"]) for row in rows}


async def create_exercises(tx: WriteSession, source: str, new: Sequence[StoredExercise]) -> None:
    """Stores new exercises in one statement."""
    if new:
        await tx.execute(CREATE_EXERCISES, source=source, **_columns(new))


async def update_exercises(tx: WriteSession, source: str, changed: Sequence[StoredExercise]) -> None:
    """Replaces exercises in one statement."""
    if changed:
        await tx.execute(UPDATE_EXERCISES, source=source, **_columns(changed))


def _columns(rows: Sequence[StoredExercise]) -> dict[str, list[object]]:
    return {
        "ids": [row.exercise.id for row in rows],
        "names": [row.exercise.name for row in rows],
        "source_ids": [row.exercise.source_id for row in rows],
        "versions": [row.version for row in rows],
        "wires": [row.exercise.SerializeToString() for row in rows],
        "times": [row.exercise.update_time.ToDatetime(UTC) for row in rows],
    }
