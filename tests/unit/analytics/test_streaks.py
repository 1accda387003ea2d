"""Which runs are the current and the longest streak."""

from datetime import date

from fitnesshub.analytics.v1 import analytics_pb2 as pb
from fitnesshub.analytics.v1.analytics_pb2 import Streak

from services.analytics.domain.streaks import Run, now_of, streaks

NOW = date(2026, 3, 4)
"""A Wednesday."""


def day_streaks(newest: Run | None, longest: Run | None) -> tuple[int, int]:
    current, most = streaks(pb.GRANULARITY_DAY, newest, longest, NOW)
    return current.length, most.length


def test_until_today_or_yesterday() -> None:
    for last, expected in ((4, 3), (3, 2), (2, 0)):
        run = Run(date(2026, 3, 2), date(2026, 3, last))
        assert day_streaks(run, run)[0] == expected


def test_what_follows_today_doesnt_count_yet() -> None:
    assert day_streaks(Run(date(2026, 3, 3), date(2026, 3, 30)), None) == (2, 2)
    assert day_streaks(Run(date(2026, 3, 3), date(2026, 3, 30)), Run(date(2026, 1, 1), date(2026, 1, 3))) == (2, 3)


def test_nothing() -> None:
    assert streaks(pb.GRANULARITY_DAY, None, None, NOW) == (Streak(), Streak())


def test_weeks_end_with_their_last_day() -> None:
    now = now_of(pb.GRANULARITY_WEEK, NOW, 6)
    assert now == date(2026, 3, 1)
    run = Run(date(2026, 2, 15), date(2026, 2, 22))
    current, longest = streaks(pb.GRANULARITY_WEEK, run, run, now)
    assert current == longest == Streak(length=2, start_date="2026-02-15", end_date="2026-02-28")
