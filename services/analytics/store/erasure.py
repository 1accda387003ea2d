"""What is deleted of a person who is erased."""

from chassis.db import WriteSession
from services.analytics.store import exercises, people, workouts


async def erase(tx: WriteSession, user_id: str) -> None:
    """Deletes every row about the person."""
    for statement in (*workouts.ERASE, *people.ERASE, exercises.ERASE):
        await tx.execute(statement, user_id=user_id)
