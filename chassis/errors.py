"""How rules and handlers fail: plain exceptions that know nothing of gRPC or HTTP.

Each class stands for one status code; each instance names an `ErrorReason` of the contract. The one
mapping to and from `google.rpc.Status` is `chassis/status.py`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import ClassVar


@dataclass(frozen=True, slots=True)
class Violation:
    """One thing wrong with one field.

    `field` is a JSON path in the request message, as `workout.sets[2].reps`.
    """

    field: str
    description: str


class Failure(Exception):
    """A call that can't be answered, for a reason the contract names.

    `message` is for developers and safe to show. Every dynamic value in it is in `metadata` too, with
    lowerCamelCase keys.
    """

    code: ClassVar[int]
    """The standard number of the status code (`google.rpc.Code`)."""

    def __init__(
        self,
        reason: str,
        message: str,
        *,
        violations: Sequence[Violation] = (),
        retry_after: timedelta | None = None,
        **metadata: str,
    ) -> None:
        super().__init__(reason, message)
        self.reason = reason
        self.message = message
        self.violations = tuple(violations)
        self.retry_after = retry_after
        self.metadata = metadata

    def __str__(self) -> str:
        return f"{self.reason}: {self.message}"


class Cancelled(Failure):
    """The caller went away."""

    code = 1


class InvalidArgument(Failure):
    """The request is wrong whatever the state of the system."""

    code = 3


class DeadlineExceeded(Failure):
    """The time for the call ran out."""

    code = 4


class NotFound(Failure):
    """There is no such thing, or the caller may not know of it."""

    code = 5


class AlreadyExists(Failure):
    """It is there already."""

    code = 6


class PermissionDenied(Failure):
    """The caller is known and may not do this."""

    code = 7


class ResourceExhausted(Failure):
    """A limit is reached: rate, size, quota."""

    code = 8


class FailedPrecondition(Failure):
    """The state of the system doesn't allow it; trying again won't help."""

    code = 9


class Aborted(Failure):
    """Somebody else's change came first; read again and retry."""

    code = 10


class Unimplemented(Failure):
    """The contract names it and this server doesn't offer it."""

    code = 12


class Internal(Failure):
    """Our fault."""

    code = 13


class Unavailable(Failure):
    """A part that is needed can't be reached now; retry with back-off."""

    code = 14


class Unauthenticated(Failure):
    """The caller isn't known."""

    code = 16


FAILURES: dict[int, type[Failure]] = {
    kind.code: kind
    for kind in (
        Cancelled,
        InvalidArgument,
        DeadlineExceeded,
        NotFound,
        AlreadyExists,
        PermissionDenied,
        ResourceExhausted,
        FailedPrecondition,
        Aborted,
        Unimplemented,
        Internal,
        Unavailable,
        Unauthenticated,
    )
}
"""The class of each status code."""
