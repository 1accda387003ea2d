"""Deleting what is a person's. Rows go as a whole: nobody is left whose late repeats they would have to refuse."""

from sqlalchemy import text

from chassis.db import Statement, WriteSession

BATCH = 500
"""Workouts deleted at a time, with some 10,000 sets."""

ERASE_WORKOUTS = Statement(
    text("""
    WITH chosen AS (
        SELECT id FROM workout.workouts WHERE user_id = CAST(:user_id AS uuid) ORDER BY id LIMIT :most FOR UPDATE
    ), sets AS (
        DELETE FROM workout.workout_sets AS old USING chosen WHERE old.workout_id = chosen.id
    )
    DELETE FROM workout.workouts AS old USING chosen WHERE old.id = chosen.id
    """)
)


async def erase_workouts(tx: WriteSession, user_id: str) -> int:
    """Deletes a batch of a person's workouts, deleted ones included; returns how many."""
    return await tx.execute(ERASE_WORKOUTS, user_id=user_id, most=BATCH)
