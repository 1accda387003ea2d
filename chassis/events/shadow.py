"""A second set of a projection's tables, in a schema of its own, which can take the place of the first.

By schema, so that indexes and constraints have the same names in both, and migrations find them after a swap.
"""

import copy
import re
from collections.abc import Sequence
from typing import Any

import asyncpg

from chassis.clock import SystemIds
from chassis.db import Database
from chassis.db_errors import SessionMisuseError
from chassis.sessions import WriteSession
from chassis.statements import Statement

INBOX = "inbox"
SWAP_TIMEOUT = "700ms"
"""How long the swap waits for readers, behind which everybody else queues. Below PostgreSQL's `deadlock_timeout` of a
second: should somebody and the swap wait for each other, it is the swap that gives up."""


class ShadowError(Exception):
    """The tables can't have a shadow, or it can't take their place; the text says why."""


class ReadersError(Exception):
    """Readers didn't let go of the tables in time. To be tried again."""


class Shadow:
    """The second set of tables, made and swapped under the owner's login."""

    def __init__(self, owner: Any, service: str, tables: Sequence[str], aside: Sequence[str]) -> None:
        """owner: a connection of the owner's. tables: of the projection. aside: others, which are never swapped.

        Beside them there is an inbox, of the events that the shadow has seen.
        """
        self._owner = owner
        self._service = service
        self._tables = tables
        self._aside = (*aside, INBOX)
        self.schema = f"{service}_rebuild"
        self._version = ""

    async def create(self) -> None:
        """Makes empty tables in place of what an earlier attempt left. Raises ShadowError."""
        await self.drop()
        self._version = await self._migrated()
        await self._owner.execute(f'CREATE SCHEMA "{self.schema}"')
        await self._owner.execute(f'GRANT USAGE ON SCHEMA "{self.schema}" TO fitnesshub_{self._service}')
        for table in (*self._tables, *self._aside):
            await self._create(table)

    async def _create(self, table: str) -> None:
        live, shadow = f'"{self._service}"."{table}"', f'"{self.schema}"."{table}"'
        if table in self._tables and (obstacles := await self._owner.fetch(_OBSTACLES, live)):
            raise ShadowError(f"the table {table} can't be swapped: {', '.join(row['what'] for row in obstacles)}")
        await self._owner.execute(
            f"CREATE TABLE {shadow} (LIKE {live} INCLUDING ALL EXCLUDING INDEXES EXCLUDING IDENTITY)"
        )
        for row in await self._owner.fetch(_SETTINGS, live):
            await self._owner.execute(f"ALTER TABLE {shadow} {row['setting']}")
        # At once, because handlers read what they wrote.
        for row in await self._owner.fetch(_INDEXES, self._service, table, self.schema):
            await self._owner.execute(row["definition"])
        for row in await self._owner.fetch(_GRANTS, live):
            await self._owner.execute(f"GRANT {row['privilege']} ON {shadow} TO {row['grantee']} {row['option']}")

    async def analyze(self) -> None:
        """Lets the planner know what is in the shadow."""
        for table in self._tables:
            await self._owner.execute(f'ANALYZE "{self.schema}"."{table}"')

    async def hashes(self, reader: Any, schema: str) -> dict[str, str]:
        """By table: its number of rows and a 128-bit hash of their content that doesn't depend on their order.

        reader: a connection of the owner's. schema: the live one or the shadow's.
        """
        found = {}
        for table in self._tables:
            row = await reader.fetchrow(_HASH.format(table=f'"{schema}"."{table}"'))
            found[table] = f"{row['rows']} rows, {int(row['first']) % 2**64:016x}{int(row['second']) % 2**64:016x}"
        return found

    async def swap(self) -> None:
        """Puts the shadow in the place of the live tables, inside the owner's transaction.

        Raises ReadersError, and ShadowError when the schema was migrated since the shadow was made.
        """
        names = ", ".join(f'"{self._service}"."{table}"' for table in self._tables)
        await self._owner.execute(f"SET LOCAL statement_timeout = '{SWAP_TIMEOUT}'")
        try:
            await self._owner.execute(f"LOCK TABLE {names} IN ACCESS EXCLUSIVE MODE")
        except (asyncpg.QueryCanceledError, asyncpg.DeadlockDetectedError) as error:
            raise ReadersError(f"readers hold the tables for longer than {SWAP_TIMEOUT}") from error
        await self._owner.execute("SET LOCAL statement_timeout = 0")
        if await self._migrated() != self._version:
            raise ShadowError(f"the schema {self._service} was migrated meanwhile: begin again")
        for table in self._tables:
            await self._owner.execute(
                f'DROP TABLE "{self._service}"."{table}";'
                f'ALTER TABLE "{self.schema}"."{table}" SET SCHEMA "{self._service}"'
            )

    async def drop(self) -> None:
        """Removes the shadow."""
        await self._owner.execute(f'DROP SCHEMA IF EXISTS "{self.schema}" CASCADE')

    async def _migrated(self) -> str:
        return str(await self._owner.fetchval(f'SELECT max(version_num) FROM "{self._service}".alembic_version'))  # noqa: S608 - a name of our own


class ShadowSessions:
    """Gives write sessions whose statements go to the shadow's tables instead of the live ones."""

    def __init__(self, db: Database, shadow_schema: str, tables: Sequence[str]) -> None:
        self._db = db
        names = "|".join(map(re.escape, (*tables, INBOX)))
        self._name = re.compile(rf'(?<![\w."])("?){re.escape(db.service)}\1\.("?)({names})\2(?![\w"])')
        self._place = rf'"{shadow_schema}"."\3"'
        self._moved: dict[Statement, Statement] = {}

    def write(self) -> WriteSession:
        """A unit of work in the shadow. It publishes nothing."""
        return _ShadowSession(self._db, self)

    def moved(self, statement: Statement) -> Statement:
        """The same statement on the shadow's tables."""
        found = self._moved.get(statement)
        if found is None:
            found = copy.copy(statement)
            found.sql = self._name.sub(self._place, statement.sql)
            self._moved[statement] = found
        return found


class _ShadowSession(WriteSession):
    def __init__(self, db: Database, shadows: ShadowSessions) -> None:
        super().__init__(db.pool, db.service, db.clock, SystemIds(), None, _nobody)
        self._shadows = shadows

    def emit(self, *_: Any, **__: Any) -> None:
        """Refused: what is rebuilt was told to others when it happened."""
        raise SessionMisuseError("a handler that rebuilds a projection publishes nothing")

    async def _run(self, method: Any, statement: Statement, values: dict[str, Any]) -> Any:
        return await super()._run(method, self._shadows.moved(statement), values)


def _nobody() -> None:
    """Is told of nothing."""


# What would be lost with the old table, or wouldn't follow the name.
_OBSTACLES = """
SELECT 'the foreign key ' || conname AS what FROM pg_constraint
WHERE contype = 'f' AND $1::text::regclass IN (conrelid, confrelid)
UNION ALL SELECT 'the trigger ' || tgname FROM pg_trigger WHERE tgrelid = $1::text::regclass AND NOT tgisinternal
UNION ALL SELECT 'the policy ' || polname FROM pg_policy WHERE polrelid = $1::text::regclass
UNION ALL SELECT DISTINCT 'the view or rule ' || ev_class::regclass FROM pg_rewrite
    JOIN pg_depend ON classid = 'pg_rewrite'::regclass AND objid = pg_rewrite.oid
    WHERE refclassid = 'pg_class'::regclass AND refobjid = $1::text::regclass
UNION ALL SELECT 'the sequence ' || relname FROM pg_depend JOIN pg_class ON pg_class.oid = objid
    WHERE classid = 'pg_class'::regclass AND refobjid = $1::text::regclass AND relkind = 'S'
UNION ALL SELECT 'rights on the column ' || attname FROM pg_attribute
    WHERE attrelid = $1::text::regclass AND attacl IS NOT NULL
UNION ALL SELECT 'it has parts, or is one' FROM pg_inherits WHERE $1::text::regclass IN (inhrelid, inhparent)
UNION ALL SELECT 'it isn''t the owner''s own' FROM pg_class
    WHERE oid = $1::text::regclass AND relowner <> current_user::regrole
"""
# What LIKE leaves out: constraints by index, storage parameters, how finely columns are sampled.
_SETTINGS = """
SELECT format('ADD CONSTRAINT %I %s', conname, pg_get_constraintdef(oid)) AS setting FROM pg_constraint
WHERE conrelid = $1::text::regclass AND contype IN ('p', 'u', 'x')
UNION ALL SELECT format('SET (%s)', array_to_string(reloptions, ', ')) FROM pg_class
    WHERE oid = $1::text::regclass AND reloptions IS NOT NULL
UNION ALL SELECT format('ALTER COLUMN %I SET STATISTICS %s', attname, attstattarget) FROM pg_attribute
    WHERE attrelid = $1::text::regclass AND attnum > 0 AND NOT attisdropped AND attstattarget >= 0
UNION ALL SELECT format('ALTER COLUMN %I SET (%s)', attname, array_to_string(attoptions, ', ')) FROM pg_attribute
    WHERE attrelid = $1::text::regclass AND attnum > 0 AND NOT attisdropped AND attoptions IS NOT NULL
"""
_GRANTS = """
SELECT privilege_type AS privilege, CASE WHEN is_grantable THEN 'WITH GRANT OPTION' ELSE '' END AS option,
    CASE WHEN grantee = 0 THEN 'PUBLIC' ELSE grantee::regrole::text END AS grantee
FROM pg_class CROSS JOIN aclexplode(relacl) WHERE oid = $1::text::regclass AND grantee <> relowner
"""
_INDEXES = """
SELECT replace(
    pg_get_indexdef(indexrelid), format(' ON %I.%I ', $1::text, $2::text), format(' ON %I.%I ', $3::text, $2::text)
) AS definition
FROM pg_index
WHERE indrelid = format('%I.%I', $1::text, $2::text)::regclass
    AND NOT EXISTS (SELECT FROM pg_constraint WHERE conindid = indexrelid AND contype IN ('p', 'u', 'x'))
"""
# Two sums of 64-bit hashes of whole rows, with different seeds: no order, no sorting, one pass.
_HASH = """
SELECT count(*) AS rows, coalesce(sum(hash_record_extended(each, 0)), 0) AS first,
    coalesce(sum(hash_record_extended(each, 1)), 0) AS second
FROM {table} AS each
"""
