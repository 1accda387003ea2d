"""Days, weeks, months and years of somebody's time zone."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta, tzinfo

from fitnesshub.analytics.v1 import analytics_pb2 as pb

DAY = timedelta(days=1)
FIRST_DAY, LAST_DAY = date(1900, 1, 1), date(2199, 12, 31)
"""What is before or after counts on these. Before 1900 many zones had no standard time."""
MOST_PERIODS = 400
"""In one answer: a year of days with some to spare, and bars of a chart that can still be told apart."""
KINDS = (pb.GRANULARITY_DAY, pb.GRANULARITY_WEEK, pb.GRANULARITY_MONTH, pb.GRANULARITY_YEAR)
"""Lengths of periods that sums are kept of."""
DEFAULT_PERIODS: dict[int, int] = {
    pb.GRANULARITY_DAY: 30,
    pb.GRANULARITY_WEEK: 12,
    pb.GRANULARITY_MONTH: 12,
    pb.GRANULARITY_YEAR: 5,
}
"""In an answer, when nobody says where it begins."""
DEFAULT_PROGRESS_PERIODS: dict[int, int] = {
    **DEFAULT_PERIODS,
    pb.GRANULARITY_DAY: 366,
    pb.GRANULARITY_WEEK: 53,
}
"""The same for one exercise, which few days have: a year."""
MONDAY = 0
"""Days of the week as `date.weekday()` has them."""


@dataclass(frozen=True, slots=True)
class Period:
    """A day, week, month or year."""

    name: str
    """`2026-03-01`, `2026-W09`, `2026-03` or `2026`."""
    start: date
    end: date
    """Its last day."""


@dataclass(frozen=True, slots=True)
class Span:
    """Whole periods of one length, side by side."""

    kind: int
    first: date
    """First day of the first one."""
    last: date
    """Last day of the last one."""


def counted_day(day: date) -> date:
    """The day itself, or the nearest one that is counted: FIRST_DAY before it, LAST_DAY after it."""
    return min(max(day, FIRST_DAY), LAST_DAY)


def local_day(time: datetime, zone: tzinfo) -> date:
    """The day that a time falls on, not before FIRST_DAY and not after LAST_DAY."""
    # Times at the ends of the calendar may have no date in the zone.
    if not FIRST_DAY.year <= time.year <= LAST_DAY.year:
        return counted_day(time.date())
    return counted_day(time.astimezone(zone).date())


def week_start(day: date, first_weekday: int) -> date:
    """First day of the week that a day is in."""
    return day - DAY * ((day.weekday() - first_weekday) % 7)


def week_number(start: date) -> tuple[int, int]:
    """Year and number of the week that begins on a day.

    ISO 8601, generalised to weeks that begin on any day: a week belongs to the year that holds its fourth day.
    """
    fourth = start + 3 * DAY
    return fourth.year, (fourth.timetuple().tm_yday - 1) // 7 + 1


def _of_day(day: date, _first_weekday: int) -> Period:
    return Period(day.isoformat(), day, day)


def _of_week(day: date, first_weekday: int) -> Period:
    start = week_start(day, first_weekday)
    year, number = week_number(start)
    return Period(f"{year:04}-W{number:02}", start, start + 6 * DAY)


def _of_month(day: date, _first_weekday: int) -> Period:
    start = day.replace(day=1)
    following = (start + 31 * DAY).replace(day=1)
    return Period(f"{start:%Y-%m}", start, following - DAY)


def _of_year(day: date, _first_weekday: int) -> Period:
    return Period(f"{day.year:04}", date(day.year, 1, 1), date(day.year, 12, 31))


_PERIOD: dict[int, Callable[[date, int], Period]] = {
    pb.GRANULARITY_DAY: _of_day,
    pb.GRANULARITY_WEEK: _of_week,
    pb.GRANULARITY_MONTH: _of_month,
    pb.GRANULARITY_YEAR: _of_year,
}


def period(kind: int, day: date, first_weekday: int) -> Period:
    """The day, week, month or year that a day is in."""
    return _PERIOD[kind](day, first_weekday)


def periods(kind: int, first: date, last: date, first_weekday: int, most: int = MOST_PERIODS) -> list[Period]:
    """The periods from the one that holds `first` to the one that holds `last`, oldest first.

    Ends after `most` + 1 of them, so that whoever asks sees that they are too many.
    """
    found = [period(kind, first, first_weekday)]
    while found[-1].end < last and len(found) <= most:
        found.append(period(kind, found[-1].end + DAY, first_weekday))
    return found


def default_start(kind: int, last: date, first_weekday: int, count: int) -> date:
    """The first day of so many periods, of which the last one holds `last`."""
    found = period(kind, last, first_weekday)
    for _ in range(count - 1):
        found = period(kind, found.start - DAY, first_weekday)
    return found.start


def spans(first: date, last: date) -> list[Span]:
    """The days from `first` to `last` as whole years, whole months and single days: five spans at most.

    So any range takes a row a year, 22 for months and 60 for days at most, however much was done in it.
    """
    found: list[Span] = []
    rest = [(first, last)]
    for kind in (pb.GRANULARITY_YEAR, pb.GRANULARITY_MONTH):
        left: list[tuple[date, date]] = []
        for begin, end in rest:
            whole_from, whole_to = period(kind, begin, MONDAY), period(kind, end, MONDAY)
            start = begin if whole_from.start == begin else whole_from.end + DAY
            stop = end if whole_to.end == end else whole_to.start - DAY
            if start > stop:
                left.append((begin, end))
                continue
            found.append(Span(kind, start, stop))
            if begin < start:
                left.append((begin, start - DAY))
            if stop < end:
                left.append((stop + DAY, end))
        rest = left
    return [*found, *(Span(pb.GRANULARITY_DAY, begin, end) for begin, end in rest)]
