"""The grpcio host: runs the pipeline under grpc.aio.

The standard host of pods and of the split profile. It knows sockets, health, reflection and draining,
and nothing of methods, policies or errors: those are the pipeline's.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Iterable
from contextlib import aclosing
from typing import Any

import grpc
from grpc import aio
from grpc_health.v1 import health, health_pb2, health_pb2_grpc

from chassis.endpoint import Endpoint, Incoming, StatusError
from chassis.errors import DeadlineExceeded, Failure, InvalidArgument, Unimplemented
from chassis.pipeline import Pipeline
from chassis.reflection import Handler, add_reflection
from chassis.status import DETAILS_KEY, to_status

KEEPALIVE_MS = 30_000
"""A peer that vanished is noticed after this long."""
UNREAD_GRACE = 1.0
"""Seconds that a stream's reader gets beyond the contract's time, within which the pipeline ends it by itself."""
CODES = {code.value[0]: code for code in grpc.StatusCode}


class GrpcioHost:
    """One grpc.aio server over a pipeline.

    `describes` are the full names of the proto services that reflection lists: what the process hosts,
    or for the gateway, which answers for the whole mesh, everything in the contract.
    """

    def __init__(self, pipeline: Pipeline, describes: Iterable[str]) -> None:
        self._pipeline = pipeline
        self._health = health.aio.HealthServicer()
        self._server = aio.server(
            options=[
                # Several worker processes may share the port; the kernel spreads connections over them.
                ("grpc.so_reuseport", 1),
                ("grpc.max_receive_message_length", max_request_bytes(pipeline) + 1024),
                ("grpc.max_send_message_length", -1),
                ("grpc.keepalive_time_ms", KEEPALIVE_MS),
                ("grpc.http2.min_recv_ping_interval_without_data_ms", 5_000),
                # The edge takes 24 KB and adds to it (the path twice); what it lets through must arrive.
                ("grpc.max_metadata_size", 96 * 1024),
                ("grpc.absolute_max_metadata_size", 96 * 1024),
            ],
        )
        self._server.add_generic_rpc_handlers((_Router(pipeline),))
        health_pb2_grpc.add_HealthServicer_to_server(self._health, self._server)
        add_reflection(self._server, [*describes, "grpc.health.v1.Health"])

    async def start(self, address: str) -> int:
        """Listens on host:port and returns the port. Raises OSError when it can't."""
        try:
            port = self._server.add_insecure_port(address)
        except RuntimeError as error:
            raise OSError(f"can't listen on {address}") from error
        await self._server.start()
        return port

    async def set_serving(self, service: str, *, serving: bool) -> None:
        """Sets what the health service says of a name: a proto service, a hosted service, or "" for all."""
        status = health_pb2.HealthCheckResponse.SERVING if serving else health_pb2.HealthCheckResponse.NOT_SERVING
        await self._health.set(service, status)

    async def enter_drain(self) -> None:
        """Says NOT_SERVING from now on, whatever is set later; calls still go on."""
        await self._health.enter_graceful_shutdown()

    async def stop(self, grace: float) -> None:
        """Takes no new calls, gives running ones `grace` seconds, then cancels what is left."""
        await self._server.stop(grace)


def max_request_bytes(pipeline: Pipeline) -> int:
    """The largest request of any hosted method; smaller limits are the pipeline's."""
    return max((e.method.max_request_bytes for e in pipeline.endpoints.values()), default=1 << 20)


class _Router(grpc.GenericRpcHandler):
    """Finds the compiled method; what isn't there is answered in our error shape."""

    def __init__(self, pipeline: Pipeline) -> None:
        self._handlers = {path: _handler(endpoint) for path, endpoint in pipeline.endpoints.items()}
        self._missing: Handler = grpc.stream_stream_rpc_method_handler(_missing)

    def service(self, details: grpc.HandlerCallDetails) -> "Handler | None":
        method = str(details.method)
        if method.startswith("/grpc."):
            return None
        return self._handlers.get(method, self._missing)


def _incoming(context: Any) -> Incoming:
    left = context.time_remaining()
    return Incoming(
        metadata=dict(context.invocation_metadata()),
        deadline=None if left is None else time.monotonic() + left,
        peer=_address(context.peer()),
    )


def _address(peer: str) -> str:
    """`ipv4:127.0.0.1:5000` and `ipv6:%5B::1%5D:5000` as the bare address."""
    kind, _, rest = peer.partition(":")
    return rest.rpartition(":")[0].replace("%5B", "").replace("%5D", "") if kind in ("ipv4", "ipv6") else ""


async def _abort(context: Any, status: StatusError) -> bytes:
    """Ends the call; raises, and returns nothing."""
    # All in the trailers: once initial metadata is sent, Envoy no longer retries.
    trailing = (*status.metadata.items(), (DETAILS_KEY, status.details))
    await context.abort(CODES[status.code], status.message, trailing)
    return b""


async def _missing(_requests: AsyncIterator[bytes], context: Any) -> AsyncIterator[bytes]:
    failure = Unimplemented("NOT_IMPLEMENTED", "this server doesn't offer this method")
    yield await _abort(context, _status(failure))


def _status(failure: Failure) -> StatusError:
    return StatusError(*to_status(failure, ""), {})


async def _only_message(requests: AsyncIterator[bytes], context: Any) -> bytes:
    """The request of a call that has one. Ends the call when it doesn't come whole before the caller is done."""
    async for payload in requests:
        return payload
    failure = InvalidArgument("MALFORMED_REQUEST", "the call ended before its request message was complete")
    return await _abort(context, _status(failure))


def _handler(endpoint: Endpoint) -> Handler:
    # All take a stream: to its own handlers of single messages grpcio never says that there is none, and the caller
    # waits for the deadline.
    streams_in = endpoint.method.descriptor.client_streaming
    if endpoint.unary is not None:
        unary = endpoint.unary

        async def answer(requests: AsyncIterator[bytes], context: Any) -> bytes:
            incoming = _incoming(context)
            payload = requests if streams_in else await _only_message(requests, context)
            try:
                answered = await unary(payload, incoming)
            except StatusError as status:
                return await _abort(context, status)
            if incoming.response_metadata:
                await context.send_initial_metadata(tuple(incoming.response_metadata.items()))
            return answered

        return grpc.stream_unary_rpc_method_handler(answer)
    stream = endpoint.stream
    if stream is None:
        raise TypeError(f"{endpoint.method.path} was compiled to nothing")

    limit = endpoint.method.timeout + UNREAD_GRACE

    async def answers(requests: AsyncIterator[bytes], context: Any) -> None:
        incoming = _incoming(context)
        payload = requests if streams_in else await _only_message(requests, context)
        sent_metadata = False
        try:
            # Bounds a reader that doesn't read; the time between two answers is the pipeline's.
            async with asyncio.timeout(limit), aclosing(stream(payload, incoming)) as messages:
                async for message in messages:
                    if not sent_metadata:
                        sent_metadata = True
                        if incoming.response_metadata:
                            await context.send_initial_metadata(tuple(incoming.response_metadata.items()))
                    await context.write(message)
            if incoming.response_metadata and not sent_metadata:
                await context.send_initial_metadata(tuple(incoming.response_metadata.items()))
        except StatusError as status:
            await _abort(context, status)
        except TimeoutError:
            failure = DeadlineExceeded("DEADLINE_EXCEEDED", "the answers weren't read in the time for this call")
            await _abort(context, _status(failure))

    return grpc.stream_stream_rpc_method_handler(answers)
