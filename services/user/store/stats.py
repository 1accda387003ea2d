"""Totals of people's training, and what each workout adds to them. The row of totals is the lock of both."""

from dataclasses import asdict
from datetime import datetime

from fitnesshub.user.v1.stats_service_pb2 import Stats
from sqlalchemy import bindparam, func, literal_column, select, update
from sqlalchemy.dialects.postgresql import insert

from chassis.db import Database, Record, Statement, WriteSession
from services.user.domain.stats import NOTHING, Contribution, Totals
from services.user.domain.stats import stats as answer
from services.user.store.tables import contributions, stats

_AMOUNTS = ("duration_seconds", "sets", "reps", "volume_kg", "distance_meters")
_MINE = stats.c.user_id == bindparam("user_id")

GET_STATS = Statement(select(stats.c.wire).where(_MINE))
# The update changes nothing: it locks the row that is there, as a plain DO NOTHING wouldn't.
INSERT_OR_LOCK_STATS = Statement(
    insert(stats)
    .values(
        {name: literal_column("0") for name in ("workouts", *_AMOUNTS)}
        | {"user_id": bindparam("user_id"), "wire": bindparam("wire")}
    )
    .on_conflict_do_update(index_elements=["user_id"], set_={"workouts": stats.c.workouts})
    .returning(stats.c.workouts, *(stats.c[name] for name in _AMOUNTS))
)
GET_CONTRIBUTION = Statement(
    select(contributions.c.version, contributions.c.start_time, *(contributions.c[name] for name in _AMOUNTS)).where(
        contributions.c.user_id == bindparam("user_id"), contributions.c.workout_id == bindparam("workout_id")
    )
)
_put = insert(contributions)
PUT_CONTRIBUTION = Statement(
    _put.on_conflict_do_update(
        index_elements=["user_id", "workout_id"],
        set_={name: _put.excluded[name] for name in ("version", "start_time", *_AMOUNTS)},
    )
)
GET_FIRST_AND_LAST = Statement(
    select(
        func.min(contributions.c.start_time).label("first"), func.max(contributions.c.start_time).label("last")
    ).where(contributions.c.user_id == bindparam("user_id"), contributions.c.start_time.is_not(None))
)
UPDATE_STATS = Statement(
    update(stats)
    .where(stats.c.user_id == bindparam("owner"))
    .values({name: bindparam(name) for name in ("workouts", *_AMOUNTS, "wire")})
)


async def get_stats(db: Database, user_id: str) -> bytes | None:
    """The wire form; None when there was never a workout."""
    wire: bytes | None = await db.value(GET_STATS, user_id=user_id)
    return wire


async def put_contribution(
    tx: WriteSession, user_id: str, workout_id: str, version: int, new: Contribution, now: datetime
) -> bool:
    """Puts what a version of a workout adds in the place of what an older one did, and brings the totals up to date.

    Returns False, and changes nothing, when this version or a newer one is there. Raises ForeignKeyViolation when
    there is no such user.
    """
    nothing_yet = Stats(user_id=user_id).SerializeToString()
    [row] = await tx.rows(INSERT_OR_LOCK_STATS, user_id=user_id, wire=nothing_yet)
    # Read by a statement of its own, which sees what was committed while we waited for the lock.
    known = await tx.row(GET_CONTRIBUTION, user_id=user_id, workout_id=workout_id)
    if known is not None and known["version"] >= version:
        return False
    await tx.execute(PUT_CONTRIBUTION, user_id=user_id, workout_id=workout_id, version=version, **asdict(new))
    old = NOTHING if known is None else _contribution(known)
    if old == new:
        return True
    totals = Totals(**row).minus(old).plus(new)
    ends = await tx.row(GET_FIRST_AND_LAST, user_id=user_id)
    first, last = (ends["first"], ends["last"]) if ends else (None, None)
    wire = answer(user_id, totals, first, last, now).SerializeToString()
    await tx.execute(UPDATE_STATS, owner=user_id, wire=wire, **asdict(totals))
    return True


def _contribution(row: Record) -> Contribution:
    return Contribution(row["start_time"], *(row[name] for name in _AMOUNTS))
