from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from services.user.domain.lockout import FAILURES_ALLOWED, FORGOTTEN_AFTER, LOCKED_FOR, Failures

NOW = datetime(2025, 3, 1, 12, tzinfo=UTC)


def failed(times: int, start: datetime = NOW) -> Failures:
    failures = Failures()
    for second in range(times):
        failures = failures.plus_one(start + timedelta(seconds=second))
    return failures


def test_nine_failures_dont_lock() -> None:
    assert failed(FAILURES_ALLOWED - 1).locked_for(NOW) == timedelta(0)


def test_the_tenth_failure_locks_for_fifteen_minutes() -> None:
    failures = failed(FAILURES_ALLOWED)
    last = NOW + timedelta(seconds=FAILURES_ALLOWED - 1)
    assert failures.locked_for(last) == LOCKED_FOR == timedelta(minutes=15)
    assert failures.locked_for(last + LOCKED_FOR) == timedelta(0)


def test_failures_while_locked_dont_prolong_the_lock() -> None:
    failures = failed(FAILURES_ALLOWED)
    assert failures.plus_one(NOW + timedelta(minutes=10)) == failures


def test_after_a_lock_counting_begins_anew() -> None:
    after = failed(FAILURES_ALLOWED).plus_one(NOW + timedelta(minutes=20))
    assert after.count == 1
    assert after.locked_until is None


def test_old_failures_are_forgotten() -> None:
    later = NOW + FORGOTTEN_AFTER + timedelta(minutes=1)
    assert failed(FAILURES_ALLOWED - 1).plus_one(later).count == 1


@given(st.lists(st.integers(min_value=0, max_value=7200), max_size=200))
def test_no_more_than_ten_guesses_are_judged_in_any_lock_period(gaps: list[int]) -> None:
    """Whatever the rhythm, at most ten failures fall into any quarter of an hour."""
    failures, now = Failures(), NOW
    judged: list[datetime] = []
    for gap in gaps:
        now += timedelta(seconds=gap)
        if not failures.locked_for(now):
            judged.append(now)
        failures = failures.plus_one(now)
    for start in judged:
        in_period = [time for time in judged if start <= time < start + LOCKED_FOR]
        assert len(in_period) <= FAILURES_ALLOWED
