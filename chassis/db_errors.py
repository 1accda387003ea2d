"""How the database fails, in our own words: driver errors end here, and with them SQL text and addresses."""

import asyncpg

from chassis.errors import Aborted, DeadlineExceeded, Unavailable


class IntegrityViolation(Exception):
    """A constraint of a table refused the change; the transaction can only be rolled back."""

    def __init__(self, constraint: str) -> None:
        super().__init__(constraint)
        self.constraint = constraint
        """Name of the constraint."""


class UniqueViolation(IntegrityViolation):
    """There is such a row already."""


class ForeignKeyViolation(IntegrityViolation):
    """The row that this one refers to isn't there, or is still referred to."""


class SessionMisuseError(Exception):
    """A session was used in a way that can't be right: our own mistake."""


def unavailable() -> Unavailable:
    """What a caller hears when the database can't be reached."""
    return Unavailable("DEPENDENCY_UNAVAILABLE", "the database can't be reached; try again")


def write_conflict() -> Aborted:
    """What a caller hears whose change came second, and was tried as often as it is worth."""
    return Aborted("WRITE_CONFLICT", "others changed the same rows at the same time; try again")


_CONFLICTS = (
    asyncpg.SerializationError,
    asyncpg.DeadlockDetectedError,
    # A migration changed a table under a prepared statement; the next attempt prepares it anew.
    asyncpg.InvalidCachedStatementError,
    asyncpg.OutdatedSchemaCacheError,
)
_UNREACHABLE = (
    OSError,
    TimeoutError,
    asyncpg.PostgresConnectionError,
    asyncpg.OperatorInterventionError,
    asyncpg.InsufficientResourcesError,
    # A primary that became a replica; the next connection finds the new one.
    asyncpg.ReadOnlySQLTransactionError,
)


def translate(error: Exception, *, lost: bool) -> Exception:
    """What callers of the database see in place of a driver's error; the error itself when it is a mistake of ours.

    lost: the connection is closed.
    """
    if isinstance(error, asyncpg.UniqueViolationError):
        return UniqueViolation(error.constraint_name or "")
    if isinstance(error, asyncpg.ForeignKeyViolationError):
        return ForeignKeyViolation(error.constraint_name or "")
    if isinstance(error, asyncpg.QueryCanceledError):
        return DeadlineExceeded("DEADLINE_EXCEEDED", "the time for this call ran out")
    if isinstance(error, _CONFLICTS):
        return write_conflict()
    if lost or isinstance(error, _UNREACHABLE):
        return unavailable()
    return error
