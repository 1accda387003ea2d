"""Reading exercises: wire forms of the library and of a person's own, untouched."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Protocol
from uuid import UUID

from sqlalchemy import text

from chassis.db import Database, Statement
from chassis.pages import page_length

VISIBLE = "(owner_id IS NULL OR owner_id = CAST(:owner AS uuid))"
"""Condition: the exercise, deleted or not, is of the library or the owner's own."""
USABLE = f"deleted_at IS NULL AND {VISIBLE}"
"""Condition: the owner may put it into a set."""

GET_EXERCISE = Statement(
    text(f"""
    SELECT wire, deleted_at, replaced_by FROM workout.exercises WHERE id = :exercise_id AND {VISIBLE}
    """)  # noqa: S608 - conditions, ours
)

FILTERS = """
    AND (CAST(:muscle AS int) = 0 OR CAST(:muscle AS int) = ANY(muscles))
    AND (CAST(:equipment AS int) = 0 OR equipment = CAST(:equipment AS int))
    AND (CAST(:category AS int) = 0 OR category = CAST(:category AS int))
    AND (CAST(:level AS int) = 0 OR level = CAST(:level AS int))
    AND (CAST(:movement AS int) = 0 OR movement = CAST(:movement AS int))
    AND (CAST(:variation_group AS text) = '' OR variation_group = CAST(:variation_group AS text))
"""
"""Conditions that are met where nothing is asked for."""

_PAGE = """
    SELECT id, name, wire FROM workout.exercises
    WHERE {whose} AND deleted_at IS NULL AND (name, id) > (CAST(:last_name AS text), CAST(:last_id AS uuid)) {filters}
    ORDER BY name, id LIMIT :limit
"""
_OF_LIBRARY = _PAGE.format(whose="owner_id IS NULL", filters=FILTERS)
_OF_OWNER = _PAGE.format(whose="owner_id = CAST(:owner AS uuid)", filters=FILTERS)
LIST_LIBRARY = Statement(text(_OF_LIBRARY))
LIST_OWN_EXERCISES = Statement(text(_OF_OWNER))
LIST_EXERCISES = Statement(
    # Each half reads its own index in the order of the list and stops where the page is full.
    text(f"({_OF_LIBRARY}) UNION ALL ({_OF_OWNER}) ORDER BY name, id LIMIT :limit")
)

GET_EXERCISES = Statement(
    text("SELECT id, wire FROM workout.exercises WHERE id = ANY(CAST(:ids AS uuid[])) AND deleted_at IS NULL")
)

USABLE_EXERCISES = Statement(
    text(f"SELECT id FROM workout.exercises WHERE id = ANY(CAST(:ids AS uuid[])) AND {USABLE}")  # noqa: S608
)


class Reader(Protocol):
    """A database or a session."""

    async def rows(self, statement: Statement, /, **values: Any) -> Sequence[Mapping[str, Any]]:
        """All rows of the answer."""
        ...


@dataclass(frozen=True, slots=True)
class Filters:
    """What a list or a search is narrowed to; 0 and the empty text narrow nothing."""

    muscle: int = 0
    equipment: int = 0
    category: int = 0
    level: int = 0
    movement: int = 0
    variation_group: str = ""


@dataclass(frozen=True, slots=True)
class Position:
    """Where a page of the list ended."""

    name: str = ""
    exercise_id: str = str(UUID(int=0))


@dataclass(frozen=True, slots=True)
class Tombstone:
    """An exercise that was deleted."""

    replaced_by: str
    """Id of the exercise to use instead; empty for none."""


async def get_exercise(db: Database, exercise_id: str, owner: str | None) -> bytes | Tombstone | None:
    """The wire form of an exercise of the library or the owner's, or what is left of it; None when there is none."""
    row = await db.row(GET_EXERCISE, exercise_id=exercise_id, owner=owner)
    if row is None:
        return None
    if row["deleted_at"] is not None:
        return Tombstone(str(row["replaced_by"] or ""))
    wire: bytes = row["wire"]
    return wire


async def list_exercises(
    db: Database, owner: str | None, filters: Filters, after: Position, size: int, *, only_own: bool
) -> tuple[list[bytes], Position | None]:
    """Wire forms of one page of the library and the owner's exercises, and where it ended if there is more."""
    values = {**asdict(filters), "last_name": after.name, "last_id": after.exercise_id, "limit": size + 1}
    if owner is None:
        rows = await db.rows(LIST_LIBRARY, **values)
    else:
        rows = await db.rows(LIST_OWN_EXERCISES if only_own else LIST_EXERCISES, owner=owner, **values)
    wires = [row["wire"] for row in rows]
    length = page_length(wires, size)
    end = Position(rows[length - 1]["name"], str(rows[length - 1]["id"])) if len(rows) > length else None
    return wires[:length], end


async def get_exercises(db: Database, exercise_ids: Sequence[str]) -> dict[str, bytes]:
    """Wire forms of exercises that the caller was found to see, by id, without those deleted since."""
    rows = await db.rows(GET_EXERCISES, ids=list(exercise_ids))
    return {str(row["id"]): row["wire"] for row in rows}


async def usable_exercises(reader: Reader, exercise_ids: Iterable[str], owner: str | None) -> set[str]:
    """Which of the exercises a person may put into a set: of the library, the owner's own, and none that is deleted."""
    rows = await reader.rows(USABLE_EXERCISES, ids=sorted(set(exercise_ids)), owner=owner)
    return {str(row["id"]) for row in rows}
