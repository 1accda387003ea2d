"""Periods: their names, beginnings and ends, and ranges of days made of them."""

import itertools
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from fitnesshub.analytics.v1 import analytics_pb2 as pb
from hypothesis import given
from hypothesis import strategies as st

from services.analytics.domain.periods import (
    DAY,
    FIRST_DAY,
    KINDS,
    LAST_DAY,
    MOST_PERIODS,
    counted_day,
    default_start,
    local_day,
    period,
    periods,
    spans,
)

DAYS = st.dates(FIRST_DAY, LAST_DAY)


@given(DAYS)
def test_weeks_from_monday_are_those_of_iso_8601(day: date) -> None:
    year, week, _ = day.isocalendar()
    found = period(pb.GRANULARITY_WEEK, day, 0)
    assert found.name == f"{year:04}-W{week:02}"
    assert (found.start.isoweekday(), found.end - found.start) == (1, 6 * DAY)


@given(DAYS, st.integers(0, 6))
def test_weeks_begin_with_the_chosen_day_and_have_different_names(day: date, first: int) -> None:
    found, following = (period(pb.GRANULARITY_WEEK, each, first) for each in (day, day + 7 * DAY))
    assert found.start.weekday() == first
    assert found.start <= day <= found.end
    assert found.name < following.name


@pytest.mark.parametrize(
    ("kind", "name", "start", "end"),
    [
        (pb.GRANULARITY_DAY, "2024-02-29", date(2024, 2, 29), date(2024, 2, 29)),
        (pb.GRANULARITY_WEEK, "2024-W09", date(2024, 2, 26), date(2024, 3, 3)),
        (pb.GRANULARITY_MONTH, "2024-02", date(2024, 2, 1), date(2024, 2, 29)),
        (pb.GRANULARITY_YEAR, "2024", date(2024, 1, 1), date(2024, 12, 31)),
    ],
)
def test_each_kind(kind: int, name: str, start: date, end: date) -> None:
    found = period(kind, date(2024, 2, 29), 0)
    assert (found.name, found.start, found.end) == (name, start, end)


@given(DAYS, DAYS)
def test_spans_hold_each_day_once_in_whole_periods(one: date, other: date) -> None:
    first, last = sorted((one, other))
    found = spans(first, last)
    assert len(found) <= 5
    for each in found:
        assert period(each.kind, each.first, 0).start == each.first
        assert period(each.kind, each.last, 0).end == each.last
    ordered = sorted(found, key=lambda each: each.first)
    assert (ordered[0].first, ordered[-1].last) == (first, last)
    assert all(before.last + DAY == after.first for before, after in itertools.pairwise(ordered))
    singles = [each for each in found if each.kind == pb.GRANULARITY_DAY]
    assert sum((each.last - each.first).days + 1 for each in singles) <= 60


def test_too_many_periods_are_seen() -> None:
    found = periods(pb.GRANULARITY_DAY, FIRST_DAY, LAST_DAY, 0)
    assert len(found) == MOST_PERIODS + 1


def test_periods_up_to_a_day() -> None:
    start = default_start(pb.GRANULARITY_MONTH, date(2026, 3, 31), 0, 12)
    found = periods(pb.GRANULARITY_MONTH, start, date(2026, 3, 31), 0)
    assert [found[0].name, found[-1].name, len(found)] == ["2025-04", "2026-03", 12]


@given(st.datetimes(timezones=st.just(UTC)), st.sampled_from(["Pacific/Kiritimati", "Etc/GMT+12", "Asia/Kathmandu"]))
def test_every_time_has_a_day(time: datetime, zone: str) -> None:
    day = local_day(time, ZoneInfo(zone))
    assert FIRST_DAY <= day <= LAST_DAY
    if FIRST_DAY + DAY < time.date() < LAST_DAY - DAY:
        assert abs(day - time.date()) <= DAY


@given(st.dates())
def test_every_day_counts_on_one_that_has_all_periods(day: date) -> None:
    counted = counted_day(day)
    assert FIRST_DAY <= counted <= LAST_DAY
    assert counted == day or not FIRST_DAY <= day <= LAST_DAY
    for kind in KINDS:
        for first_weekday in range(7):
            found = period(kind, counted, first_weekday)
            assert found.start <= counted <= found.end


def test_days_of_23_and_25_hours() -> None:
    berlin = ZoneInfo("Europe/Berlin")
    for day, hours in ((date(2026, 3, 29), 23), (date(2026, 10, 25), 25)):
        middle = datetime(day.year, day.month, day.day, 10, tzinfo=UTC)
        inside = [hour for hour in range(-20, 20) if local_day(middle + timedelta(hours=hour), berlin) == day]
        assert len(inside) == hours
