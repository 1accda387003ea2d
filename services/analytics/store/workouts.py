"""What workouts contribute: replaced by version, added up when somebody asks."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from fitnesshub.analytics.v1.analytics_pb2 import TrainingTotals
from sqlalchemy import text

from chassis.db import Database, Statement, WriteSession
from services.analytics.domain.contributions import SECONDARY_SHARE, BestSet, ExerciseShare

ALWAYS = (datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC))
"""The whole of time, as a span."""
Span = tuple[datetime, datetime]
"""From the first time to before the second one."""

KEEP_WORKOUTS = Statement(
    text("""
    INSERT INTO analytics.workouts AS old (
        workout_id, user_id, version, start_time, duration_seconds, sets, reps, volume_kg, distance_meters
    )
    SELECT * FROM unnest(
        CAST(:workout_ids AS uuid[]), CAST(:user_ids AS uuid[]), CAST(:versions AS bigint[]),
        CAST(:start_times AS timestamptz[]), CAST(:durations AS bigint[]), CAST(:sets AS int[]),
        CAST(:reps AS bigint[]), CAST(:volumes AS float8[]), CAST(:distances AS float8[])
    )
    ON CONFLICT (workout_id) DO UPDATE
    SET user_id = excluded.user_id, version = excluded.version, start_time = excluded.start_time,
        duration_seconds = excluded.duration_seconds, sets = excluded.sets, reps = excluded.reps,
        volume_kg = excluded.volume_kg, distance_meters = excluded.distance_meters
    WHERE old.version < excluded.version
    RETURNING workout_id
    """)
)
FORGET_SHARES = Statement(
    text("DELETE FROM analytics.workout_exercises WHERE workout_id = ANY(CAST(:workout_ids AS uuid[]))")
)
KEEP_SHARES = Statement(
    text("""
    INSERT INTO analytics.workout_exercises (
        workout_id, exercise_id, user_id, start_time, sets, reps, volume_kg, distance_meters, duration_seconds,
        heaviest_kg, heaviest_reps, largest_kg, largest_weight_kg, largest_reps, e1rm_kg, e1rm_weight_kg, e1rm_reps,
        weights_kg, most_reps
    )
    SELECT
        workout_id, exercise_id, user_id, start_time, sets, reps, volume_kg, distance_meters, duration_seconds,
        heaviest_kg, heaviest_reps, largest_kg, largest_weight_kg, largest_reps, e1rm_kg, e1rm_weight_kg, e1rm_reps,
        CAST(weights_kg AS float8[]), CAST(most_reps AS int[])
    FROM unnest(
        CAST(:workout_ids AS uuid[]), CAST(:exercise_ids AS uuid[]), CAST(:user_ids AS uuid[]),
        CAST(:start_times AS timestamptz[]), CAST(:sets AS int[]), CAST(:reps AS bigint[]),
        CAST(:volumes AS float8[]), CAST(:distances AS float8[]), CAST(:durations AS float8[]),
        CAST(:heaviest_kg AS float8[]), CAST(:heaviest_reps AS int[]),
        CAST(:largest_kg AS float8[]), CAST(:largest_weights AS float8[]), CAST(:largest_reps AS int[]),
        CAST(:e1rm_kg AS float8[]), CAST(:e1rm_weights AS float8[]), CAST(:e1rm_reps AS int[]),
        CAST(:weights_kg AS text[]), CAST(:most_reps AS text[])
    ) AS sent (
        workout_id, exercise_id, user_id, start_time, sets, reps, volume_kg, distance_meters, duration_seconds,
        heaviest_kg, heaviest_reps, largest_kg, largest_weight_kg, largest_reps, e1rm_kg, e1rm_weight_kg, e1rm_reps,
        weights_kg, most_reps
    )
    """)
)

_SUMS = """
    CAST(count(*) AS int) AS workouts, CAST(coalesce(sum(duration_seconds), 0) AS bigint) AS duration_seconds,
    CAST(sum(sets) AS int) AS sets, CAST(sum(reps) AS bigint) AS reps, sum(volume_kg) AS volume_kg,
    sum(distance_meters) AS distance_meters
"""
_IN_SPAN = "user_id = :owner AND start_time >= :since AND start_time < :before"

SUM_BY_PERIOD = Statement(
    text(f"""
    SELECT width_bucket(start_time, CAST(:bounds AS timestamptz[])) AS number, {_SUMS}
    FROM analytics.workouts WHERE {_IN_SPAN} GROUP BY number
    """)  # noqa: S608 - constants
)
LIST_START_TIMES = Statement(
    text("SELECT array_agg(start_time) FROM analytics.workouts WHERE user_id = :owner AND start_time < :before")
)
LIST_TRAINED_EXERCISES = Statement(
    text(f"""
    SELECT done.*, coalesce(exercises.name, '') AS name
    FROM (
        SELECT exercise_id, {_SUMS}, max(start_time) AS last_start
        FROM analytics.workout_exercises WHERE {_IN_SPAN} GROUP BY exercise_id
    ) AS done
    LEFT JOIN analytics.exercises USING (exercise_id)
    WHERE done.sets < :last_sets OR (done.sets = :last_sets AND done.exercise_id > :last_id)
    ORDER BY done.sets DESC, done.exercise_id LIMIT :most
    """)  # noqa: S608 - constants
)
SUM_BY_MUSCLE = Statement(
    text(f"""
    SELECT trained.muscle, sum(trained.share * done.sets) AS sets, sum(trained.share * done.reps) AS reps,
        sum(trained.share * done.volume_kg) AS volume_kg
    FROM (
        SELECT exercise_id, {_SUMS} FROM analytics.workout_exercises WHERE {_IN_SPAN} GROUP BY exercise_id
    ) AS done
    JOIN analytics.exercises USING (exercise_id)
    CROSS JOIN LATERAL (
        SELECT unnest(primary_muscles) AS muscle, CAST(1.0 AS float8) AS share
        UNION ALL SELECT unnest(secondary_muscles), CAST({SECONDARY_SHARE} AS float8)
    ) AS trained
    GROUP BY trained.muscle ORDER BY sets DESC, trained.muscle
    """)  # noqa: S608 - constants
)
LIST_PROGRESS = Statement(
    text(f"""
    SELECT start_time, sets, reps, volume_kg, distance_meters, duration_seconds, heaviest_kg, e1rm_kg
    FROM analytics.workout_exercises WHERE {_IN_SPAN} AND exercise_id = :exercise_id
    ORDER BY start_time, workout_id
    """)  # noqa: S608 - constants
)


def _best(kind: str, value: str, weight: str, reps: str) -> str:
    return f"""
    (SELECT '{kind}' AS kind, {value} AS value_kg, {weight} AS weight_kg, {reps} AS reps, workout_id, start_time
    FROM analytics.workout_exercises
    WHERE user_id = :owner AND exercise_id = :exercise_id AND {value} IS NOT NULL
    ORDER BY {value} DESC, {reps} DESC, start_time, workout_id LIMIT 1)
    """  # noqa: S608 - constants


GET_BESTS = Statement(
    text(
        " UNION ALL ".join(
            (
                _best("heaviest", "heaviest_kg", "heaviest_kg", "heaviest_reps"),
                _best("largest_set", "largest_kg", "largest_weight_kg", "largest_reps"),
                _best("e1rm", "e1rm_kg", "e1rm_weight_kg", "e1rm_reps"),
            )
        )
    )
)
LIST_MOST_REPS = Statement(
    text("""
    SELECT DISTINCT ON (best.weight_kg)
        best.weight_kg AS value_kg, best.weight_kg, best.reps, done.workout_id, done.start_time
    FROM analytics.workout_exercises AS done
    CROSS JOIN LATERAL unnest(done.weights_kg, done.most_reps) AS best (weight_kg, reps)
    WHERE done.user_id = :owner AND done.exercise_id = :exercise_id
    ORDER BY best.weight_kg DESC, best.reps DESC, done.start_time, done.workout_id LIMIT :most
    """)
)

ERASE = (
    Statement(text("DELETE FROM analytics.workout_exercises WHERE user_id = CAST(:user_id AS uuid)")),
    Statement(text("DELETE FROM analytics.workouts WHERE user_id = CAST(:user_id AS uuid)")),
)


@dataclass(frozen=True, slots=True)
class Contribution:
    """What one version of a workout contributes; nothing, when it was deleted."""

    workout_id: str
    user_id: str
    version: int
    start_time: datetime | None
    """None: deleted."""
    totals: TrainingTotals
    shares: Mapping[str, ExerciseShare]
    """By exercise."""


async def keep(tx: WriteSession, contributions: Sequence[Contribution]) -> None:
    """Replaces what is there of older versions. At most one version of a workout."""
    # Sorted: two consumers with the same workouts wait for each other, and not in a circle.
    sent = sorted(contributions, key=lambda each: each.workout_id)
    live = [each.totals if each.start_time else None for each in sent]
    rows = await tx.rows(
        KEEP_WORKOUTS,
        workout_ids=[each.workout_id for each in sent],
        user_ids=[each.user_id for each in sent],
        versions=[each.version for each in sent],
        start_times=[each.start_time for each in sent],
        durations=[each and each.duration_seconds for each in live],
        sets=[each and each.sets for each in live],
        reps=[each and each.reps for each in live],
        volumes=[each and each.volume_kg for each in live],
        distances=[each and each.distance_meters for each in live],
    )
    kept = {str(row["workout_id"]) for row in rows}
    newer = [each for each in sent if each.workout_id in kept]
    # A statement of its own, which sees what another consumer committed while the one above waited for it.
    if replaced := [each.workout_id for each in newer if each.version > 1]:
        await tx.execute(FORGET_SHARES, workout_ids=replaced)
    done = [(each, exercise_id, share) for each in newer for exercise_id, share in each.shares.items()]
    if done:
        await tx.execute(KEEP_SHARES, **_columns(done))


async def sum_by_period(db: Database, user_id: str, bounds: Sequence[datetime]) -> dict[int, TrainingTotals]:
    """Sums of each of the adjoining periods between the bounds, by their number from 0; empty ones are left out."""
    rows = await db.rows(SUM_BY_PERIOD, owner=user_id, bounds=list(bounds), since=bounds[0], before=bounds[-1])
    return {row["number"] - 1: _totals(row) for row in rows}


async def list_start_times(db: Database, user_id: str, before: datetime) -> list[datetime]:
    """When the user's workouts began, in no order."""
    return await db.value(LIST_START_TIMES, owner=user_id, before=before) or []


async def list_trained_exercises(
    db: Database, user_id: str, span: Span, after: tuple[int, str], size: int
) -> list[tuple[Mapping[str, Any], TrainingTotals]]:
    """Exercises with most sets first, after one with as many sets and its id."""
    rows = await db.rows(
        LIST_TRAINED_EXERCISES,
        owner=user_id,
        since=span[0],
        before=span[1],
        last_sets=after[0],
        last_id=after[1],
        most=size,
    )
    return [(row, _totals(row)) for row in rows]


async def sum_by_muscle(db: Database, user_id: str, span: Span) -> list[Mapping[str, Any]]:
    """Weighted sums of each muscle, most sets first."""
    return list(await db.rows(SUM_BY_MUSCLE, owner=user_id, since=span[0], before=span[1]))


async def list_progress(db: Database, user_id: str, exercise_id: str, span: Span) -> list[Mapping[str, Any]]:
    """What each workout contributed to an exercise, oldest first."""
    return list(await db.rows(LIST_PROGRESS, owner=user_id, exercise_id=exercise_id, since=span[0], before=span[1]))


async def get_bests(db: Database, user_id: str, exercise_id: str) -> dict[str, Mapping[str, Any]]:
    """The best sets by kind: `heaviest`, `largest_set`, `e1rm`."""
    rows = await db.rows(GET_BESTS, owner=user_id, exercise_id=exercise_id)
    return {row["kind"]: row for row in rows}


async def list_most_reps(db: Database, user_id: str, exercise_id: str, most: int) -> list[Mapping[str, Any]]:
    """The set with most repetitions at each weight, heaviest first."""
    return list(await db.rows(LIST_MOST_REPS, owner=user_id, exercise_id=exercise_id, most=most))


def _totals(row: Mapping[str, Any]) -> TrainingTotals:
    return TrainingTotals(**{name: row[name] for name in TrainingTotals.DESCRIPTOR.fields_by_name})


def _columns(done: Sequence[tuple[Contribution, str, ExerciseShare]]) -> dict[str, list[Any]]:
    heaviest, largest, e1rm = ([getattr(s, kind) for *_, s in done] for kind in ("heaviest", "largest_set", "e1rm"))
    return {
        "workout_ids": [each.workout_id for each, *_ in done],
        "exercise_ids": [exercise_id for _, exercise_id, _ in done],
        "user_ids": [each.user_id for each, *_ in done],
        "start_times": [each.start_time for each, *_ in done],
        "sets": [share.sets for *_, share in done],
        "reps": [share.reps for *_, share in done],
        "volumes": [share.volume_kg for *_, share in done],
        "distances": [share.distance_meters for *_, share in done],
        "durations": [share.duration_seconds for *_, share in done],
        "heaviest_kg": _of(heaviest, "value_kg"),
        "heaviest_reps": _of(heaviest, "reps"),
        "largest_kg": _of(largest, "value_kg"),
        "largest_weights": _of(largest, "weight_kg"),
        "largest_reps": _of(largest, "reps"),
        "e1rm_kg": _of(e1rm, "value_kg"),
        "e1rm_weights": _of(e1rm, "weight_kg"),
        "e1rm_reps": _of(e1rm, "reps"),
        # As text, because unnest takes lists of lists apart to the last element.
        "weights_kg": [_array(share.most_reps.keys()) for *_, share in done],
        "most_reps": [_array(share.most_reps.values()) for *_, share in done],
    }


def _of(bests: Sequence[BestSet | None], name: str) -> list[Any]:
    return [None if best is None else getattr(best, name) for best in bests]


def _array(values: Any) -> str:
    return "{" + ",".join(map(repr, values)) + "}"
