"""Who is suspended at a time, and who may do it to whom."""

from datetime import UTC, datetime, timedelta

import pytest
from fitnesshub.user.v1.user_pb2 import User

from chassis.errors import InvalidArgument, PermissionDenied
from services.user.domain.suspensions import check_allowed, forget_lapsed, is_suspended, suspend, until

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
MOMENT = timedelta(microseconds=1)


def suspended(end: datetime | None) -> User:
    user = User(id="ada")
    assert suspend(user, "spam", end, NOW)
    return user


def test_nobody_is_suspended_to_begin_with() -> None:
    assert not is_suspended(User(), NOW)
    assert until(User()) is None


def test_without_an_end_it_never_ends() -> None:
    assert is_suspended(suspended(None), NOW + 10_000 * HOUR)


def test_with_an_end_it_ends_then() -> None:
    user = suspended(NOW + HOUR)
    assert until(user) == NOW + HOUR
    assert is_suspended(user, NOW + HOUR - MOMENT)
    assert not is_suspended(user, NOW + HOUR)


def test_only_one_that_is_over_is_forgotten() -> None:
    user = suspended(NOW + HOUR)
    forget_lapsed(user, NOW + HOUR - MOMENT)
    assert user.HasField("suspension")
    forget_lapsed(user, NOW + HOUR)
    assert not user.HasField("suspension")


def test_another_one_after_the_end_begins_anew() -> None:
    user = suspended(NOW + HOUR)
    assert suspend(user, "spam", None, NOW + 2 * HOUR)
    assert user.suspension.start_time.ToDatetime(UTC) == NOW + 2 * HOUR


def test_the_same_again_changes_nothing() -> None:
    user = suspended(NOW + HOUR)
    assert not suspend(user, "spam", NOW + HOUR, NOW + MOMENT)
    assert suspend(user, "insults", NOW + HOUR, NOW + MOMENT)
    assert user.suspension.start_time.ToDatetime(UTC) == NOW


@pytest.mark.parametrize("end", [NOW, NOW - MOMENT])
def test_it_cannot_end_in_the_past(end: datetime) -> None:
    user = User()
    with pytest.raises(InvalidArgument):
        suspend(user, "spam", end, NOW)
    assert user == User()


@pytest.mark.parametrize(
    ("actor", "by_admin", "roles", "allowed"),
    [
        ("bob", False, ["member", "trainer"], True),
        ("bob", False, ["member", "moderator"], False),
        ("bob", False, ["member", "admin"], False),
        ("bob", True, ["member", "admin", "moderator"], True),
        ("ada", True, ["member"], False),
    ],
)
def test_who_may(actor: str, by_admin: bool, roles: list[str], allowed: bool) -> None:
    user = User(id="ada", roles=roles)
    if allowed:
        check_allowed(actor, user, by_admin=by_admin)
        return
    with pytest.raises(PermissionDenied) as refused:
        check_allowed(actor, user, by_admin=by_admin)
    assert refused.value.reason == "SUSPENSION_NOT_ALLOWED"
