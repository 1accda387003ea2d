"""Streaks: days, or weeks, in a row."""

from dataclasses import dataclass
from datetime import date

from fitnesshub.analytics.v1 import analytics_pb2 as pb
from fitnesshub.analytics.v1.analytics_pb2 import Streak

from services.analytics.domain.periods import DAY, week_start

STEP: dict[int, int] = {pb.GRANULARITY_DAY: 1, pb.GRANULARITY_WEEK: 7}
"""Days from the beginning of one to that of the next, by what is counted."""


@dataclass(frozen=True, slots=True)
class Run:
    """Days or weeks in a row with a workout."""

    first: date
    """Beginning of the first one."""
    last: date
    """Beginning of the last one."""


def now_of(kind: int, today: date, first_weekday: int) -> date:
    """The day, or the beginning of the week, that it is."""
    return week_start(today, first_weekday) if kind == pb.GRANULARITY_WEEK else today


def streaks(kind: int, newest: Run | None, longest: Run | None, now: date) -> tuple[Streak, Streak]:
    """The current and the longest streak.

    newest: the last run that begins at `now` or before, longest: the longest (latest) of those that end at `now` or
    before. What isn't over yet breaks nothing: a run that ends one step before `now` is current.
    """
    step = STEP[kind]
    current = None
    if newest is not None:
        # What follows is in the future, and doesn't count before its day.
        seen = Run(newest.first, min(newest.last, now))
        if seen.last >= now - step * DAY:
            current = seen
        if longest is None or seen.last - seen.first >= longest.last - longest.first:
            longest = seen
    return _streak(current, step), _streak(longest, step)


def _streak(run: Run | None, step: int) -> Streak:
    if run is None:
        return Streak()
    length = (run.last - run.first).days // step + 1
    end = run.last + (step - 1) * DAY
    return Streak(length=length, start_date=run.first.isoformat(), end_date=end.isoformat())
