"""From the contract and a topology to the configuration of one Envoy."""

from chassis.contract import Contract
from chassis.edge.clusters import own_clusters, service_clusters
from chassis.edge.edge_routes import edge_routes
from chassis.edge.envoy_types import CLUSTERS, EDGE_ROUTES, GATEWAY, MESH_ROUTES, Json, extension, socket, typed
from chassis.edge.listeners import edge_listener, file_source, mesh_listener
from chassis.edge.mesh_routes import mesh_routes
from chassis.edge.topology import Topology, TopologyError

BOOTSTRAP = "envoy.json"
_ROUTES = "config.route.v3.RouteConfiguration"
_CLUSTER = "config.cluster.v3.Cluster"
MAX_CONNECTIONS = 10_000
"""From outside. Beyond it connections are refused, before memory runs out (about 50 kB each)."""
ADMIN_PATHS = ("/ready", "/stats", "/clusters", "/listeners", "/server_info", "/drain_listeners", "/healthcheck/")
"""What may be asked on the admin port: no configuration dump, no way to stop the process."""


def render(contract: Contract, topology: Topology) -> dict[str, Json]:
    """File contents by name: the bootstrap, and when the topology has a live folder the files of routes and clusters.

    Raises TopologyError when a service of the contract has no addresses.
    """
    for host in sorted({*contract.hosts(), GATEWAY}):
        if not topology.clusters.get(host):
            raise TopologyError(f"no address for the service {host}")
    files = {BOOTSTRAP: _bootstrap(contract, topology)}
    if topology.routes_folder is not None:
        files[f"{EDGE_ROUTES}.json"] = _resources(_ROUTES, [edge_routes(contract, topology)])
        files[f"{MESH_ROUTES}.json"] = _resources(_ROUTES, [mesh_routes(contract)])
        files[f"{CLUSTERS}.json"] = _resources(_CLUSTER, service_clusters(topology))
    return files


def _bootstrap(contract: Contract, topology: Topology) -> Json:
    static: Json = {
        "listeners": [edge_listener(contract, topology), mesh_listener(contract, topology)],
        "clusters": own_clusters(topology),
    }
    dynamic: Json = {}
    if topology.routes_folder is None:
        static["clusters"] = [*service_clusters(topology), *static["clusters"]]
    else:
        dynamic["dynamic_resources"] = {"cds_config": file_source(topology, CLUSTERS)}
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
        **dynamic,
        "static_resources": static,
    }


def _resources(message: str, contents: list[Json]) -> Json:
    return {"resources": [typed(message, **content) for content in contents]}
