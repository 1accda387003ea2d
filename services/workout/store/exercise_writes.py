"""Writing exercises: the wire form with every column that is derived from it, many rows in one statement."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from fitnesshub.workout.v1.exercise_pb2 import Exercise
from sqlalchemy import text

from chassis.db import Statement, WriteSession
from services.workout.domain import exercise_index
from services.workout.store.exercises import VISIBLE, Tombstone

_SEPARATOR = "\x1f"
"""Between elements of what is sent as one text: SQL can't unnest lists of lists. No stored name has it."""

AT_ONCE = 20
"""Exercises whose columns are derived before other calls get their turn: some 2 ms of CPU."""

_SENT = """
    unnest(
        CAST(:ids AS uuid[]), CAST(:names AS text[]), CAST(:versions AS bigint[]), CAST(:wires AS bytea[]),
        CAST(:times AS timestamptz[]), CAST(:owners AS uuid[]), CAST(:sources AS text[]), CAST(:source_ids AS text[]),
        CAST(:create_times AS timestamptz[]), CAST(:unique_names AS text[]), CAST(:categories AS int[]),
        CAST(:levels AS int[]), CAST(:equipments AS int[]), CAST(:movements AS int[]), CAST(:muscles AS text[]),
        CAST(:variation_groups AS text[]), CAST(:terms AS text[]), CAST(:grams AS text[]), CAST(:signatures AS text[])
    ) AS sent (
        id, name, version, wire, updated_at, owner_id, source, source_id, created_at, unique_name, category, level,
        equipment, movement, muscles, variation_group, terms, grams, signature
    )
"""
_DERIVED = {
    "form": "CAST(:form AS int)",
    "unique_name": "sent.unique_name",
    "category": "sent.category",
    "level": "sent.level",
    "equipment": "sent.equipment",
    "movement": "sent.movement",
    "muscles": "CAST(string_to_array(sent.muscles, ',') AS int[])",
    "variation_group": "sent.variation_group",
    "terms": "string_to_array(sent.terms, chr(31))",
    "grams": "string_to_array(sent.grams, chr(31))",
    "signature": "CAST(sent.signature AS bit(1024))",
}
"""Columns that `domain/exercise_index.py` decides, and how they are written."""
_CHANGED = {
    "name": "sent.name",
    "version": "sent.version",
    "wire": "sent.wire",
    "updated_at": "sent.updated_at",
    "source": "sent.source",
    "source_id": "sent.source_id",
} | _DERIVED
_BURIED = _CHANGED | {"owner_id": "sent.owner_id", "deleted_at": "sent.updated_at", "replaced_by": "NULL"}
_CREATED = {"id": "sent.id", "owner_id": "sent.owner_id", "created_at": "sent.created_at"} | _CHANGED


def _assigned(columns: Mapping[str, str]) -> str:
    return ", ".join(f"{name} = {value}" for name, value in columns.items())


CREATE_EXERCISES = Statement(
    text(f"INSERT INTO workout.exercises ({', '.join(_CREATED)}) SELECT {', '.join(_CREATED.values())} FROM {_SENT}")  # noqa: S608
)
UPDATE_EXERCISES = Statement(
    text(f"""
    UPDATE workout.exercises AS old SET {_assigned(_CHANGED)} FROM {_SENT}
    WHERE old.id = sent.id AND old.version = sent.version - 1 AND old.deleted_at IS NULL
    """)  # noqa: S608
)
INDEX_EXERCISES = Statement(
    text(f"""
    UPDATE workout.exercises AS old SET {_assigned(_DERIVED)} FROM {_SENT}
    WHERE old.id = sent.id AND old.version = sent.version
    """)  # noqa: S608
)
BURY_EXERCISES = Statement(
    text(f"UPDATE workout.exercises AS old SET {_assigned(_BURIED)} FROM {_SENT} WHERE old.id = sent.id")  # noqa: S608
)
DELETE_EXERCISE = Statement(
    text("""
    UPDATE workout.exercises
    SET version = version + 1, updated_at = :now, deleted_at = :now, replaced_by = CAST(:replaced_by AS uuid)
    WHERE id = :exercise_id AND version = :seen AND deleted_at IS NULL
    """)
)
READ_EXERCISE = Statement(
    text(f"""
    SELECT wire, version, deleted_at, replaced_by FROM workout.exercises WHERE id = :exercise_id AND {VISIBLE}
    """)  # noqa: S608 - a condition, ours
)
READ_UNINDEXED = Statement(
    text("""
    SELECT wire, version FROM workout.exercises WHERE form < :form ORDER BY form LIMIT :limit
    FOR NO KEY UPDATE SKIP LOCKED
    """)
)
LOCK_LIBRARY = Statement(text("SELECT pg_advisory_xact_lock(hashtext('workout.exercises'), 0)"))
LOCK_OWNER = Statement(text("SELECT pg_advisory_xact_lock(hashtext('workout.exercises of'), hashtext(:owner))"))
# For CreateExercise.
COUNT_OF_OWNER = Statement(
    text("""
    SELECT
        (SELECT count(*) FROM workout.exercises WHERE owner_id = :owner AND deleted_at IS NULL) AS live,
        ARRAY(
            SELECT created_at FROM workout.exercises WHERE owner_id = :owner AND created_at > :since
            ORDER BY created_at DESC
        ) AS recent
    """)
)
FIND_NAME_OF_OWNER = Statement(
    text("""
    SELECT id FROM workout.exercises
    WHERE owner_id = CAST(:owner AS uuid) AND unique_name = :unique_name AND deleted_at IS NULL
    """)
)
FIND_NAME_IN_LIBRARY = Statement(
    text("""
    SELECT id FROM workout.exercises
    WHERE owner_id IS NULL AND unique_name = :unique_name AND deleted_at IS NULL ORDER BY id LIMIT 1
    """)
)


@dataclass(frozen=True, slots=True)
class StoredExercise:
    """An exercise as it stands, or is about to, with its version."""

    exercise: Exercise
    version: int


async def lock_library(tx: WriteSession) -> None:
    """Makes changes of the library go one after another until the commit. Readers don't wait.

    The time of a change is to be taken after this, so that later commits have later times.
    """
    await tx.execute(LOCK_LIBRARY)


async def lock_owner(tx: WriteSession, owner: str) -> None:
    """Makes changes of one person's own exercises go one after another until the commit."""
    await tx.execute(LOCK_OWNER, owner=owner)


async def read_exercise(tx: WriteSession, exercise_id: str, owner: str) -> StoredExercise | Tombstone | None:
    """The exercise to be changed, of the library or the owner's; None when there is none that the owner may see."""
    row = await tx.row(READ_EXERCISE, exercise_id=exercise_id, owner=owner)
    if row is None:
        return None
    if row["deleted_at"] is not None:
        return Tombstone(str(row["replaced_by"] or ""))
    return StoredExercise(Exercise.FromString(row["wire"]), row["version"])


async def read_unindexed(tx: WriteSession, form: int, limit: int) -> list[StoredExercise]:
    """Exercises whose derived columns have an earlier form, deleted ones too, locked until the commit."""
    rows = await tx.rows(READ_UNINDEXED, form=form, limit=limit)
    return [StoredExercise(Exercise.FromString(row["wire"]), row["version"]) for row in rows]


async def create_exercises(tx: WriteSession, new: Sequence[StoredExercise]) -> None:
    """Stores new exercises in one statement. Raises UniqueViolation when a person has one of this name."""
    if new:
        await tx.execute(CREATE_EXERCISES, **await _columns(new))


async def update_exercises(tx: WriteSession, changed: Sequence[StoredExercise]) -> bool:
    """Stores the next versions in one statement; False when one of them doesn't follow the stored version.

    Raises UniqueViolation when a person has one of this name.
    """
    return not changed or await tx.execute(UPDATE_EXERCISES, **await _columns(changed)) == len(changed)


async def index_exercises(tx: WriteSession, stored: Sequence[StoredExercise]) -> None:
    """Writes the derived columns of exercises anew in one statement; those that changed since have them."""
    if stored:
        await tx.execute(INDEX_EXERCISES, **await _columns(stored))


async def bury_exercises(tx: WriteSession, left: Sequence[StoredExercise]) -> None:
    """Makes tombstones, of the owner that each now names, in place of locked exercises."""
    if left:
        await tx.execute(BURY_EXERCISES, **await _columns(left))


async def delete_exercise(tx: WriteSession, exercise_id: str, seen: int, replaced_by: str, now: datetime) -> bool:
    """Leaves a tombstone of version `seen` + 1; False when version `seen` isn't the current one any more."""
    changed = await tx.execute(
        DELETE_EXERCISE, exercise_id=exercise_id, seen=seen, replaced_by=replaced_by or None, now=now
    )
    return changed == 1


async def count_of_owner(tx: WriteSession, owner: str, since: datetime) -> tuple[int, list[datetime]]:
    """How many exercises a person has, and when those made after `since` were, newest first (deleted ones too)."""
    row: Any = await tx.row(COUNT_OF_OWNER, owner=owner, since=since)
    return row["live"], list(row["recent"])


async def find_name(tx: WriteSession, owner: str, unique_name: str) -> str | None:
    """Id of an exercise of this name: of the owner's, or with an empty owner of the library's."""
    if owner:
        found = await tx.value(FIND_NAME_OF_OWNER, owner=owner, unique_name=unique_name)
    else:
        found = await tx.value(FIND_NAME_IN_LIBRARY, unique_name=unique_name)
    return None if found is None else str(found)


async def _columns(rows: Sequence[StoredExercise]) -> dict[str, object]:
    indexes: list[exercise_index.ExerciseIndex] = []
    for number, row in enumerate(rows):
        if number % AT_ONCE == 0:
            await asyncio.sleep(0)
        indexes.append(exercise_index.index_of(row.exercise))
    return {
        "form": exercise_index.FORM,
        "ids": [row.exercise.id for row in rows],
        "names": [row.exercise.name for row in rows],
        "versions": [row.version for row in rows],
        "wires": [row.exercise.SerializeToString() for row in rows],
        "times": [row.exercise.update_time.ToDatetime(UTC) for row in rows],
        "owners": [row.exercise.owner_id or None for row in rows],
        "sources": [row.exercise.source for row in rows],
        "source_ids": [row.exercise.source_id for row in rows],
        "create_times": [row.exercise.create_time.ToDatetime(UTC) for row in rows],
        "unique_names": [index.unique_name for index in indexes],
        "categories": [index.category for index in indexes],
        "levels": [index.level for index in indexes],
        "equipments": [index.equipment for index in indexes],
        "movements": [index.movement for index in indexes],
        "muscles": [",".join(map(str, index.muscles)) for index in indexes],
        "variation_groups": [index.variation_group for index in indexes],
        "terms": [_SEPARATOR.join(index.terms) for index in indexes],
        "grams": [_SEPARATOR.join(index.grams) for index in indexes],
        "signatures": [index.signature for index in indexes],
    }
