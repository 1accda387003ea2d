"""Sessions: several statements on one connection, in one transaction that begins at the first of them.

A write session is the unit of work: it commits state, outbox rows and idempotency record together, or
none of them.
"""

import asyncio
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from types import TracebackType
from typing import Any, ClassVar, Self

import asyncpg
from fitnesshub.event.v1.event_pb2 import Event
from google.protobuf.message import Message

from chassis import audit, idempotency, outbox
from chassis.call import CONSISTENCY_HEADER, Call, Wire
from chassis.clock import Clock, Ids
from chassis.db_errors import SessionMisuseError, translate
from chassis.pool import Connection, Pool
from chassis.statements import Statement, StatementError
from chassis.telemetry import traces

Record = Mapping[str, Any]
"""A row: its columns by name. (asyncpg's own also gives them by number and unpacks into values.)"""
in_write_transaction: ContextVar[bool] = ContextVar("in_write_transaction", default=False)
"""True inside `Database.write()`: whoever would call another service then must not."""


class _Session:
    """Statements in one transaction."""

    _begin_sql: ClassVar[str]

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._connection: Connection | None = None
        self._open = False
        self._busy = False

    async def rows(self, statement: Statement, /, **values: Any) -> list[Record]:
        """All rows of the answer."""
        return await self._run(asyncpg.Connection.fetch, statement, values)  # type: ignore[no-any-return]

    async def row(self, statement: Statement, /, **values: Any) -> Record | None:
        """The first row of the answer; None when there is none."""
        return await self._run(asyncpg.Connection.fetchrow, statement, values)  # type: ignore[no-any-return]

    async def value(self, statement: Statement, /, **values: Any) -> Any:
        """The first column of the first row; None when there is no row."""
        return await self._run(asyncpg.Connection.fetchval, statement, values)

    async def _run(self, method: Any, statement: Statement, values: dict[str, Any]) -> Any:
        arguments = statement.arguments(values)
        if self._busy:
            raise SessionMisuseError("the statements of a session run one after the other")
        self._busy = True
        try:
            connection = self._connection or await self._begin()
            try:
                with traces.span(statement.operation, "client", **statement.span_attributes):
                    return await method(connection, statement.sql, *arguments)
            except Exception as error:
                raise translate(error, lost=connection.is_closed()) from error
        finally:
            self._busy = False

    async def _begin(self) -> Connection:
        if not self._open:
            raise SessionMisuseError("this session isn't open: use it inside its `async with` block")
        connection = await self._pool.acquire()
        try:
            await connection.execute(self._begin_sql)
        except BaseException as error:
            lost = connection.is_closed()
            self._pool.release(connection, clean=False)
            if isinstance(error, Exception):
                raise translate(error, lost=lost) from error
            raise
        self._connection = connection
        return connection

    def _abandon(self) -> None:
        """Rolls back in the background."""
        if self._connection is not None:
            self._pool.release(self._connection, clean=False)
            self._connection = None


class ReadSession(_Session):
    """Reads that all see the database as it was at the first of them."""

    _begin_sql = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"

    async def __aenter__(self) -> Self:
        self._open = True
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._open = False
        self._abandon()

    async def _run(self, method: Any, statement: Statement, values: dict[str, Any]) -> Any:
        if statement.writes:
            raise StatementError("a statement that writes needs a write session")
        return await super()._run(method, statement, values)


class WriteSession(_Session):
    """One unit of work, committed when its block ends without an exception.

    After a statement has failed nothing more can be done in the session: catch the error outside the block.
    A conflict that is expected is handled in SQL (ON CONFLICT, WHERE version = …).
    """

    _begin_sql = "BEGIN"

    def __init__(
        self, pool: Pool, service: str, clock: Clock, ids: Ids, call: Call | None, emitted: Callable[[], None]
    ) -> None:
        """emitted: called after a commit that had events."""
        super().__init__(pool)
        self._emitted = emitted
        self._service = service
        self._clock = clock
        self._ids = ids
        self._call = call
        self._events: list[Event] = []
        self._answer: bytes | None = None
        self._problem: Exception | None = None

    async def execute(self, statement: Statement, /, **values: Any) -> int:
        """Runs a statement; returns how many rows it changed (or found)."""
        status = await self._run(_execute, statement, values)
        count = status.rpartition(" ")[2]
        return int(count) if count.isdigit() else 0

    def emit(
        self, aggregate_type: str, aggregate_id: str, version: int, data: Message, subject_user_id: str = ""
    ) -> None:
        """Publishes an event when the session commits, and only then.

        version: the aggregate's, after the change. data: the event with the whole resource. subject_user_id:
        whose data it is; empty when it is nobody's.
        """
        event = outbox.make_event(
            event_id=self._ids.new(),
            source=self._service,
            time=self._clock.now(),
            aggregate=(aggregate_type, aggregate_id, version),
            data=data,
            subject_user_id=subject_user_id,
            traceparent=self._call.traceparent if self._call else traces.outgoing(),
        )
        self._events.append(event)

    def answer(self, response: Message | Wire) -> Wire:
        """What the handler is to return; with an Idempotency-Key it is kept for replay.

        Headers and HTTP status of the answer are set before.
        """
        wire = response if isinstance(response, Wire) else Wire(response.SerializeToString())
        self._answer = wire.data
        return wire

    async def __aenter__(self) -> Self:
        if in_write_transaction.get():
            raise SessionMisuseError("write sessions don't nest: the inner one wouldn't commit with the outer one")
        self._open = True
        if self._keyed is not None:
            try:
                await idempotency.claim(self, self._service, self._keyed, self._clock.now())
            except BaseException as error:
                await self._roll_back(error)
                raise
        in_write_transaction.set(True)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        in_write_transaction.set(False)
        if error is not None:
            await self._roll_back(error)
            return
        if self._keyed is not None and self._answer is None:
            await self._roll_back(None)
            raise SessionMisuseError("a call with an Idempotency-Key must give its answer to the session: tx.answer(…)")
        if self._connection is None and not self._events:
            self._open = False  # an audited call is recorded by the pipeline then
            return
        # A commit whose caller goes away is finished all the same: nobody may find half of it done.
        commit = self._pool.background(self._commit())
        if self._call is not None:
            self._call.commit = commit
        await asyncio.shield(commit)
        if self._problem is not None:
            raise self._problem

    @property
    def _keyed(self) -> Call | None:
        """The call, when its answer is kept for replay."""
        return self._call if self._call is not None and self._call.idempotency_key else None

    async def _commit(self) -> None:
        """Never raises: its caller may be gone. `_problem` is what went wrong."""
        try:
            self._tell_of_call()
            if self._events:
                await self._run(_execute, *outbox.insertion(self._service, self._events))
            if self._keyed is not None and self._answer is not None:
                values = idempotency.record_parameters(self._keyed, self._answer, self._clock.now())
                await self._run(_execute, idempotency.statements(self._service).record, values)
            if self._connection is not None:
                await self._send_commit(self._connection)
                if self._events:
                    self._emitted()
            if self._call is not None:
                self._call.audit_recorded = self._call.audited
                if self._events:
                    self._call.response_metadata[CONSISTENCY_HEADER] = self._events[0].id
        except Exception as error:  # noqa: BLE001 - told to the caller, if there is one still
            self._problem = error
        finally:
            self._open = False
            self._abandon()

    def _tell_of_call(self) -> None:
        """An audited call is in the trail if what it did is there, and only then."""
        call = self._call
        if call is not None and call.audited and not call.audit_recorded:
            user_id = call.identity.user_id if call.identity else ""
            self.emit(audit.AGGREGATE, self._ids.new(), 1, audit.rpc_audited(call), user_id)

    async def _send_commit(self, connection: Connection) -> None:
        try:
            status = await connection.execute("COMMIT")
        except Exception as error:
            raise translate(error, lost=connection.is_closed()) from error
        if status != "COMMIT":
            raise SessionMisuseError("a statement of this session failed and its error was caught inside the block")
        self._connection = None
        self._pool.release(connection)

    async def _roll_back(self, error: BaseException | None) -> None:
        """At once, so that locks are gone when the caller hears of it; in the background when it is cancelled."""
        self._open = False
        connection, self._connection = self._connection, None
        if connection is None:
            return
        if isinstance(error, Exception | None):
            try:
                await connection.execute("ROLLBACK")
            except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError):
                pass  # release finds out what state it is in
            except BaseException:
                self._pool.release(connection, clean=False)
                raise
        self._pool.release(connection)


async def _execute(connection: Connection, sql: str, *arguments: Any) -> str:
    return await connection.execute(sql, *arguments)
