"""A second set of a projection's tables, in a schema of its own, which can take the place of the first.

By schema, so that indexes and constraints have the same names in both, and migrations find them after a swap.
"""

import copy
import re
from collections.abc import Sequence
from typing import Any

from chassis.clock import SystemIds
from chassis.db import Database
from chassis.db_errors import SessionMisuseError
from chassis.sessions import WriteSession
from chassis.statements import Statement

INBOX = "inbox"


class ShadowError(Exception):
    """The tables can't have a shadow; the text says why."""


class Shadow:
    """The second set of tables, made and swapped under the owner's login."""

    def __init__(self, owner: Any, service: str, tables: Sequence[str]) -> None:
        """owner: a connection of the owner's. tables: names of the projection's tables; the inbox comes along."""
        self._owner = owner
        self._service = service
        self._tables = (*tables, INBOX)
        self.schema = f"{service}_rebuild"
        self._replaced = f"{service}_replaced"

    async def create(self) -> None:
        """Makes empty tables in place of what an earlier attempt left. Raises ShadowError."""
        await self.drop()
        await self._owner.execute(f'CREATE SCHEMA "{self.schema}"')
        for table in self._tables:
            await self._owner.execute(
                f'CREATE TABLE "{self.schema}"."{table}" (LIKE "{self._service}"."{table}" INCLUDING DEFAULTS'
                " INCLUDING CONSTRAINTS INCLUDING GENERATED INCLUDING STORAGE INCLUDING COMMENTS)"
            )
            for row in await self._owner.fetch(_CONSTRAINTS, f'"{self._service}"."{table}"'):
                if row["type"] == "f":
                    raise ShadowError(f"the table {table} has or is the aim of the foreign key {row['name']}")
                await self._owner.execute(
                    f'ALTER TABLE "{self.schema}"."{table}" ADD CONSTRAINT "{row["name"]}" {row["definition"]}'
                )
        role = f"fitnesshub_{self._service}"
        await self._owner.execute(
            f'GRANT USAGE ON SCHEMA "{self.schema}" TO {role};'
            f'GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA "{self.schema}" TO {role}'
        )

    async def create_indexes(self) -> None:
        """Adds the indexes that no constraint needs: after the bulk of the rows, because that is faster."""
        for table in self._tables:
            for row in await self._owner.fetch(_INDEXES, self._service, table, self.schema):
                await self._owner.execute(row["definition"])
            await self._owner.execute(f'ANALYZE "{self.schema}"."{table}"')

    async def hashes(self, schema: str) -> dict[str, str]:
        """By table: its number of rows and a 128-bit hash of their content that doesn't depend on their order.

        schema: the live one or the shadow's.
        """
        found = {}
        for table in self._tables:
            if table != INBOX:
                row = await self._owner.fetchrow(_HASH.format(table=f'"{schema}"."{table}"'))
                found[table] = f"{row['rows']} rows, {row['first']:x}:{row['second']:x}"
        return found

    async def swap(self, group: str) -> None:
        """Puts the shadow in the place of the live tables, inside the owner's transaction.

        group: whose inbox the shadow has; what other groups of the service have handled is taken over.
        """
        names = ", ".join(f'"{self._service}"."{table}"' for table in self._tables)
        await self._owner.execute(f"LOCK TABLE {names} IN ACCESS EXCLUSIVE MODE")
        await self._owner.execute(
            f'INSERT INTO "{self.schema}".inbox SELECT * FROM "{self._service}".inbox WHERE consumer_group <> $1',  # noqa: S608 - names of our own
            group,
        )
        await self._owner.execute(f'CREATE SCHEMA "{self._replaced}"')
        for table in self._tables:
            await self._owner.execute(
                f'ALTER TABLE "{self._service}"."{table}" SET SCHEMA "{self._replaced}";'
                f'ALTER TABLE "{self.schema}"."{table}" SET SCHEMA "{self._service}"'
            )

    async def drop(self) -> None:
        """Removes the shadow, and what a swap put aside."""
        await self._owner.execute(
            f'DROP SCHEMA IF EXISTS "{self.schema}" CASCADE; DROP SCHEMA IF EXISTS "{self._replaced}" CASCADE'
        )


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


_CONSTRAINTS = """
SELECT conname AS name, contype::text AS type, pg_get_constraintdef(oid) AS definition FROM pg_constraint
WHERE (conrelid = $1::regclass AND contype IN ('p', 'u', 'x', 'f')) OR (confrelid = $1::regclass AND contype = 'f')
"""
_INDEXES = """
SELECT replace(pg_get_indexdef(indexrelid), format(' ON %I.%I ', $1::text, $2::text), format(' ON %I.%I ', $3::text, $2::text))
    AS definition
FROM pg_index
WHERE indrelid = format('%I.%I', $1::text, $2::text)::regclass
    AND NOT EXISTS (SELECT FROM pg_constraint WHERE conindid = indexrelid AND contype IN ('p', 'u', 'x'))
"""
# Two sums of 64-bit hashes of whole rows, with different seeds: no order, no sorting, one pass.
_HASH = """
SELECT count(*) AS rows,
    mod(coalesce(sum(hash_record_extended(each, 0)), 0) + 2::numeric ^ 127, 2::numeric ^ 64)::numeric AS first,
    mod(coalesce(sum(hash_record_extended(each, 1)), 0) + 2::numeric ^ 127, 2::numeric ^ 64)::numeric AS second
FROM {table} AS each
"""
