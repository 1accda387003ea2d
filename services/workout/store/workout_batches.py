"""Workouts of a batch, stored by one statement for many of them."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from fitnesshub.workout.v1.workout_pb2 import Workout
from sqlalchemy import text

from chassis.db import Statement, WriteSession
from services.workout.store.workout_sets import ARRAYS, NAMES, SENT_NAMES, set_columns

READ_TAKEN = Statement(
    text("""
    SELECT id, user_id, version, wire IS NOT NULL AS is_live FROM workout.workouts
    WHERE id = ANY(CAST(:ids AS uuid[]))
    """)
)

CREATE_WORKOUTS = Statement(
    # An id that somebody else took in the meantime is left out: the caller asks again what is there.
    text(f"""
    WITH numbered AS (
        INSERT INTO workout.change_counters AS counter (user_id, last) VALUES (:owner, CAST(:count AS bigint))
        ON CONFLICT (user_id) DO UPDATE SET last = counter.last + CAST(:count AS bigint)
        RETURNING last - CAST(:count AS bigint) AS before
    ), created AS (
        INSERT INTO workout.workouts (id, user_id, start_time, version, change, wire, created_at, updated_at)
        SELECT sent.id, :owner, sent.start_time, 1, numbered.before + sent.number, sent.wire, :now, :now
        FROM numbered, unnest(CAST(:ids AS uuid[]), CAST(:start_times AS timestamptz[]), CAST(:wires AS bytea[]))
            WITH ORDINALITY AS sent (id, start_time, wire, number)
        ON CONFLICT (id) DO NOTHING
        RETURNING id, start_time
    ), with_sets AS (
        INSERT INTO workout.workout_sets (workout_id, position, user_id, start_time, {NAMES})
        SELECT created.id, sent.position, :owner, created.start_time, {SENT_NAMES}
        FROM created JOIN unnest(CAST(:workout_ids AS uuid[]), CAST(:positions AS int[]), {ARRAYS})
            AS sent (workout_id, position, {NAMES}) ON sent.workout_id = created.id
    )
    SELECT id FROM created
    """)  # noqa: S608 - names of columns, ours
)


@dataclass(frozen=True, slots=True)
class TakenId:
    """A workout that has an id, also when it is deleted."""

    user_id: str
    version: int
    is_live: bool


async def read_taken(tx: WriteSession, workout_ids: Collection[str]) -> dict[str, TakenId]:
    """Those of the ids that workouts have, whoever's they are."""
    rows = await tx.rows(READ_TAKEN, ids=list(workout_ids))
    return {str(row["id"]): TakenId(str(row["user_id"]), row["version"], row["is_live"]) for row in rows}


async def create_workouts(tx: WriteSession, user_id: str, workouts: Sequence[Workout], now: datetime) -> set[str]:
    """Stores new workouts of a user; returns the ids of those that are stored, the others' are taken.

    The workouts come in the order of their ids, in every batch: two batches that meet then wait for one another and
    not for each other. Which exercises can be used is for the caller to ask.
    """
    rows = await tx.rows(
        CREATE_WORKOUTS,
        owner=user_id,
        count=len(workouts),
        ids=[each.id for each in workouts],
        start_times=[each.start_time.ToDatetime(UTC) for each in workouts],
        wires=[each.SerializeToString() for each in workouts],
        now=now,
        workout_ids=[each.id for each in workouts for _ in each.sets],
        positions=[position for each in workouts for position in range(len(each.sets))],
        **set_columns(each for workout in workouts for each in workout.sets),
    )
    return {str(row["id"]) for row in rows}
