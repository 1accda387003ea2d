"""Every service of the mesh in miniature: answers what a test told it to and remembers what it was asked."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import grpc
from google.protobuf.message import Message
from grpc import aio
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection

from chassis.contract import load_contract

Behaviour = Callable[["Asked"], Awaitable[Message | bytes]]


@dataclass
class Asked:
    """One call as the service saw it."""

    path: str
    request: bytes
    metadata: dict[str, str | bytes]
    time_remaining: float | None
    context: Any = field(repr=False)

    async def fail(self, code: grpc.StatusCode, message: str, *trailing: tuple[str, str | bytes]) -> bytes:
        """Ends the call with a status."""
        self.context.set_trailing_metadata(trailing)
        await self.context.abort(code, message)
        raise AssertionError("abort raises")

    async def send_headers(self, *headers: tuple[str, str]) -> None:
        """Sends initial metadata."""
        await self.context.send_initial_metadata(headers)


class Backend(grpc.GenericRpcHandler):
    """A grpc.aio server for any path. `behaviours` maps paths to answers; the rest is UNIMPLEMENTED."""

    def __init__(self) -> None:
        self.behaviours: dict[str, Behaviour] = {}
        self.asked: list[Asked] = []
        self.cancelled: list[str] = []
        self.port = 0
        self._server: Any = None
        self._checks: Any = None

    async def start(self) -> None:
        """Listens on a free port; on the same one again after a stop."""
        self._server = aio.server(options=[("grpc.max_receive_message_length", 16 << 20), ("grpc.so_reuseport", 0)])
        self._server.add_generic_rpc_handlers((self,))
        self._checks = health.aio.HealthServicer()
        health_pb2_grpc.add_HealthServicer_to_server(self._checks, self._server)
        reflection.enable_server_reflection(["fitnesshub.workout.v1.WorkoutService"], self._server)
        self.port = self._server.add_insecure_port(f"127.0.0.1:{self.port}")
        await self._server.start()
        await self.say(serving=True)

    async def say(self, *, serving: bool) -> None:
        """What health checks of every service hear."""
        status = health_pb2.HealthCheckResponse.SERVING if serving else health_pb2.HealthCheckResponse.NOT_SERVING
        for name in ("", *load_contract().hosts()):
            await self._checks.set(name, status)

    async def stop(self) -> None:
        """Stops at once."""
        await self._server.stop(0)

    def answers(self, path: str, answer: Behaviour | Message | bytes) -> None:
        """Sets what a path answers."""
        if callable(answer):
            self.behaviours[path] = answer
            return

        async def constant(_: Asked) -> Message | bytes:
            return answer

        self.behaviours[path] = constant

    def last(self, path: str) -> Asked:
        """The latest call of a path."""
        return next(each for each in reversed(self.asked) if each.path == path)

    def count(self, path: str) -> int:
        """Calls of a path so far."""
        return sum(each.path == path for each in self.asked)

    def service(self, details: grpc.HandlerCallDetails) -> "grpc.RpcMethodHandler[Any, Any] | None":
        path = str(details.method)
        if path.startswith(("/grpc.health.", "/grpc.reflection.")):
            return None

        async def handle(request: bytes, context: Any) -> bytes:
            asked = Asked(path, request, dict(context.invocation_metadata()), context.time_remaining(), context)
            self.asked.append(asked)
            behaviour = self.behaviours.get(path)
            if behaviour is None:
                return await asked.fail(grpc.StatusCode.UNIMPLEMENTED, "no behaviour set")
            try:
                answer = await behaviour(asked)
            except asyncio.CancelledError:
                self.cancelled.append(path)
                raise
            return answer if isinstance(answer, bytes) else answer.SerializeToString()

        return grpc.unary_unary_rpc_method_handler(handle)
