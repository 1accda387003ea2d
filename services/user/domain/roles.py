"""What people may do: `member` for everybody, and what administrators give besides."""

from collections.abc import Iterable

from fitnesshub.user.v1.user_pb2 import User

MEMBER = "member"
"""The role that every registered person has."""
TRAINER = "trainer"
MODERATOR = "moderator"
ADMIN = "admin"
SERVICE = "service"
GIVEN = (TRAINER, MODERATOR, ADMIN, SERVICE)
"""The roles that somebody gives, in the order in which they are listed."""


def grant(user: User, role: str) -> bool:
    """Gives a user a role for good. Returns whether that changed anything."""
    if role in user.roles:
        return False
    user.roles.append(role)
    return True


def replace(user: User, roles: Iterable[str]) -> bool:
    """Gives a user exactly these roles besides `member`, in place. Returns whether that changed anything."""
    wanted = {MEMBER, *roles}
    if wanted == set(user.roles):
        return False
    user.roles[:] = [role for role in (MEMBER, *GIVEN) if role in wanted]
    return True
