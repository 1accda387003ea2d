"""Traces: the edge decides which calls are sampled; a call that isn't costs nothing but reading its header.

Spans are made when they end. Until then they are an id in a `traceparent`, so nothing has to be kept, and a
failed call that wasn't sampled can still be reported, late. The OpenTelemetry SDK is loaded only to export.
"""

import os
import re
import time
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from contextvars import Token
from dataclasses import dataclass
from types import TracebackType
from typing import Literal, Protocol

from chassis.call import Call
from chassis.telemetry import context
from chassis.telemetry.context import Scope

Kind = Literal["internal", "server", "client", "producer", "consumer"]

_TRACEPARENT = re.compile(r"00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")
# Where the parts of a traceparent are.
_TRACE = slice(3, 35)
_UP_TO_SPAN = slice(0, 36)
_SPAN = slice(36, 52)
_SAMPLED = frozenset("13579bdf")
"""Last digits of flags in which the lowest bit, sampled, is set."""
_FAULTS = frozenset({2, 4, 12, 13, 14, 15})
"""Status codes that are the server's failure, by OpenTelemetry's conventions: the span's status is an error."""


@dataclass(frozen=True, slots=True)
class Span:
    """A piece of work that is over. Ids are hexadecimal; times are Unix time in nanoseconds."""

    name: str
    kind: Kind
    service: str
    trace_id: str
    span_id: str
    parent_id: str
    """Empty at the root of a trace."""
    started: int
    ended: int
    attributes: Mapping[str, str | int]
    is_error: bool


class Sink(Protocol):
    """Where spans go. Neither method may raise."""

    def emit(self, span: Span) -> None:
        """Takes a span, without waiting; drops it when there are too many."""
        ...

    def close(self) -> None:
        """Sends what is there and stops, within a few seconds."""
        ...


_sink: Sink | None = None


def configure(endpoint: str) -> None:
    """Exports spans to an OTLP collector (gRPC), as `http://collector:4317`. Empty: none are made."""
    global _sink  # noqa: PLW0603 - one per process, like logging
    if endpoint:
        from chassis.telemetry.otlp import OtlpSink  # noqa: PLC0415 - a third of a second to import

        _sink = OtlpSink(endpoint)


def shutdown() -> None:
    """Sends the last spans, within a few seconds even when the collector is dead."""
    global _sink  # noqa: PLW0603 - as above
    if _sink is not None:
        _sink.close()
        _sink = None


def start(call: Call, service: str) -> Token[Scope]:
    """Continues the trace that a call came with, or begins one that isn't sampled, and labels logs with it.

    Sets `call.traceparent` to what calls made for this one carry on. Give the token to `context.unbind`
    after `finish`.
    """
    header = call.traceparent
    if not _TRACEPARENT.fullmatch(header):
        header = _new_trace()
    elif _sink is not None and header[-1] in _SAMPLED:
        header = _child(header)
    call.traceparent = header
    return context.bind(service, call.request_id, header)


def finish(call: Call, code: int, started: float) -> None:
    """Emits the span of a call that is over, when it is sampled or has failed.

    `started` is on the monotonic clock, `code` the gRPC status code.
    """
    sink = _sink
    if sink is None or (code == 0 and call.traceparent[-1:] not in _SAMPLED):
        return
    own = call.traceparent
    incoming = call.metadata.get("traceparent", "")
    if own == incoming:  # not sampled: no id was set apart for it
        own = _child(own)
    continued = isinstance(incoming, str) and incoming[_TRACE] == own[_TRACE]
    service, _, method = call.method.removeprefix("/").partition("/")
    now = time.time_ns()
    sink.emit(
        Span(
            name=f"{service}/{method}",
            kind="server",
            service=context.current().service,
            trace_id=own[_TRACE],
            span_id=own[_SPAN],
            parent_id=incoming[_SPAN] if isinstance(incoming, str) and continued else "",
            started=now - int((time.monotonic() - started) * 1e9),
            ended=now,
            attributes={
                "rpc.system": "grpc",
                "rpc.service": service,
                "rpc.method": method,
                "rpc.grpc.status_code": code,
                "fitnesshub.request_id": call.request_id,
            },
            is_error=code in _FAULTS,
        )
    )


def outgoing() -> str:
    """The `traceparent` for calls made now; empty outside of any trace."""
    return context.current().traceparent


def span(name: str, kind: Kind = "internal", **attributes: str | int) -> AbstractContextManager[None]:
    """A step within the work in progress, as a query or a call to another system.

    Does nothing when the work isn't sampled. An exception that leaves it makes it an error.
    """
    scope = context.current()
    if _sink is None or scope.traceparent[-1:] not in _SAMPLED:
        return _NO_SPAN
    return _OpenSpan(_sink, scope, name, kind, attributes)


_NO_SPAN = nullcontext()


class _OpenSpan(AbstractContextManager[None]):
    def __init__(self, sink: Sink, scope: Scope, name: str, kind: Kind, attributes: Mapping[str, str | int]) -> None:
        self._sink = sink
        self._scope = scope
        self._name = name
        self._kind: Kind = kind
        self._attributes = attributes
        self._own = _child(scope.traceparent)

    def __enter__(self) -> None:
        self._started = time.time_ns()
        self._token = context.bind(self._scope.service, self._scope.request_id, self._own)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        context.unbind(self._token)
        self._sink.emit(
            Span(
                name=self._name,
                kind=self._kind,
                service=self._scope.service,
                trace_id=self._own[_TRACE],
                span_id=self._own[_SPAN],
                parent_id=self._scope.traceparent[_SPAN],
                started=self._started,
                ended=time.time_ns(),
                attributes=self._attributes,
                is_error=error is not None,
            )
        )


def _new_trace() -> str:
    random = os.urandom(24).hex()
    return f"00-{random[:32]}-{random[32:]}-00"


def _child(traceparent: str) -> str:
    """The same trace and flags, with a new span id."""
    return f"{traceparent[_UP_TO_SPAN]}{os.urandom(8).hex()}{traceparent[52:]}"
