"""Streaks: days, or weeks, in a row."""

from collections.abc import Iterable
from datetime import date

from fitnesshub.analytics.v1.analytics_pb2 import Streak

from services.analytics.domain.periods import DAY, week_start


def day_streaks(days: Iterable[date], today: date) -> tuple[Streak, Streak]:
    """The current and the longest streak of days; days after today don't count."""
    current, longest = _runs({day.toordinal() for day in days}, today.toordinal(), 1)
    return _streak(current, 1), _streak(longest, 1)


def week_streaks(days: Iterable[date], today: date, first_weekday: int) -> tuple[Streak, Streak]:
    """The current and the longest streak of weeks that hold at least one of the days; as `day_streaks`."""
    starts = {week_start(day, first_weekday).toordinal() for day in days if day <= today}
    current, longest = _runs(starts, week_start(today, first_weekday).toordinal(), 7)
    return _streak(current, 7), _streak(longest, 7)


def _runs(numbers: set[int], now: int, step: int) -> tuple[range, range]:
    """The run that ends at `now` or one step before it, because what isn't over yet breaks nothing; and the longest."""
    current = longest = range(0)
    start = end = None
    for number in sorted(number for number in numbers if number <= now):
        if end is None or number != end + step:
            start = number
        end = number
        run = range(start if start is not None else number, end + step, step)
        if len(run) >= len(longest):
            longest = run
        if end >= now - step:
            current = run
    return current, longest


def _streak(run: range, days: int) -> Streak:
    if not run:
        return Streak()
    first, last = date.fromordinal(run[0]), date.fromordinal(run[-1]) + (days - 1) * DAY
    return Streak(length=len(run), start_date=first.isoformat(), end_date=last.isoformat())
