"""A pool of database connections, lean enough for one statement a call.

asyncpg's own costs 20 µs of CPU a use, and 40 with its reset query, where a read by key takes 17; this one
costs 2. It mends connections whose task was cancelled instead of making new ones (SCRAM: milliseconds).
"""

import asyncio
import json
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, Protocol

import asyncpg

from chassis.db_errors import unavailable

log = logging.getLogger(__name__)

STATEMENT_TIMEOUT = 90.0
"""Seconds for one statement. No call may take as long (60 s, TIMEOUT_CLASS_BULK): what does is a dead connection."""
MEND_TIMEOUT = 2.0
"""Seconds a connection has to become usable again after its task was cancelled."""


class Connection(Protocol):
    """What we use of asyncpg's connection, which comes without types."""

    async def execute(self, query: str, *arguments: Any) -> str: ...
    async def fetchval(self, query: str, *arguments: Any) -> Any: ...
    async def add_listener(self, channel: str, callback: Callable[..., None]) -> None: ...
    async def close(self, *, timeout: float) -> None: ...
    def terminate(self) -> None: ...
    def is_closed(self) -> bool: ...
    def is_in_transaction(self) -> bool: ...


class Pool:
    """At most `size` connections, made on demand, closed when idle for long."""

    def __init__(self, connect: Callable[[], Awaitable[Connection]], *, size: int, idle: float, wait: float) -> None:
        """Opens nothing yet.

        size: most connections. idle: seconds after which an unused connection is closed. wait: seconds a
        caller waits for a connection when all are in use.
        """
        self.size = size
        self.opened = 0
        """Connections there are, those being made included."""
        self._connect = connect
        self._idle_seconds = idle
        self._wait_seconds = wait
        self._idle: deque[tuple[Connection, float]] = deque()
        """Last used at the right, with when that was."""
        self._waiters: deque[asyncio.Future[Connection | None]] = deque()
        self._tasks: set[asyncio.Task[None]] = set()
        self._expiry: asyncio.TimerHandle | None = None
        self._closed = False

    @property
    def idle(self) -> int:
        """Connections that nobody uses."""
        return len(self._idle)

    @property
    def waiting(self) -> int:
        """Callers that wait for a connection."""
        return len(self._waiters)

    async def acquire(self) -> Connection:
        """A connection for the caller alone, to be given back by `release`.

        Raises Unavailable when the database can't be reached, or when none gets free in time.
        """
        while self._idle:
            connection, _ = self._idle.pop()
            if not connection.is_closed():
                return connection
            self.opened -= 1
        if self._closed:
            raise unavailable()
        if self.opened < self.size:
            return await self._open()
        return await self._wait()

    def release(self, connection: Connection, *, clean: bool = True) -> None:
        """Gives a connection back.

        clean: False when what was last done on it didn't end by itself; it is rolled back before others
        get it.
        """
        if connection.is_closed():
            self._discard()
        elif not clean or connection.is_in_transaction():
            _ = self.background(self._mend(connection))
        else:
            self._put(connection)

    def background(self, work: Coroutine[Any, Any, None]) -> "asyncio.Future[None]":
        """Runs what may outlive its caller; `close` waits for it."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def close(self) -> None:
        """Closes all idle connections and waits for work in the background. Those in use close when released."""
        self._closed = True
        if self._expiry is not None:
            self._expiry.cancel()
        while self._tasks:
            await asyncio.wait(self._tasks)
        while self._idle:
            self.opened -= 1
            await _close(self._idle.pop()[0])

    async def _open(self) -> Connection:
        self.opened += 1
        try:
            return await self._connect()
        except BaseException:
            self._discard()
            raise

    async def _wait(self) -> Connection:
        waiter: asyncio.Future[Connection | None] = asyncio.get_running_loop().create_future()
        self._waiters.append(waiter)
        try:
            async with asyncio.timeout(self._wait_seconds):
                connection = await waiter
        except BaseException as error:
            if waiter.done() and not waiter.cancelled():
                # It was given one in the very moment in which it stopped waiting.
                given = waiter.result()
                if given is None:
                    self._wake()
                else:
                    self.release(given)
            elif waiter in self._waiters:
                self._waiters.remove(waiter)
            if isinstance(error, TimeoutError):
                raise unavailable() from error
            raise
        # None: somebody else's connection is gone, and there is room for one.
        return connection if connection is not None else await self.acquire()

    def _put(self, connection: Connection) -> None:
        if self._closed:
            self.opened -= 1
            _ = self.background(_close(connection))
            return
        while self._waiters:
            waiter = self._waiters.popleft()
            if not waiter.done():
                waiter.set_result(connection)
                return
        loop = asyncio.get_running_loop()
        self._idle.append((connection, loop.time()))
        if self._expiry is None:
            self._expiry = loop.call_later(self._idle_seconds, self._expire)

    def _discard(self) -> None:
        self.opened -= 1
        self._wake()

    def _wake(self) -> None:
        while self._waiters:
            waiter = self._waiters.popleft()
            if not waiter.done():
                waiter.set_result(None)
                return

    async def _mend(self, connection: Connection) -> None:
        """Waits until a cancelled statement is over, and rolls back."""
        try:
            async with asyncio.timeout(MEND_TIMEOUT):
                await connection.execute("ROLLBACK")
        except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError):
            log.info("a database connection couldn't be rolled back; dropping it")
            connection.terminate()
            self._discard()
        except BaseException:
            connection.terminate()
            self._discard()
            raise
        else:
            self._put(connection)

    def _expire(self) -> None:
        """Closes what was idle for long; runs once per idle time while there is anything idle."""
        loop = asyncio.get_running_loop()
        now = loop.time()
        while self._idle and now - self._idle[0][1] >= self._idle_seconds:
            self.opened -= 1
            _ = self.background(_close(self._idle.popleft()[0]))
        self._expiry = loop.call_later(self._idle_seconds, self._expire) if self._idle else None


async def connect(server: str, user: str, password: str, *, service: str, timeout: float, prepared: bool) -> Connection:
    """A new connection. timeout: seconds. Raises Unavailable when there is none to be had."""
    try:
        async with asyncio.timeout(timeout):
            connection = await asyncpg.connect(
                server,
                user=user,
                password=password,
                command_timeout=STATEMENT_TIMEOUT,
                server_settings={"application_name": f"fitnesshub-{service}"},
                # Statements are constants, fewer than this a service; they are prepared once a connection.
                statement_cache_size=500 if prepared else 0,
                max_cached_statement_lifetime=0,
            )
    except (asyncpg.InvalidAuthorizationSpecificationError, asyncpg.InvalidCatalogNameError) as error:
        log.error("the database doesn't let %s in: %s", user, error)  # noqa: TRY400 - the place says nothing
        raise unavailable() from error
    except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError) as error:
        raise unavailable() from error
    # No round trip: the type is built in.
    codec = {"encoder": _encode_jsonb, "decoder": _decode_jsonb, "format": "binary"}
    await connection.set_type_codec("jsonb", schema="pg_catalog", **codec)
    return connection  # type: ignore[no-any-return]


async def _close(connection: Connection) -> None:
    try:
        await connection.close(timeout=MEND_TIMEOUT)
    except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError):
        connection.terminate()


def _encode_jsonb(value: Any) -> bytes:
    return b"\x01" + json.dumps(value, separators=(",", ":")).encode()


def _decode_jsonb(data: bytes) -> Any:
    return json.loads(data[1:])
