"""Rules of exercises made by hand."""

from datetime import UTC, datetime, timedelta

import pytest

from chassis.errors import FailedPrecondition, ResourceExhausted
from services.workout.domain.exercise_changes import HOUR, check_limits

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


def recent(count: int) -> list[datetime]:
    """When the last ones were made, a minute between two, the newest now."""
    return [NOW - timedelta(minutes=number) for number in range(count)]


def test_below_both_limits() -> None:
    check_limits(live=499, recent=recent(19), most=500, most_an_hour=20, now=NOW)


def test_as_many_as_are_allowed() -> None:
    with pytest.raises(FailedPrecondition, check=lambda failure: failure.metadata == {"limit": "500"}):
        check_limits(live=500, recent=[], most=500, most_an_hour=20, now=NOW)


@pytest.mark.parametrize(
    ("made", "wait"),
    [
        (recent(20), HOUR - timedelta(minutes=19)),
        (recent(25), HOUR - timedelta(minutes=19)),
        ([NOW - HOUR + timedelta(microseconds=1)] * 20, timedelta(seconds=1)),
        ([NOW] * 20, HOUR),
    ],
)
def test_after_the_wait_there_is_room(made: list[datetime], wait: timedelta) -> None:
    with pytest.raises(ResourceExhausted) as caught:
        check_limits(live=0, recent=made, most=500, most_an_hour=20, now=NOW)

    assert caught.value.retry_after == wait
    assert caught.value.metadata == {"limit": "20", "retryAfterSeconds": str(int(wait.total_seconds()))}
    later = NOW + wait
    check_limits(0, [each for each in made if each > later - HOUR], most=500, most_an_hour=20, now=later)


def test_none_may_be_made_where_the_limit_is_none() -> None:
    with pytest.raises(FailedPrecondition):
        check_limits(live=0, recent=[], most=0, most_an_hour=20, now=NOW)
