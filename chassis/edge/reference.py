"""Reference renderings, committed in `envoy/`: how a change of the contract changes the edge is seen in review.

Real configurations are rendered at start, with real addresses; these have the default ones.
"""

from pathlib import Path

from chassis.contract import Contract
from chassis.edge.envoy_types import Json
from chassis.edge.render import BOOTSTRAP, render
from chassis.edge.topology import Address, Topology

LOOPBACK = "127.0.0.1"
EDGE_PORT = 8080
FIRST_SERVICE_PORT = 9001
LUA_FILE = Path("envoy/edge.lua")
"""The filter's source apart, relative to the checkout like the descriptor set: a line of its own for every field."""


def reference_files(contract: Contract, descriptor: Path) -> dict[str, Json]:
    """`embedded.json` (all services in one process) and `split.json` (a process each)."""
    hosts = contract.hosts()
    one = {host: [Address(LOOPBACK, FIRST_SERVICE_PORT)] for host in hosts}
    each = {host: [Address(LOOPBACK, FIRST_SERVICE_PORT + index)] for index, host in enumerate(hosts)}
    return {
        f"{profile}.json": render(contract, _topology(profile, clusters, descriptor))[BOOTSTRAP]
        for profile, clusters in (("embedded", one), ("split", each))
    }


def _topology(profile: str, clusters: dict[str, list[Address]], descriptor: Path) -> Topology:
    return Topology(
        profile=profile,
        edge=Address(LOOPBACK, EDGE_PORT),
        mesh=Address(LOOPBACK, EDGE_PORT + 1),
        admin=Address(LOOPBACK, EDGE_PORT + 2),
        clusters=clusters,
        descriptor=descriptor,
        lua=LUA_FILE,
        allowed_origins=("http://localhost:3000",),
        issuer=f"http://localhost:{EDGE_PORT}/auth/v1",
    )
