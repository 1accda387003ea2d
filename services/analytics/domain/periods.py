"""Days, weeks, months and years of somebody's time zone, and the instants at which they begin."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, tzinfo

from fitnesshub.analytics.v1 import analytics_pb2 as pb

DAY = timedelta(days=1)
FIRST_DAY, LAST_DAY = date(1900, 1, 1), date(2199, 12, 31)
"""Days that may be asked for. Before 1900 many zones had no standard time."""
MOST_PERIODS = 400
"""In one answer: a year of days with some to spare, and bars of a chart that can still be told apart."""
DEFAULT_PERIODS: dict[int, int] = {
    pb.GRANULARITY_DAY: 30,
    pb.GRANULARITY_WEEK: 12,
    pb.GRANULARITY_MONTH: 12,
    pb.GRANULARITY_YEAR: 5,
}
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


def midnight(day: date, zone: tzinfo) -> datetime:
    """When a day begins in a zone, in UTC.

    Where clocks jump over midnight, the day begins at the jump; where midnight comes twice, with the first one.
    """
    return datetime(day.year, day.month, day.day, tzinfo=zone).astimezone(UTC)


def local_day(time: datetime, zone: tzinfo) -> date:
    """The day that a time falls on."""
    return time.astimezone(zone).date()


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


def periods(granularity: int, first: date, last: date, first_weekday: int, most: int = MOST_PERIODS) -> list[Period]:
    """The periods from the one that holds `first` to the one that holds `last`, oldest first.

    Ends after `most` + 1 of them, so that whoever asks sees that they are too many.
    """
    period_of = _PERIOD[granularity]
    found = [period_of(first, first_weekday)]
    while found[-1].end < last and len(found) <= most:
        found.append(period_of(found[-1].end + DAY, first_weekday))
    return found


def default_start(granularity: int, last: date, first_weekday: int) -> date:
    """The first day, when nobody says it: see DEFAULT_PERIODS."""
    period_of = _PERIOD[granularity]
    found = period_of(last, first_weekday)
    for _ in range(DEFAULT_PERIODS[granularity] - 1):
        found = period_of(found.start - DAY, first_weekday)
    return found.start


def boundaries(found: Sequence[Period], zone: tzinfo) -> list[datetime]:
    """When each of adjoining periods begins, and when the last one is over; in UTC, ascending."""
    return [*(midnight(each.start, zone) for each in found), midnight(found[-1].end + DAY, zone)]
