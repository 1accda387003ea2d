"""What sources say of exercises, several of one: the catalogue, and other libraries by ImportExercises."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from fitnesshub.workout.v1.exercise_pb2 import Exercise
from sqlalchemy import text

from chassis.db import Database, Statement, WriteSession
from services.workout.domain.exercise_merging import OURS, Key, facts

READ_SAID_BY = Statement(text("SELECT source_id, wire FROM workout.exercise_sources WHERE source = :source"))
READ_SAID_BY_OTHERS = Statement(
    text("SELECT source, source_id, exercise_id, wire FROM workout.exercise_sources WHERE source <> :source")
)
READ_SAID = Statement(
    text("""
    SELECT source, source_id, exercise_id, wire
    FROM unnest(CAST(:sources AS text[]), CAST(:source_ids AS text[])) AS key (source, source_id)
    JOIN workout.exercise_sources USING (source, source_id)
    """)
)
READ_SAID_OF = Statement(
    text("""
    SELECT source, source_id, exercise_id, wire FROM workout.exercise_sources
    WHERE exercise_id = ANY(CAST(:exercise_ids AS uuid[]))
    """)
)
READ_IMPORTED = Statement(
    text("""
    SELECT source, source_id, id, deleted_at IS NULL AS is_live
    FROM unnest(CAST(:sources AS text[]), CAST(:source_ids AS text[])) AS key (source, source_id)
    JOIN workout.exercises USING (source, source_id) WHERE source <> ''
    """)
)
READ_EXERCISES = Statement(
    text("""
    SELECT id, version, wire, deleted_at IS NULL AS is_live, replaced_by FROM workout.exercises
    WHERE id = ANY(CAST(:exercise_ids AS uuid[]))
    """)
)
READ_REPLACEMENTS = Statement(
    text("""
    SELECT id, replaced_by FROM workout.exercises
    WHERE id = ANY(CAST(:exercise_ids AS uuid[])) AND replaced_by IS NOT NULL
    """)
)
WRITE_SAID = Statement(
    text("""
    INSERT INTO workout.exercise_sources AS old (source, source_id, exercise_id, wire)
    SELECT * FROM unnest(
        CAST(:sources AS text[]), CAST(:source_ids AS text[]), CAST(:exercise_ids AS uuid[]), CAST(:wires AS bytea[])
    )
    ON CONFLICT (source, source_id) DO UPDATE SET exercise_id = excluded.exercise_id, wire = excluded.wire
    """)
)
DELETE_MERGED = Statement(
    text("""
    UPDATE workout.exercises AS old
    SET version = old.version + 1, updated_at = :now, deleted_at = :now, replaced_by = sent.replaced_by
    FROM unnest(CAST(:exercise_ids AS uuid[]), CAST(:replacements AS uuid[])) AS sent (id, replaced_by)
    WHERE old.id = sent.id AND old.deleted_at IS NULL
    """)
)
UNDELETE = Statement(
    text("""
    UPDATE workout.exercises SET deleted_at = NULL, replaced_by = NULL WHERE id = ANY(CAST(:exercise_ids AS uuid[]))
    """)
)


@dataclass(frozen=True, slots=True)
class Said:
    """What a source says, and of which exercise."""

    exercise_id: str
    wire: bytes
    """Facts of an exercise, serialised."""


@dataclass(frozen=True, slots=True)
class Imported:
    """The exercise that was made of a row of another library."""

    exercise_id: str
    is_live: bool


@dataclass(frozen=True, slots=True)
class Stored:
    """An exercise as it stands, deleted or not."""

    exercise: Exercise
    version: int
    is_live: bool
    replaced_by: str
    """Of a deleted one: id of the exercise to use instead; empty for none."""


async def says_ours(db: Database | WriteSession, wires: Mapping[str, bytes]) -> bool:
    """Whether the catalogue is stored as given, by slug. Entries that it had before don't matter."""
    stored = {row["source_id"]: row["wire"] for row in await db.rows(READ_SAID_BY, source=OURS)}
    return all(stored.get(slug) == wire for slug, wire in wires.items())


async def read_said_by_others(tx: WriteSession) -> dict[Key, Said]:
    """All that other libraries say."""
    return _said(await tx.rows(READ_SAID_BY_OTHERS, source=OURS))


async def read_said(tx: WriteSession, keys: Collection[Key]) -> dict[Key, Said]:
    """What was said under these keys."""
    return _said(await tx.rows(READ_SAID, **_key_columns(keys)))


async def read_said_of(tx: WriteSession, exercise_ids: Collection[str]) -> dict[Key, Said]:
    """All that is said of these exercises."""
    return _said(await tx.rows(READ_SAID_OF, exercise_ids=list(exercise_ids)))


async def read_imported(tx: WriteSession, keys: Collection[Key]) -> dict[Key, Imported]:
    """The exercises that were made of rows with these keys."""
    rows = await tx.rows(READ_IMPORTED, **_key_columns(keys))
    return {(row["source"], row["source_id"]): Imported(str(row["id"]), row["is_live"]) for row in rows}


async def read_exercises(tx: WriteSession, exercise_ids: Collection[str]) -> dict[str, Stored]:
    """The exercises by id, deleted ones too."""
    rows = await tx.rows(READ_EXERCISES, exercise_ids=list(exercise_ids))
    return {
        str(row["id"]): Stored(
            Exercise.FromString(row["wire"]), row["version"], row["is_live"], str(row["replaced_by"] or "")
        )
        for row in rows
    }


async def read_replacements(tx: WriteSession, exercise_ids: Collection[str]) -> dict[str, str]:
    """Of exercises that were deleted: what to use instead."""
    rows = await tx.rows(READ_REPLACEMENTS, exercise_ids=list(exercise_ids))
    return {str(row["id"]): str(row["replaced_by"]) for row in rows}


async def write_said(tx: WriteSession, said: Mapping[Key, Said]) -> None:
    """Stores what is said."""
    await tx.execute(
        WRITE_SAID,
        exercise_ids=[each.exercise_id for each in said.values()],
        wires=[each.wire for each in said.values()],
        **_key_columns(said),
    )


async def delete_merged(tx: WriteSession, replacements: Mapping[str, str], now: datetime) -> None:
    """Leaves tombstones, by id the exercise to use instead; each of the next version."""
    if replacements:
        await tx.execute(
            DELETE_MERGED, exercise_ids=list(replacements), replacements=list(replacements.values()), now=now
        )


async def undelete(tx: WriteSession, exercise_ids: Collection[str]) -> None:
    """Makes tombstones exercises again, whose next version is to be stored in the same session."""
    if exercise_ids:
        await tx.execute(UNDELETE, exercise_ids=list(exercise_ids))


def _said(rows: Iterable[Mapping[str, Any]]) -> dict[Key, Said]:
    return {(row["source"], row["source_id"]): Said(str(row["exercise_id"]), row["wire"]) for row in rows}


def _key_columns(keys: Iterable[Key]) -> dict[str, list[str]]:
    listed = list(keys)
    return {"sources": [source for source, _ in listed], "source_ids": [source_id for _, source_id in listed]}


def facts_of(said: Said) -> Exercise:
    """What is said, as a message. What a previous version of the service wrote has more than facts in it."""
    return facts(Exercise.FromString(said.wire))
