"""Who is suspended, and who may suspend whom. A suspension with an end is over by itself when its time has come."""

from datetime import UTC, datetime

from fitnesshub.user.v1.user_pb2 import User

from chassis.errors import InvalidArgument, PermissionDenied, Violation
from services.user.domain.roles import ADMIN, MODERATOR

_PROTECTED = frozenset({ADMIN, MODERATOR})
"""Whoever has one of these roles is suspended and reinstated by administrators only."""


def is_suspended(user: User, now: datetime) -> bool:
    """Whether a user may not sign in now."""
    end = until(user)
    return user.HasField("suspension") and (end is None or end > now)


def until(user: User) -> datetime | None:
    """When a user's suspension ends by itself; None when it doesn't."""
    return user.suspension.until.ToDatetime(UTC) if user.suspension.HasField("until") else None


def forget_lapsed(user: User, now: datetime) -> None:
    """Takes a suspension off that has ended by itself, in place."""
    if not is_suspended(user, now):
        user.ClearField("suspension")


def suspend(user: User, reason: str, end: datetime | None, now: datetime) -> bool:
    """Suspends a user from now until `end`, in place; whoever is suspended stays so since when they were.

    Returns whether that changed anything. Raises InvalidArgument (SUSPENSION_TIME_INVALID).
    """
    if end is not None and end <= now:
        raise InvalidArgument(
            "SUSPENSION_TIME_INVALID",
            "the suspension would end in the past",
            violations=[Violation("until", "must be in the future")],
        )
    forget_lapsed(user, now)
    before = User()
    before.CopyFrom(user)
    if not user.HasField("suspension"):
        user.suspension.start_time.FromDatetime(now)
    user.suspension.reason = reason
    user.suspension.ClearField("until")
    if end is not None:
        user.suspension.until.FromDatetime(end)
    return before != user


def check_allowed(actor_id: str, user: User, *, by_admin: bool) -> None:
    """Raises PermissionDenied (SUSPENSION_NOT_ALLOWED) when the actor may neither suspend nor reinstate the user.

    by_admin: the actor is an administrator, else a moderator.
    """
    if actor_id == user.id:
        raise PermissionDenied("SUSPENSION_NOT_ALLOWED", "nobody suspends or reinstates themselves")
    if not by_admin and not _PROTECTED.isdisjoint(user.roles):
        raise PermissionDenied(
            "SUSPENSION_NOT_ALLOWED", "moderators don't suspend or reinstate administrators and moderators"
        )
