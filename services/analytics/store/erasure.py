"""What is deleted of a person who is erased."""

from chassis.db import WriteSession
from services.analytics.store import calendars, exercises, people, platform, sums, workouts


async def erase(tx: WriteSession, user_id: str) -> None:
    """Deletes every row about the person, names of their own exercises too; days they had are counted without them."""
    await calendars.lock(tx, [user_id])
    await platform.mark_people(tx, [user_id])
    for statement in (*workouts.ERASE, *sums.ERASE, *people.ERASE, exercises.ERASE, *calendars.ERASE):
        await tx.execute(statement, user_id=user_id)
