"""The columns of a set, listed once: the pieces of SQL that write them, and their values out of messages."""

from collections.abc import Iterable, Sequence
from typing import Any

from fitnesshub.workout.v1.workout_pb2 import WorkoutSet

_TYPES = {
    "exercise_id": "uuid",
    "reps": "int",
    "weight_kg": "float8",
    "rpe": "float8",
    "set_type": "smallint",
    "rir": "float8",
    "superset": "int",
    "rest_seconds": "int",
    "duration_seconds": "float8",
    "distance_meters": "float8",
}
OPTIONAL: tuple[Any, ...] = tuple(name for name in _TYPES if name not in ("exercise_id", "set_type"))
"""Columns that are NULL where the message's field of the same name is absent."""
NAMES = ", ".join(_TYPES)
"""Columns that come from the message, separated by commas."""
SENT_NAMES = ", ".join(f"sent.{name}" for name in _TYPES)
"""The same, of the rows called `sent`."""
_PARAMETERS = {name: f"CAST(:{name} AS {kind}[])" for name, kind in _TYPES.items()}
# Behind a SELECT the planner can't see how long the list is. Where it can, it finds a plan made for that length better
# than the one it has, and plans every call anew: 140 us of the 240 that a create with a join takes.
ARRAYS = ", ".join((_PARAMETERS | {"exercise_id": f"(SELECT {_PARAMETERS['exercise_id']})"}).values())
"""What to unnest for `sent`; each parameter is the list of a column's values."""
_REPLACED = ("start_time", *_TYPES)
REPLACE = f"""DO UPDATE SET {", ".join(f"{name} = excluded.{name}" for name in _REPLACED)}
        WHERE ({", ".join(f"old.{name}" for name in _REPLACED)})
            IS DISTINCT FROM ({", ".join(f"excluded.{name}" for name in _REPLACED)})"""
"""What a set's row does that is there already and called `old`: it is written only when something differs."""


def set_columns(sets: Iterable[WorkoutSet]) -> dict[str, Sequence[object] | None]:
    """The values of each column, in the order of the sets; None for a column that is NULL in all of them.

    The driver takes 3 us for a list, of which most sets of most people need three; `unnest` fills up with NULLs.
    """
    sets = tuple(sets)
    columns: dict[str, Sequence[object] | None] = {
        "exercise_id": [each.exercise_id for each in sets],
        "set_type": [each.set_type for each in sets],
    }
    for name in OPTIONAL:
        values = [getattr(each, name) if each.HasField(name) else None for each in sets]
        columns[name] = None if values.count(None) == len(values) else values
    return columns
