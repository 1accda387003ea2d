"""What stands in the cells of workout exports: numbers, times, durations."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from cli.problems import RowRefused
from cli.workouts.values import duration, instant, local_time, number, whole_number

BERLIN = ZoneInfo("Europe/Berlin")


@pytest.mark.parametrize(
    ("text", "separator", "value"),
    [
        ("", ",", None),
        ("0", ",", 0.0),
        ("-5", ",", -5.0),
        ("82.5", ",", 82.5),
        ("61.23496995", ",", 61.23496995),
        ("102,5", ",", 102.5),
        ("102,5", ";", 102.5),
        ("5,125", ";", 5.125),
        ("٨٢", ",", 82.0),
    ],
)
def test_numbers(text: str, separator: str, value: float | None) -> None:
    assert number("weight", text, separator) == value


@pytest.mark.parametrize("text", ["NaN", "inf", "1e308", "0x10", "1,234", "1 000", "12kg", "=1+1", "9" * 20, "1."])
def test_what_is_no_number_is_refused_with_its_column(text: str) -> None:
    with pytest.raises(RowRefused, match=r"^weight '.*' isn't a number$"):
        number("weight", text, ",")


def test_whole_numbers_may_be_written_with_a_point() -> None:
    assert whole_number("reps", "12.0", ",") == 12
    assert whole_number("reps", "", ",") is None
    with pytest.raises(RowRefused, match=r"reps '2.5' isn't a whole number"):
        whole_number("reps", "2.5", ",")


@pytest.mark.parametrize(
    "text",
    [
        "2024-03-28 17:29:00",
        "2024-03-28T17:29",
        "2024-03-28 17:29:00.000",
        "2024-03-28 5:29:00\u202fPM",
        "28 Mar 2024, 17:29",
        "28 March 2024 17:29",
        "28. März 2024, 17:29",
        "28 mars 2024, 17:29",
        "28 mar 2024, 17:29",
        "28 mrt. 2024 17:29",
        "28 de mar. de 2024, 17:29",
        "Mar 28, 2024, 5:29 PM",
        "Mar 28, 2024, 5:29 p.m.",
    ],
)
def test_times_as_phones_write_them(text: str) -> None:
    assert local_time("date", text) == datetime(2024, 3, 28, 17, 29)  # noqa: DTZ001 - on the wall


@pytest.mark.parametrize(
    ("name", "month"),
    [
        *(("janv", 1), ("févr", 2), ("avr", 4), ("mai", 5), ("juin", 6), ("juil", 7), ("août", 8), ("déc", 12)),
        *(("gen", 1), ("mag", 5), ("giu", 6), ("lug", 7), ("set", 9), ("ott", 10), ("ene", 1), ("ago", 8), ("dic", 12)),
        *(("Okt", 10), ("Dez", 12), ("mei", 5), ("maart", 3), ("fev", 2), ("out", 10), ("Sept", 9), ("sep", 9)),
    ],
)
def test_months_in_the_languages_of_the_apps(name: str, month: int) -> None:
    assert local_time("date", f"3 {name}. 2026, 18:00").month == month


def test_midnight_and_noon_of_a_clock_of_twelve_hours() -> None:
    assert local_time("date", "May 1, 2026, 12:05 AM").hour == 0
    assert local_time("date", "May 1, 2026, 12:05 PM").hour == 12


def test_a_time_that_says_its_offset_keeps_it() -> None:
    assert local_time("date", "2024-03-28T17:29:00+01:00") == datetime(2024, 3, 28, 16, 29, tzinfo=UTC)
    assert instant(local_time("date", "2024-03-28T17:29:00Z"), BERLIN) == datetime(2024, 3, 28, 17, 29, tzinfo=UTC)


@pytest.mark.parametrize(
    "text",
    [
        *("", "yesterday", "31 Feb 2024, 10:00", "28/03/2024 17:29", "2024-13-01 10:00:00", "28 Foo 2024, 17:29"),
        *("0001-01-01 00:00:00", "9999-12-31 23:59:59", "2024-03-28 25:00:00", "Mar 28, 2024, 17:29 PM", "=NOW()"),
    ],
)
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(RowRefused, match=r"date '.*' isn't a time such as"):
        local_time("date", text)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("", 0),
        ("1h 5m", 3900),
        ("45m", 2700),
        ("2h", 7200),
        ("30s", 30),
        ("1h 2m 3s", 3723),
        ("7 min", 420),
        ("3600", 3600),
    ],
)
def test_durations(text: str, seconds: int) -> None:
    assert duration("duration", text) == timedelta(seconds=seconds)


@pytest.mark.parametrize("text", ["-5", "long", "1:05", "5m 1h", "9999999h"])
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(RowRefused, match=r"isn't a duration"):
        duration("duration", text)


def wall(month: int, day: int, hour: int, minute: int) -> datetime:
    return datetime(2024, month, day, hour, minute)  # noqa: DTZ001 - on the wall


def test_an_hour_that_the_clocks_skip_is_read_as_before_the_change() -> None:
    assert instant(wall(3, 31, 2, 30), BERLIN) == datetime(2024, 3, 31, 1, 30, tzinfo=UTC)


def test_an_hour_that_comes_twice_is_the_first_unless_that_would_end_before_it_began() -> None:
    begin = instant(wall(10, 27, 2, 50), BERLIN)
    assert begin == datetime(2024, 10, 27, 0, 50, tzinfo=UTC)
    assert instant(wall(10, 27, 2, 55), BERLIN, not_before=begin) == datetime(2024, 10, 27, 0, 55, tzinfo=UTC)
    assert instant(wall(10, 27, 2, 10), BERLIN, not_before=begin) == datetime(2024, 10, 27, 1, 10, tzinfo=UTC)
    assert instant(wall(10, 27, 1, 0), BERLIN, not_before=begin) < begin
