"""Whether columns and wire forms say the same, over whole tables; asked after every test session."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from fitnesshub.workout.v1.exercise_pb2 import Exercise
from fitnesshub.workout.v1.workout_pb2 import Workout
from sqlalchemy import bindparam, select, text

from chassis.consistency import compare, scan
from chassis.db import Database, Statement
from chassis.etags import version_etag
from services.workout.domain.exercise_index import FORM, index_of
from services.workout.domain.workouts import derive
from services.workout.store.tables import exercises
from services.workout.store.workout_sets import OPTIONAL

BATCH = 500

SCAN_WORKOUTS = Statement(
    # The sets are read in the same snapshot as their workout, or a concurrent write would look like a difference.
    text("""
    SELECT w.*, c.last AS last_change, sets.*
    FROM workout.workouts AS w LEFT JOIN workout.change_counters AS c ON c.user_id = w.user_id, LATERAL (
        SELECT jsonb_agg(to_jsonb(s) ORDER BY s.position) AS sets,
            bool_and(s.user_id = w.user_id AND s.start_time = w.start_time) AS are_placed_like_it
        FROM workout.workout_sets AS s WHERE s.workout_id = w.id
    ) AS sets
    WHERE w.id > CAST(:after AS uuid) ORDER BY w.id LIMIT :limit
    """)
)

ORPHANS = Statement(
    text("""
    SELECT DISTINCT workout_id FROM workout.workout_sets AS s
    WHERE NOT EXISTS (SELECT FROM workout.workouts AS w WHERE w.id = s.workout_id)
    """)
)

UNKNOWN_EXERCISES = Statement(
    text("""
    SELECT DISTINCT exercise_id FROM workout.workout_sets AS s
    WHERE NOT EXISTS (SELECT FROM workout.exercises AS e WHERE e.id = s.exercise_id)
    """)
)

SHARED_CHANGES = Statement(
    text("""
    SELECT user_id, change, array_agg(id) AS ids FROM workout.workouts GROUP BY user_id, change HAVING count(*) > 1
    """)
)

SCAN_EXERCISES = Statement(
    select(exercises).where(exercises.c.id > bindparam("after")).order_by(exercises.c.id).limit(bindparam("limit"))
)


async def differences(db: Database) -> list[str]:
    """What columns and wire forms disagree on, a sentence each; empty when all is well."""
    found: list[str] = []
    async for row in scan(db, SCAN_WORKOUTS, batch=BATCH):
        found += (f"workout {row['id']}: {problem}" for problem in _workout_differences(row))
    for row in await db.rows(ORPHANS):
        found.append(f"workout {row['workout_id']}: isn't there and has sets")
    for row in await db.rows(UNKNOWN_EXERCISES):
        found.append(f"exercise {row['exercise_id']}: isn't there and is named by sets")
    for row in await db.rows(SHARED_CHANGES):
        found.append(f"change {row['change']} of user {row['user_id']}: several workouts have it: {row['ids']}")
    async for row in scan(db, SCAN_EXERCISES, batch=BATCH):
        found += (f"exercise {row['id']}: {problem}" for problem in _exercise_differences(row))
    return found


def _workout_differences(row: Mapping[str, Any]) -> Iterable[str]:
    pairs: dict[str, tuple[object, object]] = {"change": (True, 0 < row["change"] <= (row["last_change"] or 0))}
    if row["wire"] is None:
        pairs["sets of a deleted one"] = (None, row["sets"])
        if row["undo_wire"] is not None:
            last = Workout.FromString(row["undo_wire"])
            pairs["etag of the last state"] = (last.etag, version_etag(str(row["id"]), row["version"] - 1))
        return compare(pairs)
    workout = Workout.FromString(row["wire"])
    derived = Workout.FromString(row["wire"])
    derive(derived)
    sets = row["sets"] or []
    pairs |= {
        "id": (workout.id, str(row["id"])),
        "user_id": (workout.user_id, str(row["user_id"])),
        "start_time": (_moment(workout.start_time), _utc(row["start_time"])),
        "etag": (workout.etag, version_etag(workout.id, row["version"])),
        "create_time": (_moment(workout.create_time), row["created_at"]),
        "update_time": (_moment(workout.update_time), row["updated_at"]),
        "derived fields": (workout, derived),
        "undo_wire": (None, row["undo_wire"]),
        "sets.position": (list(range(len(workout.sets))), [each["position"] for each in sets]),
        "sets.user_id and sets.start_time": (bool(sets), bool(row["are_placed_like_it"])),
    }
    for name in ("exercise_id", "set_type"):
        pairs[f"sets.{name}"] = ([getattr(each, name) for each in workout.sets], [each[name] for each in sets])
    for name in OPTIONAL:
        values = [getattr(each, name) if each.HasField(name) else None for each in workout.sets]
        pairs[f"sets.{name}"] = (values, [each[name] for each in sets])
    return compare(pairs)


def _exercise_differences(row: Mapping[str, Any]) -> Iterable[str]:
    exercise = Exercise.FromString(row["wire"])
    deleted_at = row["deleted_at"]
    index = asdict(index_of(exercise)) | {"form": FORM}
    columns = dict(row) | {"signature": row["signature"].as_string().replace(" ", "")}
    return compare(
        {
            "id": (exercise.id, str(row["id"])),
            "owner_id": (exercise.owner_id, str(row["owner_id"] or "")),
            "name": (exercise.name, row["name"]),
            "source": (exercise.source, row["source"]),
            "source_id": (exercise.source_id, row["source_id"]),
            # A deletion is a version of its own, and leaves the wire form as it was.
            "etag": (exercise.etag, version_etag(exercise.id, row["version"] - (0 if deleted_at is None else 1))),
            "create_time": (_moment(exercise.create_time), row["created_at"]),
            "update_time": (_moment(exercise.update_time) if deleted_at is None else deleted_at, row["updated_at"]),
            "display_name": (exercise.display_name, ""),
            **{name: (value, columns[name]) for name, value in index.items()},
        }
    )


def _utc(time: datetime) -> datetime:
    """The driver gives the first and the last microsecond of the calendar without a time zone."""
    return time.replace(tzinfo=UTC)


def _moment(time: Any) -> datetime:
    moment: datetime = time.ToDatetime(UTC)
    return moment
