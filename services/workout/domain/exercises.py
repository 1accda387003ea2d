"""Rules of an import into the exercise library: which rows are good."""

from collections.abc import Sequence

from fitnesshub.workout.v1.exercise_pb2 import Exercise


def problems_of_ids(rows: Sequence[Exercise]) -> dict[int, str]:
    """What is wrong with the rows' ids in their source, by position.

    Of rows that share an id the first counts and the later ones are refused.
    """
    first: dict[str, int] = {}
    problems: dict[int, str] = {}
    for position, row in enumerate(rows):
        if not row.source_id.strip():
            problems[position] = "sourceId: is required"
        elif row.source_id in first:
            problems[position] = f"sourceId: already used by exercises[{first[row.source_id]}] of this request"
        else:
            first[row.source_id] = position
    return problems
