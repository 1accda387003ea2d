"""Whether columns and wire forms say the same, over whole tables; asked after every test session."""

from collections.abc import AsyncIterator, Iterable, Mapping
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from fitnesshub.workout.v1.exercise_pb2 import Exercise
from fitnesshub.workout.v1.workout_pb2 import Workout
from sqlalchemy import bindparam, select, text

from chassis.db import Database, Statement
from services.workout.domain.etags import etag
from services.workout.domain.workouts import settle
from services.workout.store.tables import exercises

BATCH = 500
_FIRST = str(UUID(int=0))

SCAN_WORKOUTS = Statement(
    # The sets are read in the same snapshot as their workout, or a concurrent write would look like a difference.
    text("""
    SELECT w.id, w.user_id, w.start_time, w.version, w.wire, w.created_at, w.updated_at,
        array_agg(s.position ORDER BY s.position) FILTER (WHERE s.position IS NOT NULL) AS positions,
        array_agg(s.exercise_id ORDER BY s.position) FILTER (WHERE s.position IS NOT NULL) AS exercise_ids,
        array_agg(s.reps ORDER BY s.position) FILTER (WHERE s.position IS NOT NULL) AS reps,
        array_agg(s.weight_kg ORDER BY s.position) FILTER (WHERE s.position IS NOT NULL) AS weights_kg,
        array_agg(s.rpe ORDER BY s.position) FILTER (WHERE s.position IS NOT NULL) AS rpes
    FROM (
        SELECT * FROM workout.workouts WHERE id > CAST(:after AS uuid) ORDER BY id LIMIT :limit
    ) AS w LEFT JOIN workout.workout_sets AS s ON s.workout_id = w.id
    GROUP BY w.id, w.user_id, w.start_time, w.version, w.wire, w.created_at, w.updated_at
    ORDER BY w.id
    """)
)

SCAN_EXERCISES = Statement(
    select(exercises).where(exercises.c.id > bindparam("after")).order_by(exercises.c.id).limit(bindparam("limit"))
)


async def differences(db: Database) -> list[str]:
    """What columns and wire forms disagree on, a sentence each; empty when all is well."""
    found: list[str] = []
    async for row in _scan(db, SCAN_WORKOUTS):
        found += (f"workout {row['id']}: {problem}" for problem in _workout_differences(row))
    async for row in _scan(db, SCAN_EXERCISES):
        found += (f"exercise {row['id']}: {problem}" for problem in _exercise_differences(row))
    return found


async def _scan(db: Database, statement: Statement) -> AsyncIterator[Mapping[str, Any]]:
    after = _FIRST
    while rows := await db.rows(statement, after=after, limit=BATCH):
        for row in rows:
            yield row
        after = str(rows[-1]["id"])


def _workout_differences(row: Mapping[str, Any]) -> Iterable[str]:
    if row["wire"] is None:
        return ["is deleted and has sets"] if row["positions"] else []
    workout = Workout.FromString(row["wire"])
    settled = Workout.FromString(row["wire"])
    settle(settled)
    sets = workout.sets
    return _compare(
        {
            "id": (workout.id, str(row["id"])),
            "user_id": (workout.user_id, str(row["user_id"])),
            "start_time": (_moment(workout.start_time), _utc(row["start_time"])),
            "etag": (workout.etag, etag(workout.id, row["version"])),
            "create_time": (_moment(workout.create_time), row["created_at"]),
            "update_time": (_moment(workout.update_time), row["updated_at"]),
            "derived fields": (workout, settled),
            "positions": (list(range(len(sets))), row["positions"] or []),
            "exercise_ids": ([s.exercise_id for s in sets], [str(each) for each in row["exercise_ids"] or []]),
            "reps": ([s.reps if s.HasField("reps") else None for s in sets], row["reps"] or []),
            "weights_kg": ([s.weight_kg if s.HasField("weight_kg") else None for s in sets], row["weights_kg"] or []),
            "rpes": ([s.rpe if s.HasField("rpe") else None for s in sets], row["rpes"] or []),
        }
    )


def _exercise_differences(row: Mapping[str, Any]) -> Iterable[str]:
    exercise = Exercise.FromString(row["wire"])
    return _compare(
        {
            "id": (exercise.id, str(row["id"])),
            "name": (exercise.name, row["name"]),
            "source": (exercise.source, row["source"]),
            "source_id": (exercise.source_id, row["source_id"]),
            "etag": (exercise.etag, etag(exercise.id, row["version"])),
            "create_time": (_moment(exercise.create_time), row["created_at"]),
            "update_time": (_moment(exercise.update_time), row["updated_at"]),
        }
    )


def _compare(pairs: Mapping[str, tuple[object, object]]) -> list[str]:
    return [
        f"{name} is {wire!r} in wire and {column!r} in columns"
        for name, (wire, column) in pairs.items()
        if wire != column
    ]


def _utc(time: datetime) -> datetime:
    """The driver gives the first and the last microsecond of the calendar without a time zone."""
    return time.replace(tzinfo=UTC)


def _moment(time: Any) -> datetime:
    moment: datetime = time.ToDatetime(UTC)
    return moment
