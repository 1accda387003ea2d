"""The feed of changes: each workout of a user at the number of its last change."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import bindparam, select

from chassis.db import Database, Statement
from chassis.pages import page_length
from services.workout.store.tables import workouts

# For ListWorkoutChanges and WatchWorkoutChanges.
LIST_CHANGES = Statement(
    select(
        workouts.c.id,
        workouts.c.change,
        workouts.c.wire,
        workouts.c.updated_at,
        workouts.c.undo_wire.is_not(None).label("can_be_undone"),
    )
    .where(workouts.c.user_id == bindparam("owner"), workouts.c.change > bindparam("after"))
    .order_by(workouts.c.change)
    .limit(bindparam("limit"))
)


@dataclass(frozen=True, slots=True)
class Change:
    """The last change of a workout."""

    number: int
    workout_id: str
    wire: bytes | None
    """The workout as it is; None when it is deleted."""
    time: datetime
    can_be_undone: bool
    """It is deleted, and what it was isn't forgotten."""


async def list_changes(db: Database, user_id: str, after: int, size: int) -> tuple[Sequence[Change], bool]:
    """The changes after a number, oldest first, and whether there are more."""
    rows = await db.rows(LIST_CHANGES, owner=user_id, after=after, limit=size + 1)
    length = page_length([row["wire"] or b"" for row in rows], size)
    changes = [
        Change(row["change"], str(row["id"]), row["wire"], row["updated_at"], row["can_be_undone"])
        for row in rows[:length]
    ]
    return changes, len(rows) > length
