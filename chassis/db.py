"""The database of a service, under the service's own role, over a pool that keeps no session state."""

import asyncio
import logging
from typing import Any

import asyncpg
from sqlalchemy import bindparam, func, literal_column, select, text

from chassis import audit, outbox
from chassis.call import Call
from chassis.clock import Clock, Ids, SystemClock, SystemIds
from chassis.db_errors import (
    ForeignKeyViolation,
    IntegrityViolation,
    SessionMisuseError,
    UniqueViolation,
    translate,
    write_conflict,
)
from chassis.errors import Unavailable
from chassis.pool import Connection, Pool, connect
from chassis.sessions import ReadSession, Record, WriteSession, in_write_transaction
from chassis.statements import Statement, StatementError
from chassis.telemetry import metrics, traces

__all__ = [
    "Database",
    "ForeignKeyViolation",
    "IntegrityViolation",
    "PoolBudgetError",
    "ReadSession",
    "Record",
    "SessionMisuseError",
    "Statement",
    "StatementError",
    "UniqueViolation",
    "WriteSession",
    "in_write_transaction",
    "pool_budget",
    "write_conflict",
]

log = logging.getLogger(__name__)

RESERVED_CONNECTIONS = 15
"""Connections of the server that pools leave alone: the owner, migrations, LISTEN and locks, an operator."""
POOL_SIZE = 20
"""Most connections per service and process; this and the next two are the seed's numbers."""
IDLE_SECONDS = 30.0
CONNECT_SECONDS = 2.0
"""Also how long a caller waits for a connection when all are in use."""
NOTICE_INTERVAL = 0.05
"""Seconds between notices that the outbox has something new: 20 a second at most."""

_NOTIFY = Statement(select(func.pg_notify(bindparam("channel"), bindparam("payload"))))
_PING = Statement(select(literal_column("1")))
_MAX_CONNECTIONS = Statement(text("SELECT CAST(current_setting('max_connections') AS int)"))


class PoolBudgetError(Exception):
    """The server has too few connections for this many services and processes."""


def pool_budget(max_connections: int, sharers: int, wanted: int = POOL_SIZE) -> int:
    """How many connections each of `sharers` pools may have. Raises PoolBudgetError when there is none for each."""
    share = (max_connections - RESERVED_CONNECTIONS) // sharers
    if share < 1:
        raise PoolBudgetError(
            f"{sharers} connection pools don't fit into max_connections = {max_connections}, of which"
            f" {RESERVED_CONNECTIONS} are reserved: raise it, or run fewer processes"
        )
    return min(wanted, share)


class Database:
    """A service's database. Single reads are its own methods; what belongs together needs a session."""

    def __init__(
        self,
        server: str,
        password: str,
        *,
        service: str,
        clock: Clock | None = None,
        ids: Ids | None = None,
        pool_size: int = POOL_SIZE,
        idle: float = IDLE_SECONDS,
        connect_timeout: float = CONNECT_SECONDS,
        prepared: bool = True,
    ) -> None:
        """Opens nothing yet.

        server: address without login. service: schema, and role `fitnesshub_<service>`. idle: seconds after
        which an unused connection is closed. connect_timeout: seconds, to connect and to wait for a
        connection when all are in use. prepared: False for a pgbouncer that can't follow prepared statements.
        """
        self.service = service
        self.clock = clock or SystemClock()
        self._ids = ids or SystemIds()

        async def open_connection() -> Connection:
            user = f"fitnesshub_{service}"
            return await connect(server, user, password, service=service, timeout=connect_timeout, prepared=prepared)

        self.pool = Pool(open_connection, size=pool_size, idle=idle, wait=connect_timeout)
        self._connect = open_connection
        self._unannounced = False
        self._announcing = False

    async def open(self, sharers: int = 1) -> None:
        """Fits the pool into the server's connections, of which `sharers` pools like this one want a share.

        Raises PoolBudgetError when there are too few. A server that can't be reached isn't an error: calls
        are refused until it can.
        """
        self._watch_pool()
        try:
            max_connections = await self.value(_MAX_CONNECTIONS)
        except Unavailable:
            log.warning("the database of %s can't be reached yet", self.service)
        else:
            self.pool.size = pool_budget(max_connections, sharers, self.pool.size)

    async def close(self) -> None:
        """Finishes commits under way and closes all connections."""
        await self.pool.close()

    async def connect(self) -> Connection:
        """A connection outside the pool, for locks and notices. Raises Unavailable; the caller closes it."""
        return await self._connect()

    async def ping(self) -> None:
        """Asks the server for a sign of life. Raises Unavailable."""
        await self.value(_PING)

    async def rows(self, statement: Statement, /, **values: Any) -> list[Record]:
        """All rows of the answer of one statement that only reads."""
        return await self._run(asyncpg.Connection.fetch, statement, values)  # type: ignore[no-any-return]

    async def row(self, statement: Statement, /, **values: Any) -> Record | None:
        """The first row of the answer; None when there is none."""
        return await self._run(asyncpg.Connection.fetchrow, statement, values)  # type: ignore[no-any-return]

    async def value(self, statement: Statement, /, **values: Any) -> Any:
        """The first column of the first row; None when there is no row."""
        return await self._run(asyncpg.Connection.fetchval, statement, values)

    def read(self) -> ReadSession:
        """A session whose reads all see the same state of the database."""
        return ReadSession(self.pool)

    def write(self, call: Call | None = None) -> WriteSession:
        """A unit of work.

        call: the one being answered; its Idempotency-Key is honoured and its trace continued. It goes into
        one session only: a second one would find the answer of the first.
        """
        return WriteSession(self.pool, self.service, self.clock, self._ids, call, self._emitted)

    async def record_call(self, call: Call, code: int, reason: str) -> None:
        """Puts an audited call into the audit trail in a transaction of its own. Raises Unavailable."""
        user_id = call.identity.user_id if call.identity else ""
        async with self.write() as tx:
            tx.emit(audit.AGGREGATE, self._ids.new(), 1, audit.rpc_audited(call, code, reason), user_id)

    def _emitted(self) -> None:
        """Tells the relay that there is something in the outbox, with one notice for all writes of a while.

        A NOTIFY inside the write would take a lock of the whole server at its commit.
        """
        self._unannounced = True
        if not self._announcing:
            self._announcing = True
            _ = self.pool.background(self._announce())

    async def _announce(self) -> None:
        try:
            while self._unannounced:
                self._unannounced = False
                await self.value(_NOTIFY, channel=outbox.channel(self.service), payload="")
                await asyncio.sleep(NOTICE_INTERVAL)
        except Unavailable:
            pass  # the relay looks by itself as well
        finally:
            self._announcing = False

    def _watch_pool(self) -> None:
        pool = self.pool
        for state, read in {
            "in_use": lambda: pool.opened - pool.idle,
            "idle": lambda: pool.idle,
            "most": lambda: pool.size,
        }.items():
            metrics.watch(
                "database_pool_connections", "Connections to the database", read, service=self.service, state=state
            )
        metrics.watch(
            "database_pool_waiting", "Calls that wait for a connection", lambda: pool.waiting, service=self.service
        )

    async def _run(self, method: Any, statement: Statement, values: dict[str, Any]) -> Any:
        if statement.writes:
            raise StatementError("a statement that writes needs a write session")
        if in_write_transaction.get():
            raise SessionMisuseError("inside a write session, read through it: another connection sees another state")
        arguments = statement.arguments(values)
        connection = await self.pool.acquire()
        try:
            with traces.span(statement.operation, "client", **statement.span_attributes):
                result = await method(connection, statement.sql, *arguments)
        except Exception as error:
            lost = connection.is_closed()
            self.pool.release(connection, clean=isinstance(error, asyncpg.PostgresError))
            raise translate(error, lost=lost) from error
        except BaseException:
            self.pool.release(connection, clean=False)
            raise
        self.pool.release(connection)
        return result
