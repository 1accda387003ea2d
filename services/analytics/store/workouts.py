"""What workouts contribute: replaced by version; what it adds up to is made anew with it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any

from fitnesshub.analytics.v1.analytics_pb2 import TrainingTotals
from sqlalchemy import text

from chassis.db import Statement, WriteSession
from services.analytics.domain.contributions import BestSet, ExerciseShare
from services.analytics.domain.periods import local_day
from services.analytics.store import calendars, platform, sums
from services.analytics.store.calendars import Calendar

KEEP_WORKOUTS = Statement(
    text("""
    INSERT INTO analytics.workouts AS old (
        workout_id, user_id, version, start_time, day, duration_seconds, sets, reps, volume_kg, distance_meters
    )
    SELECT * FROM unnest(
        CAST(:workout_ids AS uuid[]), CAST(:user_ids AS uuid[]), CAST(:versions AS bigint[]),
        CAST(:start_times AS timestamptz[]), CAST(:days AS date[]), CAST(:durations AS bigint[]), CAST(:sets AS int[]),
        CAST(:reps AS bigint[]), CAST(:volumes AS float8[]), CAST(:distances AS float8[])
    )
    ON CONFLICT (workout_id) DO UPDATE
    SET user_id = excluded.user_id, version = excluded.version, start_time = excluded.start_time,
        day = excluded.day, duration_seconds = excluded.duration_seconds, sets = excluded.sets, reps = excluded.reps,
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
        workout_id, exercise_id, user_id, start_time, day, sets, reps, volume_kg, distance_meters, duration_seconds,
        heaviest_kg, heaviest_reps, largest_kg, largest_weight_kg, largest_reps, e1rm_kg, e1rm_weight_kg, e1rm_reps,
        weights_kg, most_reps
    )
    SELECT
        workout_id, exercise_id, user_id, start_time, day, sets, reps, volume_kg, distance_meters, duration_seconds,
        heaviest_kg, heaviest_reps, largest_kg, largest_weight_kg, largest_reps, e1rm_kg, e1rm_weight_kg, e1rm_reps,
        CAST(weights_kg AS float8[]), CAST(most_reps AS int[])
    FROM unnest(
        CAST(:workout_ids AS uuid[]), CAST(:exercise_ids AS uuid[]), CAST(:user_ids AS uuid[]),
        CAST(:start_times AS timestamptz[]), CAST(:days AS date[]), CAST(:sets AS int[]), CAST(:reps AS bigint[]),
        CAST(:volumes AS float8[]), CAST(:distances AS float8[]), CAST(:durations AS float8[]),
        CAST(:heaviest_kg AS float8[]), CAST(:heaviest_reps AS int[]),
        CAST(:largest_kg AS float8[]), CAST(:largest_weights AS float8[]), CAST(:largest_reps AS int[]),
        CAST(:e1rm_kg AS float8[]), CAST(:e1rm_weights AS float8[]), CAST(:e1rm_reps AS int[]),
        CAST(:weights_kg AS text[]), CAST(:most_reps AS text[])
    ) AS sent (
        workout_id, exercise_id, user_id, start_time, day, sets, reps, volume_kg, distance_meters, duration_seconds,
        heaviest_kg, heaviest_reps, largest_kg, largest_weight_kg, largest_reps, e1rm_kg, e1rm_weight_kg, e1rm_reps,
        weights_kg, most_reps
    )
    """)
)

LIST_OLD = Statement(
    text("""
    SELECT old.workout_id, old.user_id, old.start_time, old.day, (
        SELECT array_agg(done.exercise_id) FROM analytics.workout_exercises AS done
        WHERE done.workout_id = old.workout_id
    ) AS exercise_ids
    FROM analytics.workouts AS old WHERE old.workout_id = ANY(CAST(:workout_ids AS uuid[]))
    """)
)
LIST_DAYS = Statement(
    text("""
    SELECT done.workout_id, done.user_id, done.start_time, done.day, (
        SELECT array_agg(part.exercise_id) FROM analytics.workout_exercises AS part
        WHERE part.workout_id = done.workout_id
    ) AS exercise_ids
    FROM analytics.workouts AS done
    WHERE done.user_id = ANY(CAST(:user_ids AS uuid[])) AND done.day IS NOT NULL
    """)
)
_MOVED = "unnest(CAST(:workout_ids AS uuid[]), CAST(:days AS date[])) AS moved (workout_id, day)"
MOVE = (
    Statement(
        text(f"""
        UPDATE analytics.workouts AS done SET day = moved.day FROM {_MOVED}
        WHERE done.workout_id = moved.workout_id AND done.day <> moved.day
        """)  # noqa: S608 - constants
    ),
    Statement(
        text(f"""
        UPDATE analytics.workout_exercises AS done SET day = moved.day FROM {_MOVED}
        WHERE done.workout_id = moved.workout_id AND done.day <> moved.day
        """)  # noqa: S608 - constants
    ),
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
    sent = sorted(contributions, key=lambda each: each.workout_id)
    calendar = await calendars.lock(tx, (each.user_id for each in sent))
    old = {str(row["workout_id"]): row for row in await tx.rows(LIST_OLD, workout_ids=[w.workout_id for w in sent])}
    zones = {user_id: each.zone for user_id, each in calendar.items()}
    days = {w.workout_id: local_day(w.start_time, zones[w.user_id]) for w in sent if w.start_time}
    kept = await _keep_workouts(tx, sent, days)
    newer = [each for each in sent if each.workout_id in kept]
    if replaced := [each.workout_id for each in newer if each.workout_id in old]:
        await tx.execute(FORGET_SHARES, workout_ids=replaced)
    done = [(each, exercise_id, share) for each in newer for exercise_id, share in each.shares.items()]
    if done:
        await tx.execute(KEEP_SHARES, **_columns(done, days))
    touched, taken = _Touched(), set[tuple[str, str]]()
    for each in newer:
        if each.start_time is not None:
            touched.add(each.user_id, days[each.workout_id], each.start_time, each.shares)
        if (before := old.get(each.workout_id)) and before["start_time"]:
            exercise_ids = [str(exercise_id) for exercise_id in before["exercise_ids"] or ()]
            touched.add(each.user_id, before["day"], before["start_time"], exercise_ids)
            taken.update((each.user_id, exercise_id) for exercise_id in exercise_ids)
    await sums.refresh_days(tx, calendar, touched.days, touched.exercise_days)
    added = {(each.user_id, exercise_id) for each, exercise_id, _ in done}
    await sums.refresh_bests(tx, added, taken, {each.workout_id for each, *_ in done})
    await platform.mark(tx, touched.platform_days)


@dataclass(slots=True)
class _Touched:
    """Where something changed."""

    days: set[tuple[str, date]] = field(default_factory=set)
    exercise_days: set[tuple[str, date, str]] = field(default_factory=set)
    platform_days: set[date] = field(default_factory=set)

    def add(self, user_id: str, day: date, start_time: datetime, exercise_ids: Iterable[str]) -> None:
        self.days.add((user_id, day))
        self.exercise_days.update((user_id, day, each) for each in exercise_ids)
        self.platform_days.add(local_day(start_time, UTC))


async def _keep_workouts(tx: WriteSession, sent: Sequence[Contribution], days: Mapping[str, date]) -> set[str]:
    """Ids of those that were newer than what was there."""
    live = [each.totals if each.start_time else None for each in sent]
    rows = await tx.rows(
        KEEP_WORKOUTS,
        workout_ids=[each.workout_id for each in sent],
        user_ids=[each.user_id for each in sent],
        versions=[each.version for each in sent],
        start_times=[each.start_time for each in sent],
        days=[days.get(each.workout_id) for each in sent],
        durations=[each and each.duration_seconds for each in live],
        sets=[each and each.sets for each in live],
        reps=[each and each.reps for each in live],
        volumes=[each and each.volume_kg for each in live],
        distances=[each and each.distance_meters for each in live],
    )
    return {str(row["workout_id"]) for row in rows}


async def move(tx: WriteSession, chosen: Mapping[str, Calendar]) -> None:
    """Puts people's workouts where they are in the calendars, which the caller has locked, and counts anew."""
    rows = await tx.rows(LIST_DAYS, user_ids=sorted(chosen))
    zones = {user_id: calendar.zone for user_id, calendar in chosen.items()}
    placed = [(row, local_day(row["start_time"], zones[str(row["user_id"])])) for row in rows]
    columns = {"workout_ids": [row["workout_id"] for row, _ in placed], "days": [day for _, day in placed]}
    for statement in MOVE:
        await tx.execute(statement, **columns)
    await sums.forget_days(tx, chosen)
    days = {(str(row["user_id"]), day) for row, day in placed}
    parts = {(str(row["user_id"]), day, str(each)) for row, day in placed for each in row["exercise_ids"] or ()}
    await sums.refresh_days(tx, chosen, days, parts)


def _columns(done: Sequence[tuple[Contribution, str, ExerciseShare]], days: Mapping[str, date]) -> dict[str, Any]:
    heaviest, largest, e1rm = ([getattr(s, kind) for *_, s in done] for kind in ("heaviest", "largest_set", "e1rm"))
    return {
        "workout_ids": [each.workout_id for each, *_ in done],
        "exercise_ids": [exercise_id for _, exercise_id, _ in done],
        "user_ids": [each.user_id for each, *_ in done],
        "start_times": [each.start_time for each, *_ in done],
        "days": [days[each.workout_id] for each, *_ in done],
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
