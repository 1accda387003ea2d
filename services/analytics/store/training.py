"""What people's training adds up to: rows of sums, as many as the answer has periods, however much was done."""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from fitnesshub.analytics.v1.analytics_pb2 import TrainingTotals
from sqlalchemy import text

from chassis.db import Database, Statement
from services.analytics.domain.contributions import SECONDARY_SHARE
from services.analytics.domain.periods import Span
from services.analytics.domain.streaks import Run

LIST_PERIODS = Statement(
    text("""
    SELECT start_date, workouts, duration_seconds, sets, reps, volume_kg, distance_meters
    FROM analytics.training_periods
    WHERE user_id = :owner AND kind = :kind AND start_date BETWEEN :first AND :last
    """)
)
_IN_SPANS = """
    SELECT exercise_id, CAST(sum(workouts) AS int) AS workouts,
        CAST(sum(duration_seconds) AS bigint) AS duration_seconds, CAST(sum(sets) AS int) AS sets,
        CAST(sum(reps) AS bigint) AS reps, sum(volume_kg) AS volume_kg, sum(distance_meters) AS distance_meters,
        max(last_start) AS last_start
    FROM unnest(CAST(:kinds AS int2[]), CAST(:firsts AS date[]), CAST(:lasts AS date[])) AS span (kind, first, last)
    JOIN analytics.exercise_periods AS done
        ON done.user_id = :owner AND done.kind = span.kind AND done.start_date BETWEEN span.first AND span.last
    GROUP BY exercise_id
"""
LIST_TRAINED_EXERCISES = Statement(
    text(f"""
    SELECT done.*, coalesce(exercises.name, '') AS name
    FROM ({_IN_SPANS}) AS done
    LEFT JOIN analytics.exercises
        ON exercises.exercise_id = done.exercise_id AND exercises.owner_id IN ('', CAST(:owner AS text))
    WHERE done.sets < :last_sets OR (done.sets = :last_sets AND done.exercise_id > :last_id)
    ORDER BY done.sets DESC, done.exercise_id LIMIT :most
    """)  # noqa: S608 - constants
)
# What trains no known muscle counts for muscle 0, unknown.
SUM_BY_MUSCLE = Statement(
    text(f"""
    SELECT trained.muscle, sum(trained.share * done.sets) AS sets, sum(trained.share * done.reps) AS reps,
        sum(trained.share * done.volume_kg) AS volume_kg
    FROM ({_IN_SPANS}) AS done
    LEFT JOIN analytics.exercises ON exercises.exercise_id = done.exercise_id
    CROSS JOIN LATERAL (
        SELECT unnest(primary_muscles) AS muscle, CAST(1.0 AS float8) AS share
        UNION ALL SELECT unnest(secondary_muscles), CAST({SECONDARY_SHARE} AS float8)
        UNION ALL SELECT 0, CAST(1.0 AS float8)
        WHERE coalesce(cardinality(primary_muscles), 0) + coalesce(cardinality(secondary_muscles), 0) = 0
    ) AS trained
    GROUP BY trained.muscle ORDER BY sets DESC, trained.muscle
    """)  # noqa: S608 - constants
)
LIST_PROGRESS = Statement(
    text("""
    SELECT start_date, workouts, CAST(duration_seconds AS bigint) AS duration_seconds, sets, reps, volume_kg,
        distance_meters, heaviest_kg, e1rm_kg
    FROM analytics.exercise_periods
    WHERE user_id = :owner AND exercise_id = :exercise_id AND kind = :kind AND start_date BETWEEN :first AND :last
    ORDER BY start_date
    """)
)
LIST_BESTS = Statement(
    text("""
    SELECT measure, value_kg, weight_kg, reps, workout_id, workout_time FROM analytics.exercise_bests
    WHERE user_id = :owner AND exercise_id = :exercise_id ORDER BY measure, weight_kg DESC LIMIT :most
    """)
)
GET_NEWEST_RUN = Statement(
    text("""
    SELECT first_date, last_date FROM analytics.training_runs
    WHERE user_id = :owner AND kind = :kind AND first_date <= :now ORDER BY first_date DESC LIMIT 1
    """)
)
GET_LONGEST_RUN = Statement(
    text("""
    SELECT first_date, last_date FROM analytics.training_runs
    WHERE user_id = :owner AND kind = :kind AND last_date <= :now ORDER BY length DESC, last_date DESC LIMIT 1
    """)
)
SINGLE_MEASURES = 3
"""Rows of bests that aren't for one weight."""


async def list_periods(db: Database, user_id: str, kind: int, first: date, last: date) -> dict[date, TrainingTotals]:
    """Sums of the periods of a kind that begin between two days, by their beginning; empty ones are left out."""
    rows = await db.rows(LIST_PERIODS, owner=user_id, kind=kind, first=first, last=last)
    return {row["start_date"]: totals_of(row) for row in rows}


async def list_trained_exercises(
    db: Database, user_id: str, spans: Sequence[Span], after: tuple[int, str], most: int
) -> list[Mapping[str, Any]]:
    """Exercises with most sets first, after one with as many sets and its id."""
    columns = _columns(spans)
    return list(
        await db.rows(LIST_TRAINED_EXERCISES, owner=user_id, last_sets=after[0], last_id=after[1], most=most, **columns)
    )


async def sum_by_muscle(db: Database, user_id: str, spans: Sequence[Span]) -> list[Mapping[str, Any]]:
    """Weighted sums of each muscle, most sets first."""
    return list(await db.rows(SUM_BY_MUSCLE, owner=user_id, **_columns(spans)))


async def list_progress(
    db: Database, user_id: str, exercise_id: str, kind: int, first: date, last: date
) -> list[Mapping[str, Any]]:
    """Sums and bests of an exercise in the periods of a kind that begin between two days, oldest first."""
    values = {"owner": user_id, "exercise_id": exercise_id, "kind": kind, "first": first, "last": last}
    return list(await db.rows(LIST_PROGRESS, **values))


async def list_bests(db: Database, user_id: str, exercise_id: str, most: int) -> list[Mapping[str, Any]]:
    """The best sets of an exercise by measure, those with most repetitions at the heaviest weights, `most` of these."""
    return list(await db.rows(LIST_BESTS, owner=user_id, exercise_id=exercise_id, most=most + SINGLE_MEASURES))


async def get_runs(db: Database, user_id: str, kind: int, now: date) -> tuple[Run | None, Run | None]:
    """The last run that begins at `now` or before, and the longest of those that end at `now` or before."""
    values = {"owner": user_id, "kind": kind, "now": now}
    return _run(await db.row(GET_NEWEST_RUN, **values)), _run(await db.row(GET_LONGEST_RUN, **values))


def totals_of(row: Mapping[str, Any]) -> TrainingTotals:
    """The sums in a row."""
    return TrainingTotals(**{name: row[name] for name in TrainingTotals.DESCRIPTOR.fields_by_name})


def _run(row: Mapping[str, Any] | None) -> Run | None:
    return Run(row["first_date"], row["last_date"]) if row else None


def _columns(spans: Sequence[Span]) -> dict[str, list[Any]]:
    return {
        "kinds": [each.kind for each in spans],
        "firsts": [each.first for each in spans],
        "lasts": [each.last for each in spans],
    }
