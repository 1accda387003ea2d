"""The two listeners: edge for the outside, mesh for services among themselves."""

from chassis.contract import Contract
from chassis.edge.clusters import http2_options
from chassis.edge.edge_routes import edge_routes
from chassis.edge.envoy_types import EDGE_ROUTES, MESH_ROUTES, Json, extension, socket, typed
from chassis.edge.filters import edge_filters, router
from chassis.edge.local_replies import local_reply_config
from chassis.edge.logs import access_log, tracing
from chassis.edge.mesh_routes import mesh_routes
from chassis.edge.topology import Address, Topology

IDLE_CONNECTION_SECONDS = 300
EDGE_STREAMS = 100
"""Calls at once on one HTTP/2 connection from outside."""
MESH_STREAMS = 1000
"""The same between services, where one connection carries a whole process."""
MAX_HEADERS_KB = 24
"""Three tokens of the largest size (8 KB). Services take far more (chassis/host_grpc.py), so that the edge answers."""
STRIPPED_PREFIXES = ("x-fitnesshub-", "x-envoy-")
"""Headers that say who is calling, or steer Envoy: only ours are believed."""
STRIPPED = (
    "x-http-code",
    "x-real-ip",
    "x-client-ip",
    "x-forwarded-client-cert",
    # gRPC's own, meant between its peers; a value that it can't parse ends the call as INTERNAL.
    "grpc-previous-rpc-attempts",
    "grpc-internal-encoding-request",
)
FOREIGN_NAME = "[^:].*[^a-z0-9._-].*|[^:a-z0-9._-].*"
"""Header names that HTTP allows and gRPC doesn't: a service would end the call as INTERNAL. Names with a colon in front
are HTTP/2's own."""
NOT_AN_ADDRESS = "192.0.2.0"
"""Reserved for documentation. Stands for `no address is internal`: Envoy would trust loopback otherwise."""


def edge_listener(contract: Contract, topology: Topology) -> Json:
    """REST, gRPC and gRPC-Web on one port."""
    stripped: list[Json] = [{"remove_on_match": {"key_matcher": {"prefix": prefix}}} for prefix in STRIPPED_PREFIXES]
    # Nothing here takes binary metadata from outside, and what isn't base64 ends the call as INTERNAL.
    stripped.append({"remove_on_match": {"key_matcher": {"suffix": "-bin"}}})
    stripped.append({"remove_on_match": {"key_matcher": {"safe_regex": {"regex": FOREIGN_NAME}}}})
    stripped += [{"remove": name} for name in STRIPPED]
    if not topology.trusted_proxies:
        stripped.append({"remove": "x-forwarded-for"})
    manager = _manager(topology, "edge") | {
        "codec_type": "AUTO",
        "http2_protocol_options": http2_options() | {"max_concurrent_streams": EDGE_STREAMS},
        "request_headers_timeout": "10s",
        "max_request_headers_kb": MAX_HEADERS_KB,
        "use_remote_address": True,
        "xff_num_trusted_hops": topology.trusted_proxies,
        "internal_address_config": {"cidr_ranges": [{"address_prefix": NOT_AN_ADDRESS, "prefix_len": 32}]},
        "early_header_mutation_extensions": [
            extension(
                "strip", "extensions.http.early_header_mutation.header_mutation.v3.HeaderMutation", mutations=stripped
            )
        ],
        "always_set_request_id_in_response": True,
        "request_id_extension": {
            "typed_config": typed("extensions.request_id.uuid.v3.UuidRequestIdConfig", pack_trace_reason=False)
        },
        "server_name": "fitnesshub",
        "tracing": tracing(topology),
        "local_reply_config": local_reply_config(),
        "http_filters": edge_filters(contract, topology),
        **_routes(topology, EDGE_ROUTES, edge_routes(contract, topology)),
    }
    return _listener("edge", topology.edge, manager)


def mesh_listener(contract: Contract, topology: Topology) -> Json:
    """Plain HTTP/2 gRPC between services; their identity headers are kept, and so is their trace context.

    No tracing here: Envoy would decide anew what is sampled, and tear traces apart.
    """
    manager = _manager(topology, "mesh") | {
        "codec_type": "HTTP2",
        "http2_protocol_options": http2_options() | {"max_concurrent_streams": MESH_STREAMS},
        "preserve_external_request_id": True,
        "http_filters": [router()],
        **_routes(topology, MESH_ROUTES, mesh_routes(contract)),
    }
    return _listener("mesh", topology.mesh, manager)


def _manager(topology: Topology, name: str) -> Json:
    return {
        "stat_prefix": name,
        "common_http_protocol_options": {
            "idle_timeout": f"{IDLE_CONNECTION_SECONDS}s",
            # a_b and a-b become one variable in too many programs.
            "headers_with_underscores_action": "REJECT_REQUEST",
        },
        "normalize_path": True,
        "merge_slashes": True,
        "path_with_escaped_slashes_action": "REJECT_REQUEST",
        "access_log": access_log(topology, name),
    }


def _routes(topology: Topology, name: str, routes: Json) -> Json:
    if topology.routes_folder is None:
        return {"route_config": routes}
    return {"rds": {"route_config_name": name, "config_source": file_source(topology, name)}}


def file_source(topology: Topology, name: str) -> Json:
    """Where Envoy reads the routes `name` from. It notices renames in the folder, not writes."""
    folder = str(topology.routes_folder)
    return {
        "path_config_source": {"path": f"{folder}/{name}.json", "watched_directory": {"path": folder}},
        "resource_api_version": "V3",
    }


def _listener(name: str, address: Address, manager: Json) -> Json:
    connections = extension(
        "envoy.filters.network.http_connection_manager",
        "extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
        **manager,
    )
    return {"name": name, "address": socket(address), "filter_chains": [{"filters": [connections]}]}
