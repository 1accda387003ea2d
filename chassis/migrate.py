"""Brings the database to where the code is: a schema, a role and the tables of each service.

Runs with the owner's login. SQLAlchemy and Alembic (1.7 s) are imported only when a schema isn't current.
"""

import asyncio
import base64
import hashlib
import hmac
import os
import random
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

import asyncpg

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

    from chassis.db import Database

Report = Callable[[str], None]
LOCK = 0x666974_6D696772
"""Advisory lock of whoever migrates (`fitmigr` in ASCII)."""
RIGHTS_ATTEMPTS = 10
"""Times the roles are set up when a migration of another database on the server changes them too."""
LOCK_TIMEOUT = "10s"
"""How long a script waits for a table in use: everybody else queues behind it meanwhile."""
CONNECT_SECONDS = 10.0
RIGHTS_VERSION = 1
"""To be raised when `_RIGHTS` changes, so that databases that are current otherwise get the new rights."""
SCRAM_ITERATIONS = 4096
"""PostgreSQL's own default; more would cost every new connection."""

_SERVICE = re.compile(r"[a-z][a-z0-9_]*")
_SCRIPT = re.compile(r"(\d{4})_\w+\.py")
_REVISION = re.compile(r"^revision(?:: str)? = \"(\d{4})\"$", re.MULTILINE)
_DOWN_REVISION = re.compile(r"^down_revision(?:: str \| None)? = (?:\"(\d{4})\"|None)$", re.MULTILINE)


class MigrationError(Exception):
    """The database can't be brought to where the code is; the text says why and what to do."""


@dataclass(frozen=True)
class _Schema:
    """A service that has a schema."""

    service: str
    scripts: Path
    head: str
    """The newest revision that this code knows."""
    password: str
    fingerprint: str
    """Of rights and password as they are to be; kept in the comment of the role."""

    @property
    def role(self) -> str:
        return f"fitnesshub_{self.service}"


async def run(
    owner_dsn: str, services: Iterable[str], secrets: Path, report: Report, *, root: Path | None = None
) -> None:
    """Creates or updates schemas, roles, rights and tables of the services; those without scripts need none.

    owner_dsn: the owner's login. secrets: folder with `database-<service>`. report: told what is being done.
    root: folder of the services' code, this checkout's own by default. May run many times and in many
    places at once. Raises MigrationError.
    """
    owner_password = unquote(urlsplit(owner_dsn).password or "")
    schemas = [_schema(service, secrets, owner_password, root) for service in services if _scripts(service, root)]
    if not schemas:
        return
    connection = await _connect(owner_dsn)
    try:
        if await _is_current(connection, schemas):
            report("the database is current")
            return
        if not await connection.fetchval("SELECT pg_try_advisory_lock($1)", LOCK):
            report("another process is migrating the database; waiting for it")
            await connection.execute("SELECT pg_advisory_lock($1)", LOCK)
        await _set_rights(connection, schemas)
        for schema in schemas:
            await _upgrade(connection, owner_dsn, schema, report)
    finally:
        await connection.close()


async def at_head(db: "Database", service: str) -> bool:
    """Whether the service's schema has everything that this code needs; it may have more.

    Raises Unavailable when the database can't be asked.
    """
    from sqlalchemy import text  # noqa: PLC0415 - not for those who only migrate

    from chassis.statements import Statement  # noqa: PLC0415

    statement = Statement(text(f'SELECT max(version_num) FROM "{_checked(service)}".alembic_version'))  # noqa: S608
    try:
        version = await db.value(statement)
    except (asyncpg.UndefinedTableError, asyncpg.InvalidSchemaNameError, asyncpg.InsufficientPrivilegeError):
        return False
    return version is not None and version >= _head(_scripts(service, None))


def create_chassis_tables() -> None:
    """For a service's first migration script: its outbox and its idempotency records (`chassis.tables`).

    What this creates never changes, because it ran in the past; a change of these tables is a new function
    here and a new script in each service.
    """
    from alembic import op  # noqa: PLC0415 - see the module's docstring

    schema = op.get_context().version_table_schema
    for statement in _CHASSIS_TABLES:
        op.execute(statement.replace("{schema}", f'"{schema}"'))


def create_event_tables() -> None:
    """For a later script of each service: what relay, consumers and sagas remember, and erasure. Never changes."""
    from alembic import op  # noqa: PLC0415 - see the module's docstring

    schema = op.get_context().version_table_schema
    for statement in _EVENT_TABLES:
        op.execute(statement.replace("{schema}", f'"{schema}"'))
    keep_out_of_statistics("outbox", "event")
    keep_out_of_statistics("idempotency_records", "key", "response")
    keep_out_of_statistics("sagas", "data", "problem")


def keep_out_of_statistics(table: str, *columns: str) -> None:
    """For columns with what persons wrote: PostgreSQL keeps samples for its planner, which no erasure reaches.

    table: of the service's schema. Samples that are there go where the server can forget them (PostgreSQL 18); on an
    older one call it right after the table was made.
    """
    from alembic import op  # noqa: PLC0415 - see the module's docstring

    schema = op.get_context().version_table_schema
    for column in columns:
        op.execute(f'ALTER TABLE "{schema}".{table} ALTER COLUMN {column} SET STATISTICS 0')
        op.execute(f"""
            DO $$ BEGIN
                IF to_regproc('pg_catalog.pg_clear_attribute_stats') IS NOT NULL THEN
                    PERFORM pg_clear_attribute_stats('{schema}', '{table}', '{column}', false);
                END IF;
            END $$
        """)


def revisions(scripts: Path) -> list[str]:
    """Revisions of the scripts in a folder, oldest first.

    Raises MigrationError unless they are one line: each file starts with its revision and follows the one
    before.
    """
    found: list[str] = []
    for file in sorted(scripts.glob("*.py")):
        name, text = _SCRIPT.fullmatch(file.name), file.read_text()
        revision, down = _REVISION.search(text), _DOWN_REVISION.search(text)
        if not name or not revision or not down or revision[1] != name[1]:
            raise MigrationError(f'{file}: must be NNNN_name.py with revision = "NNNN" and a down_revision')
        if down[1] != (found[-1] if found else None):
            raise MigrationError(f"{file}: must follow {found[-1] if found else None}, and follows {down[1]}")
        found.append(revision[1])
    return found


def _scripts(service: str, root: Path | None) -> Path | None:
    folder = (root or Path(str(files("services")))) / _checked(service) / "migrations" / "versions"
    return folder if folder.is_dir() else None


def _head(scripts: Path | None) -> str:
    return revisions(scripts)[-1] if scripts else ""


def _checked(service: str) -> str:
    if not _SERVICE.fullmatch(service):
        raise MigrationError(f"{service!r} is no name of a service")
    return service


def _schema(service: str, secrets: Path, owner_password: str, root: Path | None) -> _Schema:
    scripts = _scripts(service, root)
    if scripts is None or not revisions(scripts):
        raise MigrationError(f"the service {service} has a folder for migration scripts and no script in it")
    file = secrets / f"database-{service}"
    try:
        password = file.read_text().strip()
    except OSError as error:
        raise MigrationError(f"the password of {service}'s database role is missing: {file}") from error
    if not password or not password.isascii():
        raise MigrationError(f"the password in {file} must be ASCII and not empty")
    # Roles can read each other's comments, and don't know the owner's password.
    seen = hmac.digest(owner_password.encode(), f"{RIGHTS_VERSION}:{password}".encode(), "sha256")
    return _Schema(service, scripts, _head(scripts), password, f"fitnesshub {seen.hex()}")


async def _connect(dsn: str, settings: Mapping[str, str] | None = None) -> Any:
    try:
        return await asyncpg.connect(dsn, timeout=CONNECT_SECONDS, server_settings=settings)
    except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError) as error:
        raise MigrationError(f"the owner can't log in to the database ({type(error).__name__}): {error}") from error


async def _is_current(connection: Any, schemas: list[_Schema]) -> bool:
    """One query, because this is what nearly every start asks."""
    query = " UNION ALL ".join(
        f"SELECT '{schema.service}', (SELECT string_agg(version_num, ' ') FROM \"{schema.service}\".alembic_version),"  # noqa: S608
        f" (SELECT shobj_description(oid, 'pg_authid') FROM pg_roles WHERE rolname = '{schema.role}')"
        for schema in schemas
    )
    try:
        found = await connection.fetch(query)
    except (asyncpg.UndefinedTableError, asyncpg.InvalidSchemaNameError):
        return False
    return {tuple(row) for row in found} == {(s.service, s.head, s.fingerprint) for s in schemas}


async def _set_rights(connection: Any, schemas: list[_Schema]) -> None:
    """Roles belong to the whole server, our lock to one database: a migration of another may get in between."""
    for attempt in range(1, RIGHTS_ATTEMPTS + 1):
        try:
            await _try_to_set_rights(connection, schemas)
            return
        except (asyncpg.InternalServerError, asyncpg.UniqueViolationError, asyncpg.DuplicateObjectError) as error:
            if attempt == RIGHTS_ATTEMPTS:
                raise MigrationError(f"the services' roles can't be set up: {error}") from error
            await asyncio.sleep(random.uniform(0.05, 0.2))  # noqa: S311 - spreads retries, guards nothing


async def _try_to_set_rights(connection: Any, schemas: list[_Schema]) -> None:
    database = '"' + (await connection.fetchval("SELECT current_database()")).replace('"', '""') + '"'
    async with connection.transaction():
        await connection.execute(
            f"REVOKE ALL ON DATABASE {database} FROM PUBLIC; REVOKE CREATE ON SCHEMA public FROM PUBLIC"
        )
        for schema in schemas:
            known = await connection.fetchval("SELECT true FROM pg_roles WHERE rolname = $1", schema.role)
            verifier = scram_verifier(schema.password)
            await connection.execute(
                f"{'ALTER' if known else 'CREATE'} ROLE {schema.role} LOGIN PASSWORD '{verifier}';"
                f"COMMENT ON ROLE {schema.role} IS '{schema.fingerprint}';"
                f"GRANT CONNECT ON DATABASE {database} TO {schema.role};"
                + _RIGHTS.format(schema=f'"{schema.service}"', role=schema.role)
            )


async def _upgrade(connection: Any, owner_dsn: str, schema: _Schema, report: Report) -> None:
    version = await connection.fetchval(f'SELECT max(version_num) FROM "{schema.service}".alembic_version')  # noqa: S608
    if version == schema.head:
        return
    if version is not None and version not in revisions(schema.scripts):
        raise MigrationError(
            f"the schema {schema.service} is at {version}, which this code doesn't know (its newest is {schema.head}):"
            " run the newer code, or restore a backup"
        )
    report(f"{schema.service}: {version or 'nothing'} → {schema.head}")
    from sqlalchemy.exc import DBAPIError  # noqa: PLC0415 - see the module's docstring
    from sqlalchemy.ext.asyncio import create_async_engine  # noqa: PLC0415
    from sqlalchemy.pool import NullPool  # noqa: PLC0415

    engine = create_async_engine(
        "postgresql+asyncpg://",
        async_creator=lambda: _connect(owner_dsn, {"lock_timeout": LOCK_TIMEOUT}),
        poolclass=NullPool,
    )
    try:
        async with engine.connect() as opened:
            await opened.run_sync(_run_alembic, schema)
    except DBAPIError as error:
        raise MigrationError(f"migrating the schema {schema.service} failed: {error.orig}") from error


def _run_alembic(connection: "Connection", schema: _Schema) -> None:
    from alembic import command  # noqa: PLC0415 - see the module's docstring
    from alembic.config import Config  # noqa: PLC0415

    config = Config(attributes={"connection": connection, "schema": schema.service})
    options = {
        "script_location": Path(__file__).with_name("migrations"),
        "version_locations": schema.scripts,
        "path_separator": "newline",
    }
    for name, value in options.items():
        config.set_main_option(name, str(value).replace("%", "%%"))
    command.upgrade(config, "head")


def scram_verifier(password: str) -> str:
    """What PostgreSQL stores of a password (RFC 5803), so that the password itself never reaches its log."""
    salt = os.urandom(16)
    salted = hashlib.pbkdf2_hmac("sha256", password.encode(), salt, SCRAM_ITERATIONS)
    stored_key = hashlib.sha256(hmac.digest(salted, b"Client Key", "sha256")).digest()
    server_key = hmac.digest(salted, b"Server Key", "sha256")
    texts = [base64.b64encode(each).decode() for each in (salt, stored_key, server_key)]
    return f"SCRAM-SHA-256${SCRAM_ITERATIONS}:{texts[0]}${texts[1]}:{texts[2]}"


# Alembic's own table is made here, so that the service may read its version and not write it.
_RIGHTS = """
CREATE SCHEMA IF NOT EXISTS {schema};
CREATE TABLE IF NOT EXISTS {schema}.alembic_version (
    version_num varchar(32) NOT NULL CONSTRAINT alembic_version_pkc PRIMARY KEY
);
GRANT USAGE ON SCHEMA {schema} TO {role};
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA {schema} TO {role};
GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA {schema} TO {role};
ALTER DEFAULT PRIVILEGES IN SCHEMA {schema} GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO {role};
ALTER DEFAULT PRIVILEGES IN SCHEMA {schema} GRANT USAGE, SELECT ON SEQUENCES TO {role};
REVOKE INSERT, UPDATE, DELETE ON {schema}.alembic_version FROM {role};
"""

_CHASSIS_TABLES = (
    """
    CREATE TABLE {schema}.outbox (
        id uuid PRIMARY KEY,
        aggregate_type text NOT NULL,
        aggregate_id text NOT NULL,
        aggregate_version bigint NOT NULL,
        type text NOT NULL,
        subject_user_id text NOT NULL,
        event bytea NOT NULL,
        created_at timestamptz NOT NULL,
        published_at timestamptz
    )
    """,
    "CREATE INDEX outbox_unpublished ON {schema}.outbox (id) WHERE published_at IS NULL",
    """
    CREATE TABLE {schema}.idempotency_records (
        scope text,
        method text,
        key text,
        request_hash bytea NOT NULL,
        response bytea NOT NULL,
        http_status text NOT NULL,
        created_at timestamptz NOT NULL,
        PRIMARY KEY (scope, method, key)
    )
    """,
    "CREATE INDEX idempotency_records_by_age ON {schema}.idempotency_records (created_at)",
)
_EVENT_TABLES = (
    "CREATE INDEX outbox_published ON {schema}.outbox (published_at) WHERE published_at IS NOT NULL",
    "CREATE INDEX outbox_by_subject ON {schema}.outbox (subject_user_id) WHERE subject_user_id <> ''",
    """
    CREATE TABLE {schema}.relay_state (
        singleton boolean PRIMARY KEY CHECK (singleton),
        epoch text NOT NULL,
        incarnation text NOT NULL
    )
    """,
    """
    CREATE TABLE {schema}.inbox (
        consumer_group text,
        event_id uuid,
        handled_at timestamptz NOT NULL,
        PRIMARY KEY (consumer_group, event_id)
    )
    """,
    "CREATE INDEX inbox_by_age ON {schema}.inbox (handled_at)",
    """
    CREATE TABLE {schema}.sagas (
        id uuid PRIMARY KEY,
        kind text NOT NULL,
        key text NOT NULL,
        subject_user_id text NOT NULL,
        status integer NOT NULL,
        step integer NOT NULL,
        data jsonb NOT NULL,
        attempts integer NOT NULL,
        round integer NOT NULL,
        problem text NOT NULL,
        due_at timestamptz NOT NULL,
        deadline_at timestamptz NOT NULL,
        lease_until timestamptz,
        lease_holder text,
        created_at timestamptz NOT NULL,
        updated_at timestamptz NOT NULL,
        CONSTRAINT sagas_kind_key UNIQUE (kind, key)
    )
    """,
    "CREATE INDEX sagas_due ON {schema}.sagas (due_at) WHERE status IN (1, 2)",
    "CREATE INDEX sagas_not_done ON {schema}.sagas (id) WHERE status <> 3",
    "CREATE INDEX sagas_by_subject ON {schema}.sagas (subject_user_id, id)",
    """
    CREATE TABLE {schema}.erased_subjects (
        user_id text PRIMARY KEY,
        erased_at timestamptz NOT NULL
    )
    """,
)
