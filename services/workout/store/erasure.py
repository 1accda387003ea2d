"""Deleting what is a person's.

Workouts go as rows, deleted ones too: nobody is left whose late repeats they would have to refuse. Exercises of the
person's own stay as empty rows of nobody: PostgreSQL would look through all sets of everybody for each row that goes.
"""

from datetime import datetime

from sqlalchemy import text

from chassis.db import Statement, WriteSession
from services.workout.domain.exercise_changes import erased
from services.workout.store.exercise_writes import StoredExercise, bury_exercises

BATCH = 500
"""Workouts deleted at a time, with some 10,000 sets; and exercises emptied."""

LOCK_COUNTER = Statement(text("SELECT last FROM workout.change_counters WHERE user_id = :user_id FOR UPDATE"))
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
DELETE_COUNTER = Statement(text("DELETE FROM workout.change_counters WHERE user_id = :user_id"))
READ_OWN_EXERCISES = Statement(
    text("""
    SELECT id, version, created_at FROM workout.exercises WHERE owner_id = CAST(:user_id AS uuid)
    ORDER BY id LIMIT :most FOR UPDATE
    """)
)


async def erase_workouts(tx: WriteSession, user_id: str) -> int:
    """Deletes a batch of a person's workouts, and with the last the count of their changes; returns how many."""
    # Whoever changes a workout of the person holds the counter, so none comes in between.
    await tx.execute(LOCK_COUNTER, user_id=user_id)
    gone = await tx.execute(ERASE_WORKOUTS, user_id=user_id, most=BATCH)
    if gone < BATCH:
        await tx.execute(DELETE_COUNTER, user_id=user_id)
    return gone


async def erase_exercises(tx: WriteSession, user_id: str, now: datetime) -> int:
    """Empties a batch of a person's own exercises, deleted ones too, and makes them nobody's; returns how many."""
    rows = await tx.rows(READ_OWN_EXERCISES, user_id=user_id, most=BATCH)
    left = [erased(str(row["id"]), row["version"], row["created_at"], now) for row in rows]
    await bury_exercises(tx, [StoredExercise(each, row["version"] + 1) for each, row in zip(left, rows, strict=True)])
    return len(rows)
