"""From the contract and a topology to the configuration of one Envoy."""

from chassis.contract import Contract
from chassis.edge.clusters import clusters
from chassis.edge.edge_routes import edge_routes
from chassis.edge.envoy_types import EDGE_ROUTES, GATEWAY, MESH_ROUTES, Json, extension, socket
from chassis.edge.listeners import edge_listener, mesh_listener
from chassis.edge.mesh_routes import mesh_routes
from chassis.edge.topology import Topology, TopologyError

BOOTSTRAP = "envoy.json"
MAX_CONNECTIONS = 10_000
"""From outside. Beyond it connections are refused, before memory runs out (about 50 kB each)."""
ADMIN_PATHS = ("/ready", "/stats", "/clusters", "/listeners", "/server_info", "/drain_listeners", "/healthcheck/")
"""What may be asked on the admin port: no configuration dump, no way to stop the process."""


def render(contract: Contract, topology: Topology) -> dict[str, Json]:
    """File contents by name: the bootstrap, and the route files when the topology has a routes folder.

    Raises TopologyError when a service of the contract has no addresses.
    """
    for host in sorted({*contract.hosts(), GATEWAY}):
        if not topology.clusters.get(host):
            raise TopologyError(f"no address for the service {host}")
    files = {BOOTSTRAP: _bootstrap(contract, topology)}
    if topology.routes_folder is not None:
        files[f"{EDGE_ROUTES}.json"] = _resource(edge_routes(contract, topology))
        files[f"{MESH_ROUTES}.json"] = _resource(mesh_routes(contract))
    return files


def _bootstrap(contract: Contract, topology: Topology) -> Json:
    return {
        "node": {"id": topology.profile, "cluster": "fitnesshub"},
        "admin": {
            "address": socket(topology.admin),
            "allow_paths": [{"prefix": path} for path in ADMIN_PATHS],
        },
        "overload_manager": {
            "resource_monitors": [
                extension(
                    "envoy.resource_monitors.global_downstream_max_connections",
                    "extensions.resource_monitors.downstream_connections.v3.DownstreamConnectionsConfig",
                    max_active_downstream_connections=MAX_CONNECTIONS,
                )
            ]
        },
        "static_resources": {
            "listeners": [edge_listener(contract, topology), mesh_listener(contract, topology)],
            "clusters": clusters(topology),
        },
    }


def _resource(routes: Json) -> Json:
    return {"resources": [{"@type": "type.googleapis.com/envoy.config.route.v3.RouteConfiguration", **routes}]}
