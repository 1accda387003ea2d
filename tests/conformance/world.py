"""A process in miniature: a pipeline over the echo service, with real keys, on any host and any channel."""

import time
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from grpc import aio

from chassis.call import Call
from chassis.channel import Channel, InProcess, Network
from chassis.clock import SystemClock
from chassis.host_grpc import GrpcioHost
from chassis.identity import AccessTokens, EndedSessions, ServiceTokens, ServiceTokenSource
from chassis.pipeline import Guards, Pipeline
from chassis.redis_client import connect
from chassis.tokens import make_secrets, sign_access_token
from tests.conformance.echo import EchoApi, compile_stubs, echo_contract

ISSUER = "http://localhost/auth/v1"
SERVICES = ["friend", "stranger", "user"]


@dataclass
class World:
    """The parts a test needs."""

    pipeline: Pipeline
    api: EchoApi
    pb2: Any
    pb2_grpc: Any
    secrets: Path

    def access_token(
        self,
        *,
        user_id: str = "018f0000-0000-7000-8000-000000000001",
        roles: tuple[str, ...] = ("member",),
        expires_in: float = 60,
        **changed: Any,
    ) -> str:
        """A signed access token; `changed` replaces claims."""
        now = int(time.time())
        claims = {
            "iss": ISSUER,
            "aud": "authenticated",
            "sub": user_id,
            "exp": int(now + expires_in),
            "iat": now,
            "email": "a@example.org",
            "role": "authenticated",
            "session_id": "018f0000-0000-7000-8000-000000000002",
            "app_metadata": {"roles": list(roles)},
            "user_metadata": {},
        }
        return sign_access_token(self.secrets / "access-token.pem", claims | changed)

    def stub(self, transport: Any) -> Any:
        """The generated stub over one of our channels."""
        return self.pb2_grpc.EchoServiceStub(Channel(transport))


def make_world(secrets: Path) -> World:
    """A compiled pipeline with fresh secrets in a folder."""
    make_secrets(secrets, SERVICES)
    pb2, pb2_grpc = compile_stubs()
    guards = Guards(
        AccessTokens(secrets / "access-token-keys.json", ISSUER, SystemClock()),
        ServiceTokens(secrets / "service-keys.json"),
        EndedSessions(connect("redis://127.0.0.1:1", "")),
    )
    pipeline = Pipeline(echo_contract(), guards, nothing_recorded)
    api = EchoApi()
    pipeline.add(pb2.DESCRIPTOR.services_by_name["EchoService"], api)
    return World(pipeline, api, pb2, pb2_grpc, secrets)


async def nothing_recorded(call: Call, _code: int, _reason: str) -> None:
    """No method of the echo service is audited."""
    raise AssertionError(call.method)


@asynccontextmanager
async def grpcio_host(world: World) -> AsyncIterator[str]:
    """The grpcio host; yields host:port."""
    host = GrpcioHost(world.pipeline, ["fitnesshub_testing.v1.EchoService"])
    port = await host.start("127.0.0.1:0")
    await host.set_serving("", serving=True)
    try:
        yield f"127.0.0.1:{port}"
    finally:
        await host.stop(0)


HOSTS: dict[str, Callable[[World], AbstractAsyncContextManager[str]]] = {"grpcio": grpcio_host}
"""Every host that runs the pipeline; one suite runs over all of them."""


@asynccontextmanager
async def in_process(world: World, owner: str) -> AsyncIterator[Any]:
    """A transport inside the process."""
    yield InProcess(world.pipeline, owner)


@asynccontextmanager
async def network(world: World, owner: str) -> AsyncIterator[Any]:
    """A transport over a socket, with the owner's service token."""
    async with grpcio_host(world) as address, aio.insecure_channel(address) as channel:
        yield Network(channel, ServiceTokenSource(owner, world.secrets / f"service-{owner}.pem"))


TRANSPORTS: dict[str, Callable[[World, str], AbstractAsyncContextManager[Any]]] = {
    "in-process": in_process,
    "network": network,
}
"""Every way to call another service; one suite runs over both."""
