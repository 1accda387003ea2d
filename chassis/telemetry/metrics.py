"""Metrics: prometheus_client children bound at start, so that a call costs one histogram record (under 1 µs).

Gauges are functions that are read when somebody asks, and cost nothing in between.
"""

import asyncio
import logging
import math
from collections.abc import Callable

from google.rpc.code_pb2 import Code
from prometheus_client import Gauge, Histogram, disable_created_metrics, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST

log = logging.getLogger(__name__)

BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""Seconds. A read takes about 1 ms, an interactive call is cut at 5 s."""
MAX_HEAD = 8192
"""Bytes of a request's head; a scraper sends about 300."""
MAX_CONNECTIONS = 16
"""At once; a scraper and a probe need two."""
TIMEOUT = 5.0
"""Seconds from a connection's start to its end, whatever the other side does."""

CODES = tuple(Code.Name(number) for number in range(17))
"""Names of the status codes, by number."""

disable_created_metrics()  # type: ignore[no-untyped-call]  # they double what is sent, and nobody reads them

_duration = Histogram(
    "rpc_duration_seconds", "Time from a call's arrival to its answer", ("service", "method", "code"), buckets=BUCKETS
)
_gauges: dict[str, Gauge] = {}


class RpcMetric:
    """The metric of one method."""

    __slots__ = ("_method", "_observers", "_service")

    def __init__(self, service: str, method: str) -> None:
        self._service = service
        self._method = method
        # Most codes never come: each gets its series when it first does.
        self._observers: list[Callable[[float], None] | None] = [None] * len(CODES)
        self._bind(0)

    def observe(self, code: int, seconds: float) -> None:
        """Records a call: its status code and how long it took."""
        observer = self._observers[code] or self._bind(code)
        observer(seconds)

    def _bind(self, code: int) -> Callable[[float], None]:
        observer: Callable[[float], None] = _duration.labels(self._service, self._method, CODES[code]).observe
        self._observers[code] = observer
        return observer


def bind(service: str, method: str) -> RpcMetric:
    """The metric of a method, to be made once at start."""
    return RpcMetric(service, method)


def watch(name: str, documentation: str, read: Callable[[], float], **labels: str) -> None:
    """A gauge whose value is read at each scrape, maybe from another thread.

    The same name with other labels adds a series; the same labels again replace the function. A function
    that raises shows as NaN.
    """
    if name not in _gauges:
        _gauges[name] = Gauge(name, documentation, tuple(labels))
    gauge = _gauges[name].labels(**labels) if labels else _gauges[name]

    def value() -> float:
        try:
            return read()
        except Exception:
            log.exception("the gauge %s can't be read", name)
            return math.nan

    gauge.set_function(value)


class MetricsServer:
    """A tiny HTTP server for scrapers and probes: GET /metrics and GET /ready, one request a connection."""

    def __init__(self, ready: Callable[[], bool]) -> None:
        self._ready = ready
        self._servers: list[asyncio.Server] = []
        self._connections: set[asyncio.Task[None]] = set()
        self.port = 0
        """The port it listens on."""

    async def start(self, host: str, port: int) -> None:
        """Listens. Raises OSError when the port is taken."""
        server = await asyncio.start_server(self._accept, host, port, limit=MAX_HEAD)
        self._servers.append(server)
        self.port = int(server.sockets[0].getsockname()[1])

    async def close(self) -> None:
        """Stops listening and ends what is in progress."""
        for server in self._servers:
            server.close()
        for connection in self._connections:
            connection.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)
        for server in self._servers:
            await server.wait_closed()

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if len(self._connections) >= MAX_CONNECTIONS:
            writer.transport.abort()
            return
        task = asyncio.get_running_loop().create_task(self._talk(reader, writer))
        self._connections.add(task)
        task.add_done_callback(self._connections.discard)

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(TIMEOUT):
                writer.write(await self._answer(reader))
                await writer.drain()
                writer.close()
                await writer.wait_closed()
        except (TimeoutError, OSError, asyncio.IncompleteReadError):
            log.debug("a client of the metrics port went away, or was too slow")
        finally:
            # After a proper close this does nothing; otherwise nothing stays in a buffer that nobody reads.
            writer.transport.abort()

    async def _answer(self, reader: asyncio.StreamReader) -> bytes:
        try:
            head = await reader.readuntil(b"\r\n\r\n")
        except asyncio.LimitOverrunError:
            return _response("431 Request Header Fields Too Large")
        words = head.split(b"\r\n", 1)[0].split(b" ")
        if len(words) != 3 or not words[2].startswith(b"HTTP/1."):
            return _response("400 Bad Request")
        if words[0] not in (b"GET", b"HEAD"):
            return _response("405 Method Not Allowed")
        path = words[1].partition(b"?")[0]
        if path == b"/ready":
            answer = (
                _response("200 OK", b"ready\n")
                if self._ready()
                else _response("503 Service Unavailable", b"not ready\n")
            )
        elif path == b"/metrics":
            # Some milliseconds of formatting, off the loop.
            answer = _response("200 OK", await asyncio.to_thread(generate_latest), CONTENT_TYPE_LATEST)
        else:
            answer = _response("404 Not Found")
        return answer.partition(b"\r\n\r\n")[0] + b"\r\n\r\n" if words[0] == b"HEAD" else answer


def _response(status: str, body: bytes | None = None, content_type: str = "text/plain; charset=utf-8") -> bytes:
    content = f"{status}\n".encode() if body is None else body
    head = (
        f"HTTP/1.1 {status}\r\ncontent-type: {content_type}\r\ncontent-length: {len(content)}\r\n"
        "cache-control: no-store\r\nconnection: close\r\n\r\n"
    )
    return head.encode() + content


async def serve_metrics(port: int, ready: Callable[[], bool], host: str = "127.0.0.1") -> MetricsServer:
    """Serves /metrics and /ready (200 or 503). Port 0 takes a free one. Raises OSError when the port is taken."""
    server = MetricsServer(ready)
    await server.start(host, port)
    return server
