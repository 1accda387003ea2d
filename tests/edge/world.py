"""One real Envoy in front of the backend in miniature, and callers of it."""

import asyncio
import itertools
import json
import socket
import subprocess
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import jwt
from cryptography.hazmat.primitives.asymmetric import ec
from google.api import httpbody_pb2
from google.protobuf.descriptor import FileDescriptor
from google.protobuf.descriptor_pb2 import FileDescriptorSet

from chassis.contract import Contract, load_contract
from chassis.edge.files import envoy_binary, write_files
from chassis.edge.render import render
from chassis.edge.topology import Address, Topology
from tests.edge.backend import Backend

ROOT = Path(__file__).parents[2]
ISSUER = "http://localhost:8080/auth/v1"
ORIGIN = "http://localhost:3000"
KEY_SET = "/fitnesshub.user.v1.GoTrueService/GoTrueGetJwks"
_addresses = itertools.count(1)


def free_ports(count: int) -> list[int]:
    """Ports that are free right now."""
    holders = [socket.socket() for _ in range(count)]
    for holder in holders:
        holder.bind(("127.0.0.1", 0))
    ports = [int(holder.getsockname()[1]) for holder in holders]
    for holder in holders:
        holder.close()
    return ports


async def until(condition: Callable[[], Any], what: str, seconds: float = 15) -> None:
    """Waits until the condition holds (it may be a coroutine function)."""
    deadline = time.monotonic() + seconds
    while True:
        held = condition()
        if asyncio.iscoroutine(held):
            held = await held
        if held:
            return
        if time.monotonic() > deadline:
            raise AssertionError(f"never came true: {what}")
        await asyncio.sleep(0.02)


@dataclass
class Issuer:
    """Signs access tokens, as the user service does."""

    key: ec.EllipticCurvePrivateKey = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))

    def key_set(self) -> bytes:
        """The public key, as JWKS."""
        public = json.loads(jwt.algorithms.ECAlgorithm.to_jwk(self.key.public_key()))
        return json.dumps({"keys": [public | {"kid": "k1", "alg": "ES256", "use": "sig"}]}).encode()

    def token(self, *roles: str, user: str = "018f0000-0000-7000-8000-000000000001", **changed: Any) -> str:
        """A good token; `changed` replaces claims, None drops one."""
        now = int(time.time())
        claims = {
            "iss": ISSUER,
            "aud": "authenticated",
            "sub": user,
            "iat": now,
            "exp": now + 600,
            "app_metadata": {"provider": "email", "roles": list(roles or ("member",))},
            "user_metadata": {"roles": ["admin"]},
        } | changed
        kept = {name: value for name, value in claims.items() if value is not None}
        return jwt.encode(kept, self.key, algorithm="ES256", headers={"kid": "k1"})


@dataclass
class World:
    """Everything a test of the edge needs."""

    topology: Topology
    folder: Path
    backend: Backend
    gateway: Backend
    issuer: Issuer
    log: Path

    @property
    def url(self) -> str:
        """Of the edge."""
        return f"http://127.0.0.1:{self.topology.edge.port}"

    @property
    def target(self) -> str:
        """Of the edge, for gRPC."""
        return f"127.0.0.1:{self.topology.edge.port}"

    @property
    def mesh(self) -> str:
        """Of the mesh listener, for gRPC."""
        return f"127.0.0.1:{self.topology.mesh.port}"

    def caller(self, *roles: str, anonymous: bool = False, **headers: str) -> httpx.AsyncClient:
        """A caller from an address of its own, so that rate limits don't reach from test to test."""
        if not anonymous:
            headers["authorization"] = f"Bearer {self.issuer.token(*roles)}"
        number = next(_addresses)
        address = f"127.1.{number // 250}.{number % 250 + 1}"
        # No TLS here; without `verify` httpx doesn't load certificates, which costs more than a call.
        transport = httpx.AsyncHTTPTransport(local_address=address, verify=False)
        return httpx.AsyncClient(base_url=self.url, headers=headers, transport=transport, timeout=10)

    async def admin(self, path: str) -> str:
        """Asks Envoy's admin port."""
        async with httpx.AsyncClient(verify=False) as client:
            answer = await client.get(f"http://127.0.0.1:{self.topology.admin.port}{path}")
        return answer.text if answer.status_code == 200 else ""

    async def stat(self, name: str) -> int:
        """One of Envoy's counters or gauges, 0 when it has none of that name."""
        text = await self.admin(f"/stats?filter=^{name}$")
        return int(text.rpartition(":")[2]) if text else 0

    def bearer(self, *roles: str, **claims: Any) -> tuple[tuple[str, str], ...]:
        """gRPC metadata with a token."""
        return (("authorization", f"Bearer {self.issuer.token(*roles, **claims)}"),)

    def access_log(self) -> list[dict[str, Any]]:
        """Lines of the access log so far."""
        return [json.loads(line) for line in self.log.read_text().splitlines()]


@asynccontextmanager
async def running_world(
    folder: Path,
    *,
    key_set: bool = True,
    contract: Contract | None = None,
    clusters: Mapping[str, Sequence[Address]] | None = None,
) -> AsyncIterator[World]:
    """Starts backend and Envoy, and stops both. Without `key_set` no keys of access tokens can be had.

    `contract` is the product's unless given; services in `clusters` answer there and not in the backend.
    """
    contract = contract or load_contract()
    backend, gateway, issuer = Backend(), Backend(), Issuer()
    await backend.start()
    await gateway.start()
    if key_set:
        backend.answers(KEY_SET, httpbody_pb2.HttpBody(content_type="application/json", data=issuer.key_set()))
    edge, mesh, admin = free_ports(3)
    services = {name: [Address("127.0.0.1", backend.port)] for name in contract.hosts()}
    topology = Topology(
        profile="test",
        edge=Address("127.0.0.1", edge),
        mesh=Address("127.0.0.1", mesh),
        admin=Address("127.0.0.1", admin),
        clusters={**services, "gateway": [Address("127.0.0.1", gateway.port)], **(clusters or {})},
        descriptor=_descriptor(contract, folder),
        allowed_origins=(ORIGIN,),
        issuer=ISSUER,
        routes_folder=folder,
        access_log=folder / "access.log",
    )
    write_files(render(contract, topology), folder)
    world = World(topology, folder, backend, gateway, issuer, folder / "access.log")
    envoy = start_envoy(folder)
    try:
        await until(lambda: _ready(world, envoy, key_set), "Envoy is ready and has the key set")
        yield world
    finally:
        envoy.terminate()
        envoy.wait(10)
        await backend.stop()
        await gateway.stop()


def _descriptor(contract: Contract, folder: Path) -> Path:
    """The generated descriptor set, with the files of the contract, and of what they import, that aren't in it."""
    found = FileDescriptorSet.FromString((ROOT / "gen" / "fitnesshub" / "descriptor.binpb").read_bytes())
    known = {file.name for file in found.file}

    def add(file: FileDescriptor) -> None:
        if file.name not in known:
            known.add(file.name)
            for imported in file.dependencies:
                add(imported)
            file.CopyToProto(found.file.add())

    for file in contract.files:
        add(file)
    path = folder / "descriptor.binpb"
    path.write_bytes(found.SerializeToString())
    return path


def start_envoy(folder: Path) -> "subprocess.Popen[bytes]":
    """Starts Envoy on the configuration in a folder; its own log goes there too."""
    options = ["--disable-hot-restart", "--concurrency", "1", "--file-flush-interval-msec", "50"]
    with (folder / "envoy.log").open("wb") as log:
        return subprocess.Popen(
            [envoy_binary(), "-c", folder / "envoy.json", *options, "--log-level", "warning"],
            stdout=log,
            stderr=subprocess.STDOUT,
        )


async def _ready(world: World, envoy: "subprocess.Popen[bytes]", key_set: bool) -> bool:
    if envoy.poll() is not None:
        raise AssertionError((world.folder / "envoy.log").read_text()[-3000:])
    try:
        fetched = await world.stat("http.edge.jwt_authn.jwks_fetch_success") > 0
        return "LIVE" in await world.admin("/ready") and (fetched or not key_set)
    except httpx.TransportError:
        return False
