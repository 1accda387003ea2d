"""Rules of an import into the exercise library: which rows are good, and what has changed."""

from collections.abc import Sequence
from datetime import datetime

from fitnesshub.workout.v1.exercise_pb2 import Exercise

from services.workout.domain.etags import etag


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


def imported(
    row: Exercise, source: str, exercise_id: str, stored: Exercise | None, version: int, now: datetime
) -> Exercise:
    """The exercise that a row becomes: version `version` of `stored`, or of a new one.

    Returns `stored` itself when the row says nothing new.
    """
    exercise = Exercise()
    exercise.CopyFrom(row)
    # The import decides these, whatever the row says.
    exercise.ClearField("etag")
    exercise.ClearField("create_time")
    exercise.ClearField("update_time")
    exercise.id = exercise_id
    exercise.source = source
    if stored is None:
        exercise.create_time.FromDatetime(now)
    else:
        exercise.etag = stored.etag
        exercise.create_time.CopyFrom(stored.create_time)
        exercise.update_time.CopyFrom(stored.update_time)
        if exercise == stored:
            return stored
    exercise.etag = etag(exercise_id, version)
    exercise.update_time.FromDatetime(now)
    return exercise
