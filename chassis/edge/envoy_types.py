"""Small pieces that all generators share: typed configs, durations, filter names."""

from typing import Any

Json = dict[str, Any]

LUA = "envoy.filters.http.lua"
HEADERS = "envoy.filters.http.header_mutation"
CORS = "envoy.filters.http.cors"
GRPC_WEB = "envoy.filters.http.grpc_web"
IP_LIMIT = "fitnesshub.ip_limit"
BODY_LIMIT = "envoy.filters.http.body_size_limit"
STREAM_TRANSCODER = "fitnesshub.stream_transcoder"
TRANSCODER = "envoy.filters.http.grpc_json_transcoder"
JWT = "envoy.filters.http.jwt_authn"
RBAC = "envoy.filters.http.rbac"
CLASS_LIMIT = "fitnesshub.class_limit"
ROUTER = "envoy.filters.http.router"

EDGE_ROUTES = "edge_routes"
MESH_ROUTES = "mesh_routes"
CLUSTERS = "clusters"
"""The files that may change while Envoy runs."""

GATEWAY = "gateway"
"""The service that answers for the mesh as a whole: health and reflection."""


def typed(message: str, **fields: Any) -> Json:
    """A typed config. `message` is the full name without the leading `envoy.`."""
    return {"@type": f"type.googleapis.com/envoy.{message}", **fields}


def extension(name: str, message: str, **fields: Any) -> Json:
    """A named extension with its typed config."""
    return {"name": name, "typed_config": typed(message, **fields)}


def set_header(name: str, value: str) -> Json:
    """A header mutation: the header has this value afterwards, whatever it had."""
    return {"append": {"header": {"key": name, "value": value}, "append_action": "OVERWRITE_IF_EXISTS_OR_ADD"}}


def switched_on() -> Json:
    """Per-route config for a filter that is off by default. Envoy looks it up on the first route of a request only."""
    return typed("config.route.v3.FilterConfig", config={})


def switched_off() -> Json:
    """The same, for a filter that is on."""
    return typed("config.route.v3.FilterConfig", disabled=True)


def seconds(value: float) -> str:
    """A protobuf duration in JSON, as `5s` and `0.25s`."""
    return f"{value:g}s"


def socket(address: tuple[str, int]) -> Json:
    """A TCP address."""
    return {"socket_address": {"address": address[0], "port_value": address[1]}}
