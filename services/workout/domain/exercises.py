"""Rules of an import into the exercise library: which rows are good."""

from collections.abc import Sequence

from fitnesshub.workout.v1.exercise_pb2 import Exercise

AGGREGATE = "exercise"
"""Type of the resource in events."""


def problems_of_rows(rows: Sequence[Exercise]) -> list[list[str]]:
    """What is wrong with each row beyond the rules of its fields: muscles, and its id in its source.

    Of rows that share an id the first counts and the later ones are refused.
    """
    first: dict[str, int] = {}
    problems: list[list[str]] = []
    for position, row in enumerate(rows):
        found = [] if row.primary_muscles else ["primaryMuscles: is required"]
        if not row.source_id.strip():
            found.append("sourceId: is required")
        elif first.setdefault(row.source_id, position) != position:
            found.append(f"sourceId: already used by exercises[{first[row.source_id]}] of this request")
        problems.append(found)
    return problems
