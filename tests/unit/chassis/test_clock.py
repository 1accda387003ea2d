"""The real clock and the real ids keep what the rules that are given them rely on."""

import time
import uuid
from datetime import UTC, datetime, timedelta

import pytest

from chassis.clock import Clock, FixedClock, Ids, SystemClock, SystemIds, is_uuid


@pytest.fixture(params=["system", "fixed"])
def clock(request: pytest.FixtureRequest) -> Clock:
    return SystemClock() if request.param == "system" else FixedClock(datetime.now(UTC))


def test_clocks_tell_utc_and_never_go_back(clock: Clock) -> None:
    times = [clock.now() for _ in range(100)]
    assert {each.utcoffset() for each in times} == {timedelta(0)}
    assert times == sorted(times)
    assert abs(times[0] - datetime.now(UTC)) < timedelta(minutes=5)


def test_a_fixed_clock_moves_when_told() -> None:
    clock = FixedClock(datetime(2026, 3, 1, tzinfo=UTC))
    assert clock.now() == clock.now()
    clock.time += timedelta(days=1)
    assert clock.now() == datetime(2026, 3, 2, tzinfo=UTC)


@pytest.fixture
def ids() -> Ids:
    return SystemIds()


def test_ids_are_new_canonical_uuids_of_version_7(ids: Ids) -> None:
    made = [ids.new() for _ in range(1000)]
    assert len(set(made)) == 1000
    assert all(is_uuid(each) for each in made)
    assert {(uuid.UUID(each).version, uuid.UUID(each).variant) for each in made} == {(7, uuid.RFC_4122)}


def test_ids_sort_by_the_millisecond_they_were_made_in(ids: Ids) -> None:
    before = time.time_ns() // 1_000_000
    first = ids.new()
    while time.time_ns() // 1_000_000 <= uuid.UUID(first).int >> 80:
        pass
    second = ids.new()
    assert first < second
    assert before <= uuid.UUID(first).int >> 80 <= time.time_ns() // 1_000_000


@pytest.mark.parametrize(
    "text",
    [
        "",
        "x",
        "018F0000-0000-7000-8000-000000000001",
        "018f000000007000800000000000001",
        "{018f0000-0000-7000-8000-000000000001}",
    ],
)
def test_what_is_no_canonical_uuid(text: str) -> None:
    assert not is_uuid(text)
