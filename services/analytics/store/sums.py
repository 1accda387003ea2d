"""Sums, bests and runs, made anew from the contributions where one of these changed.

The caller holds the lock on the calendars of the people concerned: two transactions that add up the same day would
else not see each other's workout. Sums of floating-point numbers are made in one order, so that a rebuild gives the
same bits.
"""

from collections.abc import Collection, Iterable, Mapping
from datetime import date
from typing import Any

from sqlalchemy import text

from chassis.db import Statement, WriteSession
from services.analytics.domain.periods import KINDS, Period, period
from services.analytics.domain.streaks import STEP
from services.analytics.store.calendars import Calendar

_PERIODS = """
    unnest(
        CAST(:user_ids AS uuid[]), CAST(:kinds AS int2[]), CAST(:starts AS date[]), CAST(:ends AS date[])
    ) AS touched (user_id, kind, start_date, end_date)
"""
_EXERCISE_PERIODS = """
    unnest(
        CAST(:user_ids AS uuid[]), CAST(:kinds AS int2[]), CAST(:starts AS date[]), CAST(:ends AS date[]),
        CAST(:exercise_ids AS uuid[])
    ) AS touched (user_id, kind, start_date, end_date, exercise_id)
"""
_EXERCISES = """
    unnest(CAST(:user_ids AS uuid[]), CAST(:exercise_ids AS uuid[])) AS touched (user_id, exercise_id)
"""
FORGET_PERIODS = Statement(
    text(f"""
    DELETE FROM analytics.training_periods AS old USING {_PERIODS}
    WHERE old.user_id = touched.user_id AND old.kind = touched.kind AND old.start_date = touched.start_date
    """)  # noqa: S608 - constants
)
KEEP_PERIODS = Statement(
    text(f"""
    INSERT INTO analytics.training_periods (
        user_id, kind, start_date, workouts, duration_seconds, sets, reps, volume_kg, distance_meters
    )
    SELECT touched.user_id, touched.kind, touched.start_date, count(*), sum(duration_seconds), sum(sets), sum(reps),
        sum(volume_kg ORDER BY workout_id), sum(distance_meters ORDER BY workout_id)
    FROM {_PERIODS}
    JOIN analytics.workouts AS done
        ON done.user_id = touched.user_id AND done.day BETWEEN touched.start_date AND touched.end_date
    GROUP BY touched.user_id, touched.kind, touched.start_date
    """)  # noqa: S608 - constants
)
FORGET_EXERCISE_PERIODS = Statement(
    text(f"""
    DELETE FROM analytics.exercise_periods AS old USING {_EXERCISE_PERIODS}
    WHERE old.user_id = touched.user_id AND old.kind = touched.kind AND old.start_date = touched.start_date
        AND old.exercise_id = touched.exercise_id
    """)  # noqa: S608 - constants
)
KEEP_EXERCISE_PERIODS = Statement(
    text(f"""
    INSERT INTO analytics.exercise_periods (
        user_id, kind, start_date, exercise_id, workouts, duration_seconds, sets, reps, volume_kg, distance_meters,
        heaviest_kg, e1rm_kg, last_start
    )
    SELECT touched.user_id, touched.kind, touched.start_date, touched.exercise_id, count(*),
        sum(duration_seconds ORDER BY workout_id), sum(sets), sum(reps), sum(volume_kg ORDER BY workout_id),
        sum(distance_meters ORDER BY workout_id), max(heaviest_kg), max(e1rm_kg), max(start_time)
    FROM {_EXERCISE_PERIODS}
    JOIN analytics.workout_exercises AS done
        ON done.user_id = touched.user_id AND done.exercise_id = touched.exercise_id
        AND done.day BETWEEN touched.start_date AND touched.end_date
    GROUP BY touched.user_id, touched.kind, touched.start_date, touched.exercise_id
    """)  # noqa: S608 - constants
)
FORGET_BESTS = Statement(
    text(f"""
    DELETE FROM analytics.exercise_bests AS old USING {_EXERCISES}
    WHERE old.user_id = touched.user_id AND old.exercise_id = touched.exercise_id
    """)  # noqa: S608 - constants
)
_KEEP_BESTS = """
    INSERT INTO analytics.exercise_bests AS old (
        user_id, exercise_id, measure, weight_kg, value_kg, reps, workout_id, workout_time
    )
    SELECT DISTINCT ON (done.user_id, done.exercise_id, best.measure, best.part)
        done.user_id, done.exercise_id, best.measure, best.weight_kg, best.value_kg, best.reps, done.workout_id,
        done.start_time
    FROM {touched}
    CROSS JOIN LATERAL (
        VALUES (1, 0, heaviest_kg, heaviest_kg, heaviest_reps), (2, 0, largest_kg, largest_weight_kg, largest_reps),
            (3, 0, e1rm_kg, e1rm_weight_kg, e1rm_reps)
        UNION ALL SELECT 4, each.weight_kg, each.weight_kg, each.weight_kg, each.reps
        FROM unnest(done.weights_kg, done.most_reps) AS each (weight_kg, reps)
    ) AS best (measure, part, value_kg, weight_kg, reps)
    WHERE best.value_kg IS NOT NULL
    ORDER BY done.user_id, done.exercise_id, best.measure, best.part, best.value_kg DESC, best.reps DESC,
        done.start_time, done.workout_id
"""
KEEP_BESTS = Statement(
    text(
        _KEEP_BESTS.format(
            touched=f"""{_EXERCISES} JOIN analytics.workout_exercises AS done
        ON done.user_id = touched.user_id AND done.exercise_id = touched.exercise_id"""
        )
    )
)
_IS_BETTER = """
    ({new}.value_kg, {new}.reps, old.workout_time, old.workout_id)
    > (old.value_kg, old.reps, {new}.workout_time, {new}.workout_id)
"""
"""In the order in which the bests of a workout are chosen above: the first one of the same."""
ADD_BESTS = Statement(
    text(
        _KEEP_BESTS.format(
            touched="""unnest(CAST(:workout_ids AS uuid[])) AS touched (workout_id)
    JOIN analytics.workout_exercises AS done ON done.workout_id = touched.workout_id"""
        )
        + f"""
    ON CONFLICT (user_id, exercise_id, measure, weight_kg) DO UPDATE
    SET weight_kg = excluded.weight_kg, value_kg = excluded.value_kg, reps = excluded.reps,
        workout_id = excluded.workout_id, workout_time = excluded.workout_time
    WHERE {_IS_BETTER.format(new="excluded")}
    """  # noqa: S608 - constants
    )
)
# Rows of one weight replace each other, but there is one heaviest set of all weights.
FORGET_BEATEN = Statement(
    text(f"""
    DELETE FROM analytics.exercise_bests AS old USING {_EXERCISES}, analytics.exercise_bests AS best
    WHERE old.user_id = touched.user_id AND old.exercise_id = touched.exercise_id AND old.measure < 4
        AND best.user_id = old.user_id AND best.exercise_id = old.exercise_id AND best.measure = old.measure
        AND {_IS_BETTER.format(new="best")}
    """)  # noqa: S608 - constants
)
LIST_REACHES = Statement(
    text("""
    SELECT touched.user_id, touched.kind, least(min(touched.start_date), min(run.first_date)) AS first_date,
        greatest(max(touched.start_date), max(run.last_date)) AS last_date
    FROM unnest(
        CAST(:user_ids AS uuid[]), CAST(:kinds AS int2[]), CAST(:starts AS date[]), CAST(:steps AS int[])
    ) AS touched (user_id, kind, start_date, step)
    LEFT JOIN analytics.training_runs AS run
        ON run.user_id = touched.user_id AND run.kind = touched.kind
        AND run.first_date <= touched.start_date + touched.step AND run.last_date >= touched.start_date - touched.step
    GROUP BY touched.user_id, touched.kind
    """)
)
_REACHES = """
    unnest(
        CAST(:user_ids AS uuid[]), CAST(:kinds AS int2[]), CAST(:firsts AS date[]), CAST(:lasts AS date[]),
        CAST(:steps AS int[])
    ) AS reach (user_id, kind, first_date, last_date, step)
"""
FORGET_RUNS = Statement(
    text(f"""
    DELETE FROM analytics.training_runs AS old USING {_REACHES}
    WHERE old.user_id = reach.user_id AND old.kind = reach.kind
        AND old.first_date BETWEEN reach.first_date AND reach.last_date
    """)  # noqa: S608 - constants
)
# Days in a row, less their number, are the same day.
KEEP_RUNS = Statement(
    text(f"""
    INSERT INTO analytics.training_runs (user_id, kind, first_date, last_date, length)
    SELECT user_id, kind, min(start_date), max(start_date), count(*)
    FROM (
        SELECT done.user_id, done.kind, done.start_date,
            done.start_date - CAST(
                reach.step * row_number() OVER (PARTITION BY done.user_id, done.kind ORDER BY done.start_date) AS int
            ) AS island
        FROM {_REACHES}
        JOIN analytics.training_periods AS done
            ON done.user_id = reach.user_id AND done.kind = reach.kind
            AND done.start_date BETWEEN reach.first_date AND reach.last_date
    ) AS numbered
    GROUP BY user_id, kind, island
    """)  # noqa: S608 - constants
)
_ERASED = ("training_periods", "exercise_periods", "exercise_bests", "training_runs")
ERASE = tuple(
    Statement(text(f"DELETE FROM analytics.{table} WHERE user_id = CAST(:user_id AS uuid)"))  # noqa: S608 - constants
    for table in _ERASED
)
FORGET_ALL = tuple(
    Statement(text(f"DELETE FROM analytics.{table} WHERE user_id = ANY(CAST(:user_ids AS uuid[]))"))  # noqa: S608 - constants
    for table in ("training_periods", "exercise_periods", "training_runs")
)
"""What depends on days."""

Days = Collection[tuple[str, date]]
"""Days of people."""
ExerciseDays = Collection[tuple[str, date, str]]
"""Days of people with an exercise."""
Exercises = Collection[tuple[str, str]]
"""Exercises of people."""


async def refresh_bests(tx: WriteSession, added: Exercises, taken: Exercises, workout_ids: Collection[str]) -> None:
    """Brings bests up to date.

    added: to which these workouts contribute, which only add to the bests: what was done long ago isn't read again.
    taken: to which something contributes no longer; their bests are made anew.
    """
    if taken:
        touched = _columns(sorted(taken), "user_ids", "exercise_ids")
        await tx.execute(FORGET_BESTS, **touched)
        await tx.execute(KEEP_BESTS, **touched)
    if added:
        await tx.execute(ADD_BESTS, workout_ids=sorted(workout_ids))
        await tx.execute(FORGET_BEATEN, **_columns(sorted(added), "user_ids", "exercise_ids"))


async def refresh_days(
    tx: WriteSession, calendars: Mapping[str, Calendar], days: Days, exercise_days: ExerciseDays
) -> None:
    """Makes anew what depends on the workouts of these days, and on these exercises on these days; bests don't."""
    touched = sorted({(user_id, *each) for user_id, day in days for each in _periods(calendars[user_id], day)})
    if not touched:
        return
    columns = _columns(touched, "user_ids", "kinds", "starts", "ends")
    await tx.execute(FORGET_PERIODS, **columns)
    await tx.execute(KEEP_PERIODS, **columns)
    await _refresh_runs(tx, [each[:3] for each in touched if each[1] in STEP])
    parts = sorted(
        {
            (user_id, *each, exercise_id)
            for user_id, day, exercise_id in exercise_days
            for each in _periods(calendars[user_id], day)
        }
    )
    if parts:
        columns = _columns(parts, "user_ids", "kinds", "starts", "ends", "exercise_ids")
        await tx.execute(FORGET_EXERCISE_PERIODS, **columns)
        await tx.execute(KEEP_EXERCISE_PERIODS, **columns)


async def forget_days(tx: WriteSession, user_ids: Iterable[str]) -> None:
    """Removes all that depends on which day a workout is in, to be made anew."""
    sent = sorted(user_ids)
    for statement in FORGET_ALL:
        await tx.execute(statement, user_ids=sent)


async def _refresh_runs(tx: WriteSession, touched: list[tuple[str, int, date]]) -> None:
    columns = _columns(touched, "user_ids", "kinds", "starts")
    rows = await tx.rows(LIST_REACHES, **columns, steps=[STEP[kind] for _, kind, _ in touched])
    reaches = [(row["user_id"], row["kind"], row["first_date"], row["last_date"], STEP[row["kind"]]) for row in rows]
    columns = _columns(reaches, "user_ids", "kinds", "firsts", "lasts", "steps")
    await tx.execute(FORGET_RUNS, **columns)
    await tx.execute(KEEP_RUNS, **columns)


def _periods(calendar: Calendar, day: date) -> Iterable[tuple[int, date, date]]:
    for kind in KINDS:
        found: Period = period(kind, day, calendar.first_weekday)
        yield kind, found.start, found.end


def _columns(rows: Collection[tuple[Any, ...]], *names: str) -> dict[str, list[Any]]:
    return {name: [row[number] for row in rows] for number, name in enumerate(names)}
