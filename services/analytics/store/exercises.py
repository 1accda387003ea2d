"""Names and muscles of exercises, by version."""

from collections.abc import Sequence

from fitnesshub.workout.v1.exercise_pb2 import Exercise
from sqlalchemy import text

from chassis.db import Database, Statement, WriteSession

KEEP_EXERCISES = Statement(
    text("""
    INSERT INTO analytics.exercises AS old (exercise_id, version, owner_id, name, primary_muscles, secondary_muscles)
    SELECT exercise_id, version, owner_id, name, CAST(primary_muscles AS int2[]), CAST(secondary_muscles AS int2[])
    FROM unnest(
        CAST(:exercise_ids AS uuid[]), CAST(:versions AS bigint[]), CAST(:owner_ids AS text[]), CAST(:names AS text[]),
        CAST(:primary_muscles AS text[]), CAST(:secondary_muscles AS text[])
    ) AS sent (exercise_id, version, owner_id, name, primary_muscles, secondary_muscles)
    ON CONFLICT (exercise_id) DO UPDATE
    SET version = excluded.version, owner_id = excluded.owner_id, name = excluded.name,
        primary_muscles = excluded.primary_muscles, secondary_muscles = excluded.secondary_muscles
    WHERE old.version < excluded.version
    """)
)
GET_NAME = Statement(
    text("SELECT name FROM analytics.exercises WHERE exercise_id = :exercise_id AND owner_id IN ('', :user_id)")
)
ERASE = Statement(text("DELETE FROM analytics.exercises WHERE owner_id = :user_id"))


async def keep(tx: WriteSession, exercises: Sequence[tuple[Exercise, int, str]]) -> None:
    """Replaces older versions; an exercise with its version and its owner's id, empty for one of the library."""
    sent = sorted(exercises, key=lambda each: each[0].id)
    await tx.execute(
        KEEP_EXERCISES,
        exercise_ids=[exercise.id for exercise, *_ in sent],
        versions=[version for _, version, _ in sent],
        owner_ids=[owner_id for *_, owner_id in sent],
        names=[exercise.name for exercise, *_ in sent],
        primary_muscles=[_array(exercise.primary_muscles) for exercise, *_ in sent],
        secondary_muscles=[
            _array([each for each in exercise.secondary_muscles if each not in exercise.primary_muscles])
            for exercise, *_ in sent
        ],
    )


async def get_name(db: Database, exercise_id: str, user_id: str) -> str:
    """Name of an exercise of the library or of the user's own; empty when there is none."""
    return await db.value(GET_NAME, exercise_id=exercise_id, user_id=user_id) or ""


def _array(muscles: Sequence[int]) -> str:
    # A list of lists must be rectangular for PostgreSQL; its text may be anything.
    return "{" + ",".join(map(str, muscles)) + "}"
