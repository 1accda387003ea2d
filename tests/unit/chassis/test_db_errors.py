"""Driver errors end in the chassis: callers see our words, and no SQL text or address."""

import asyncpg
import pytest

from chassis.db_errors import ForeignKeyViolation, UniqueViolation, translate
from chassis.errors import Aborted, DeadlineExceeded, Failure, Unavailable

SECRET = 'syntax error at "SELECT" on /run/pg/.s.PGSQL.5432'


@pytest.mark.parametrize(
    ("error", "kind", "reason"),
    [
        (asyncpg.SerializationError(SECRET), Aborted, "WRITE_CONFLICT"),
        (asyncpg.DeadlockDetectedError(SECRET), Aborted, "WRITE_CONFLICT"),
        (asyncpg.InvalidCachedStatementError(SECRET), Aborted, "WRITE_CONFLICT"),
        (asyncpg.OutdatedSchemaCacheError(SECRET), Aborted, "WRITE_CONFLICT"),
        (asyncpg.QueryCanceledError(SECRET), DeadlineExceeded, "DEADLINE_EXCEEDED"),
        (asyncpg.AdminShutdownError(SECRET), Unavailable, "DEPENDENCY_UNAVAILABLE"),
        (asyncpg.CannotConnectNowError(SECRET), Unavailable, "DEPENDENCY_UNAVAILABLE"),
        (asyncpg.TooManyConnectionsError(SECRET), Unavailable, "DEPENDENCY_UNAVAILABLE"),
        (asyncpg.DiskFullError(SECRET), Unavailable, "DEPENDENCY_UNAVAILABLE"),
        (asyncpg.ConnectionDoesNotExistError(SECRET), Unavailable, "DEPENDENCY_UNAVAILABLE"),
        (asyncpg.ReadOnlySQLTransactionError(SECRET), Unavailable, "DEPENDENCY_UNAVAILABLE"),
        (ConnectionResetError(SECRET), Unavailable, "DEPENDENCY_UNAVAILABLE"),
        (TimeoutError(SECRET), Unavailable, "DEPENDENCY_UNAVAILABLE"),
    ],
)
def test_what_a_caller_can_do_something_about(error: Exception, kind: type[Failure], reason: str) -> None:
    failure = translate(error, lost=False)
    assert type(failure) is kind
    assert isinstance(failure, Failure)
    assert failure.reason == reason
    assert "SELECT" not in str(failure)
    assert "/run" not in str(failure)


@pytest.mark.parametrize("kind", [UniqueViolation, ForeignKeyViolation])
def test_a_violation_names_its_constraint_and_nothing_else(kind: type[UniqueViolation | ForeignKeyViolation]) -> None:
    error = {UniqueViolation: asyncpg.UniqueViolationError, ForeignKeyViolation: asyncpg.ForeignKeyViolationError}[
        kind
    ](SECRET)
    error.constraint_name = "items_name_key"
    failure = translate(error, lost=False)
    assert type(failure) is kind
    assert str(failure) == "items_name_key"


@pytest.mark.parametrize(
    "error",
    [
        asyncpg.InterfaceError("x"),
        asyncpg.UndefinedTableError("x"),
        asyncpg.InsufficientPrivilegeError("x"),
        ValueError(),
    ],
)
def test_our_own_mistakes_stay_what_they_are(error: Exception) -> None:
    assert translate(error, lost=False) is error


def test_on_a_lost_connection_every_error_means_that_it_is_lost() -> None:
    assert isinstance(translate(asyncpg.InterfaceError("connection is closed"), lost=True), Unavailable)
