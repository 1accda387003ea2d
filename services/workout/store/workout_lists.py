"""Pages of a user's workouts, newest start first, with any of the filters: a fixed statement for each combination.

Each seeks to where its page begins in an index that has the order of the list, so that a page costs the same
wherever it is and however long the list.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import product
from typing import Any

from sqlalchemy import ColumnElement, Select, bindparam, select

from chassis.db import Database, Statement
from chassis.pages import page_length
from services.workout.store.tables import workout_sets, workouts
from services.workout.store.workouts import LIVE


@dataclass(frozen=True, slots=True)
class Position:
    """Where a page of the list ended."""

    start_time: datetime
    workout_id: str


@dataclass(frozen=True, slots=True)
class Filters:
    """What narrows a list; None doesn't."""

    start_time_from: datetime | None = None
    start_time_before: datetime | None = None
    exercise_id: str | None = None

    def values(self) -> Mapping[str, Any]:
        """Those that narrow, by name."""
        fields = ("start_time_from", "start_time_before", "exercise_id")
        return {name: value for name in fields if (value := getattr(self, name)) is not None}


def _conditions(
    start_time: ColumnElement[datetime], workout_id: ColumnElement[Any], used: frozenset[str]
) -> dict[str, ColumnElement[bool]]:
    """The conditions that are used, on the columns of either table."""
    conditions = {
        "start_time_from": start_time >= bindparam("start_time_from"),
        "start_time_before": start_time < bindparam("start_time_before"),
        # The first condition is what the index seeks to; the second leaves out what the page before had.
        "last": (start_time <= bindparam("last_start"))
        & ((start_time < bindparam("last_start")) | (workout_id > bindparam("last_id"))),
    }
    return {name: condition for name, condition in conditions.items() if name in used}


def _statement(used: frozenset[str]) -> Select[Any]:
    columns = select(workouts.c.id, workouts.c.start_time, workouts.c.wire)
    if "exercise_id" not in used:
        conditions = _conditions(workouts.c.start_time, workouts.c.id, used).values()
        return (
            columns.where(workouts.c.user_id == bindparam("owner"), LIVE, *conditions)
            .order_by(workouts.c.start_time.desc(), workouts.c.id)
            .limit(bindparam("limit"))
        )
    sets = workout_sets.c
    # The sets of deleted workouts are deleted: every workout found is one of the page.
    found = (
        select(sets.start_time, sets.workout_id)
        .distinct()
        .where(
            sets.user_id == bindparam("owner"),
            sets.exercise_id == bindparam("exercise_id"),
            *_conditions(sets.start_time, sets.workout_id, used).values(),
        )
        .order_by(sets.start_time.desc(), sets.workout_id)
        .limit(bindparam("limit"))
        .subquery("found")
    )
    return columns.join(found, workouts.c.id == found.c.workout_id).order_by(
        found.c.start_time.desc(), found.c.workout_id
    )


_NAMES = ("start_time_from", "start_time_before", "exercise_id", "last")
LIST_WORKOUTS = {
    used: Statement(_statement(used))
    for used in (
        frozenset(name for name, is_used in zip(_NAMES, choice, strict=True) if is_used)
        for choice in product((False, True), repeat=len(_NAMES))
    )
}
"""By which filters are used; `last` when it isn't the first page."""


async def list_workouts(
    db: Database, user_id: str, filters: Filters, after: Position | None, size: int
) -> tuple[list[bytes], Position | None]:
    """Wire forms of one page, and where it ended if there is more."""
    values = {**filters.values(), "owner": user_id, "limit": size + 1}
    used = frozenset(filters.values())
    if after is not None:
        used |= {"last"}
        values |= {"last_start": after.start_time, "last_id": after.workout_id}
    rows = await db.rows(LIST_WORKOUTS[used], **values)
    wires = [row["wire"] for row in rows]
    length = page_length(wires, size)
    end = Position(rows[length - 1]["start_time"], str(rows[length - 1]["id"])) if len(rows) > length else None
    return wires[:length], end
