"""What the services' checks of columns against wire forms have in common."""

from collections.abc import AsyncIterator, Mapping
from typing import Any
from uuid import UUID

from chassis.db import Database, Statement

_BATCH = 500
_FIRST = str(UUID(int=0))


async def scan(db: Database, statement: Statement, *, batch: int = _BATCH) -> AsyncIterator[Mapping[str, Any]]:
    """All rows of a table, in batches.

    The statement gives at most `:limit` rows whose `id` is above `:after`, in the order of their ids.
    """
    after = _FIRST
    while rows := await db.rows(statement, after=after, limit=batch):
        for row in rows:
            yield row
        after = str(rows[-1]["id"])


def compare(pairs: Mapping[str, tuple[object, object]]) -> list[str]:
    """What differs, a sentence each. pairs: by name, what the wire form says and what the columns say."""
    return [
        f"{name} is {wire!r} in wire and {column!r} in columns"
        for name, (wire, column) in pairs.items()
        if wire != column
    ]
