from datetime import UTC, datetime, timedelta

import pytest

from services.user.domain.rotation import REUSE_WINDOW, Verdict, judge

NOW = datetime(2025, 3, 1, 12, tzinfo=UTC)


def test_a_current_token_rotates() -> None:
    assert judge(None, NOW) is Verdict.ROTATE


@pytest.mark.parametrize("seconds", [-2, 0, 1, 10])
def test_a_token_left_a_moment_ago_may_be_repeated(seconds: float) -> None:
    """Also when another machine's clock is a little ahead."""
    assert judge(NOW - timedelta(seconds=seconds), NOW) is Verdict.REPEAT


@pytest.mark.parametrize("seconds", [10.001, 60, 86_400])
def test_a_token_left_earlier_is_a_copy(seconds: float) -> None:
    assert judge(NOW - timedelta(seconds=seconds), NOW) is Verdict.REUSED


def test_the_window_is_ten_seconds() -> None:
    assert timedelta(seconds=10) == REUSE_WINDOW
