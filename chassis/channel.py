"""Calls between services, behind ordinary generated stubs.

`WorkoutServiceStub(runtime.channel("workout"))` works the same whether the callee lives in this process
(its pipeline is called directly: same serialisation, same checks, never a retry) or elsewhere (through
Envoy's mesh listener, which retries, breaks and balances). Failures are raised as the callee raised them.
"""

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Callable, Coroutine, Iterable
from contextlib import aclosing
from contextvars import Context
from typing import Any, Protocol

from grpc import aio

from chassis.db_errors import SessionMisuseError
from chassis.endpoint import Endpoint, Incoming, StatusError
from chassis.errors import DeadlineExceeded, Unimplemented
from chassis.identity import ServiceTokenSource
from chassis.pipeline import CALLER_HEADER, Pipeline, current_call
from chassis.sessions import in_write_transaction
from chassis.status import DETAILS_KEY, from_status
from chassis.telemetry import traces

Serialize = Callable[[Any], bytes]
Deserialize = Callable[[bytes], Any]
Metadata = Iterable[tuple[str, str | bytes]]

FORWARDED = ("authorization", "x-request-id", "tracestate", "accept-language")
"""What a call made while answering another takes along: on whose behalf, under which id."""
DEFAULT_TIMEOUT = 5.0
"""Seconds for a call made by nobody's call, as a background worker's; the contract may allow less."""


class Transport(Protocol):
    """Carries bytes to a method and back. Raises Failure."""

    async def unary(
        self, path: str, payload: bytes | AsyncIterator[bytes], metadata: dict[str, str | bytes], deadline: float
    ) -> bytes:
        """One answer. `deadline` is on the monotonic clock."""
        ...

    def stream(
        self, path: str, payload: bytes | AsyncIterator[bytes], metadata: dict[str, str | bytes], deadline: float
    ) -> AsyncGenerator[bytes, None]:
        """A stream of answers."""
        ...


class Channel:
    """What a generated stub needs of a channel, over a transport of ours."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def unary_unary(
        self, method: str, request_serializer: Serialize, response_deserializer: Deserialize, **_registered: Any
    ) -> Callable[..., Coroutine[Any, Any, Any]]:
        """A callable for one request and one answer."""
        transport = self._transport

        async def call(request: Any, *, timeout: float | None = None, metadata: Metadata = ()) -> Any:
            with traces.span(method, "client"):
                headers, deadline = _outgoing(timeout, metadata)
                answer = await transport.unary(method, request_serializer(request), headers, deadline)
            return response_deserializer(answer)

        return call

    def stream_unary(
        self, method: str, request_serializer: Serialize, response_deserializer: Deserialize, **_registered: Any
    ) -> Callable[..., Coroutine[Any, Any, Any]]:
        """A callable for a stream of requests and one answer."""
        transport = self._transport

        async def call(requests: AsyncIterable[Any], *, timeout: float | None = None, metadata: Metadata = ()) -> Any:
            with traces.span(method, "client"):
                headers, deadline = _outgoing(timeout, metadata)
                payload = _serialized(requests, request_serializer)
                answer = await transport.unary(method, payload, headers, deadline)
            return response_deserializer(answer)

        return call

    def unary_stream(
        self, method: str, request_serializer: Serialize, response_deserializer: Deserialize, **_registered: Any
    ) -> Callable[..., AsyncIterator[Any]]:
        """A callable for one request and a stream of answers."""
        transport = self._transport

        async def call(request: Any, *, timeout: float | None = None, metadata: Metadata = ()) -> AsyncIterator[Any]:
            with traces.span(method, "client"):
                headers, deadline = _outgoing(timeout, metadata)
                payload = request_serializer(request)
                async with aclosing(transport.stream(method, payload, headers, deadline)) as answers:
                    async for data in answers:
                        yield response_deserializer(data)

        return call

    def stream_stream(
        self, method: str, request_serializer: Serialize, response_deserializer: Deserialize, **_registered: Any
    ) -> Callable[..., AsyncIterator[Any]]:
        """A callable for streams both ways."""
        transport = self._transport

        async def call(
            requests: AsyncIterable[Any], *, timeout: float | None = None, metadata: Metadata = ()
        ) -> AsyncIterator[Any]:
            with traces.span(method, "client"):
                headers, deadline = _outgoing(timeout, metadata)
                payload = _serialized(requests, request_serializer)
                async with aclosing(transport.stream(method, payload, headers, deadline)) as answers:
                    async for data in answers:
                        yield response_deserializer(data)

        return call


async def _serialized(requests: AsyncIterable[Any], serialize: Serialize) -> AsyncIterator[bytes]:
    async for request in requests:
        yield serialize(request)


def _outgoing(timeout: float | None, metadata: Metadata) -> tuple[dict[str, str | bytes], float]:
    """Headers and deadline of a call, given the one being answered. Raises DeadlineExceeded when no time is left."""
    if in_write_transaction.get():
        raise SessionMisuseError("a call inside an open write transaction would hold its locks for a network's time")
    call = current_call.get()
    now = time.monotonic()
    deadline = now + (DEFAULT_TIMEOUT if timeout is None else timeout)
    headers: dict[str, str | bytes] = {}
    if call is not None:
        if call.deadline is not None:
            deadline = call.deadline if timeout is None else min(deadline, call.deadline)
        for key in FORWARDED:
            if value := call.metadata.get(key):
                headers[key] = value
    if deadline <= now:
        raise DeadlineExceeded("DEADLINE_EXCEEDED", "no time is left to ask another service")
    if trace := traces.outgoing():
        headers["traceparent"] = trace
    headers.update(metadata)
    return headers, deadline


class InProcess:
    """Calls the pipeline of this process in the name of `owner`.

    The callee runs in a fresh context, so that it sees nothing of the caller but what a network would carry.
    """

    def __init__(self, pipeline: Pipeline, owner: str) -> None:
        self._pipeline = pipeline
        self._owner = owner

    async def unary(
        self, path: str, payload: bytes | AsyncIterator[bytes], metadata: dict[str, str | bytes], deadline: float
    ) -> bytes:
        unary = self._endpoint(path).unary
        if unary is None:
            raise TypeError(f"{path} answers with a stream")
        incoming = Incoming(metadata, deadline, caller=self._owner)
        task = asyncio.get_running_loop().create_task(_run(unary(payload, incoming)), context=Context())
        try:
            return await task  # type: ignore[no-any-return]
        except StatusError as status:
            raise from_status(status.code, status.message, status.details) from None

    async def stream(
        self, path: str, payload: bytes | AsyncIterator[bytes], metadata: dict[str, str | bytes], deadline: float
    ) -> AsyncGenerator[bytes, None]:
        stream = self._endpoint(path).stream
        if stream is None:
            raise TypeError(f"{path} answers with one message")
        answers = stream(payload, Incoming(metadata, deadline, caller=self._owner))
        context = Context()
        loop = asyncio.get_running_loop()
        try:
            while True:
                try:
                    yield await loop.create_task(_run(anext(answers)), context=context)
                except StopAsyncIteration:
                    return
                except StatusError as status:
                    raise from_status(status.code, status.message, status.details) from None
        finally:
            await loop.create_task(_run(answers.aclose()), context=context)

    def _endpoint(self, path: str) -> Endpoint:
        endpoint = self._pipeline.endpoints.get(path)
        if endpoint is None:
            raise Unimplemented("NOT_IMPLEMENTED", "this server doesn't offer this method")
        return endpoint


async def _run(awaitable: Any) -> Any:
    return await awaitable


class Network:
    """Calls a service through Envoy's mesh listener, proving who calls by a short-lived token."""

    def __init__(self, channel: aio.Channel, tokens: ServiceTokenSource) -> None:
        self._channel = channel
        self._tokens = tokens
        self._calls: dict[tuple[str, str], Any] = {}

    async def unary(
        self, path: str, payload: bytes | AsyncIterator[bytes], metadata: dict[str, str | bytes], deadline: float
    ) -> bytes:
        kind = "unary_unary" if isinstance(payload, bytes) else "stream_unary"
        try:
            return await self._call(kind, path)(  # type: ignore[no-any-return]
                payload, timeout=deadline - time.monotonic(), metadata=self._headers(metadata)
            )
        except aio.AioRpcError as error:
            raise _failure(error) from None

    async def stream(
        self, path: str, payload: bytes | AsyncIterator[bytes], metadata: dict[str, str | bytes], deadline: float
    ) -> AsyncGenerator[bytes, None]:
        kind = "unary_stream" if isinstance(payload, bytes) else "stream_stream"
        call = self._call(kind, path)(payload, timeout=deadline - time.monotonic(), metadata=self._headers(metadata))
        try:
            async for data in call:
                yield data
        except aio.AioRpcError as error:
            raise _failure(error) from None
        finally:
            call.cancel()

    def _call(self, kind: str, path: str) -> Any:
        key = (kind, path)
        if key not in self._calls:
            self._calls[key] = getattr(self._channel, kind)(path)
        return self._calls[key]

    def _headers(self, metadata: dict[str, str | bytes]) -> tuple[tuple[str, str | bytes], ...]:
        return (*metadata.items(), (CALLER_HEADER, self._tokens.token()))


def _failure(error: aio.AioRpcError) -> Exception:
    details = b""
    for key, value in error.trailing_metadata() or ():
        if key == DETAILS_KEY and isinstance(value, bytes):
            details = value
    return from_status(error.code().value[0], error.details() or "", details)


def mesh_channel(address: str, service: str) -> aio.Channel:
    """A channel to a service through the mesh listener at host:port."""
    return aio.insecure_channel(
        address,
        options=[
            ("grpc.default_authority", f"{service}.mesh"),
            # Retries are Envoy's: two layers of them multiply.
            ("grpc.enable_retries", 0),
            ("grpc.keepalive_time_ms", 30_000),
            ("grpc.max_receive_message_length", -1),
        ],
    )
