"""Routes of the edge listener.

A REST request is routed twice: on its REST path, for the filters before the transcoder, then on the gRPC
path that the transcoder rewrote it to. So each method has its policy once, on its gRPC path.
"""

from collections.abc import Iterator

from fitnesshub.options.v1 import policy_pb2

from chassis import streams
from chassis.contract import TIMEOUTS, Access, Contract, HttpBinding, Method
from chassis.edge.access import default_access, method_access, open_access
from chassis.edge.clusters import NOWHERE
from chassis.edge.envoy_types import (
    BODY_LIMIT,
    CLASS_LIMIT,
    CORS,
    EDGE_ROUTES,
    GATEWAY,
    HEADERS,
    IP_LIMIT,
    STREAM_TRANSCODER,
    Json,
    set_header,
    switched_off,
    switched_on,
    typed,
)
from chassis.edge.limits import exempt_from, rate_class, route_metadata
from chassis.edge.lua import route_context
from chassis.edge.paths import parse_template
from chassis.edge.policies import deadline, method_routes
from chassis.edge.topology import Topology

PUBLIC_SERVICES = {
    "grpc.health.v1.Health": "",
    "grpc.reflection.v1.ServerReflection": "read",
    "grpc.reflection.v1alpha.ServerReflection": "read",
}
"""Services that aren't in the contract, answered by the gateway, with their rate class (empty: exempt)."""
PUBLIC_SERVICE_SECONDS = 3600.0
"""Both may stream: a health watch is kept for an hour."""

BODY_SECONDS = TIMEOUTS[policy_pb2.TIMEOUT_CLASS_INTERACTIVE]
"""How long the body of a call without a route of its own may take to come."""
BUFFER_BYTES = 1 << 20
"""Of a connection, by Envoy's default."""
CORS_METHODS = "GET, POST, PUT, PATCH, DELETE, OPTIONS"
CORS_REQUEST_HEADERS = (
    "authorization",
    "content-type",
    "idempotency-key",
    "if-match",
    "accept-language",
    "x-requested-with",
    "traceparent",
    "tracestate",
    "x-consistency-token",
    # supabase-js
    "apikey",
    "x-client-info",
    "x-supabase-api-version",
    # gRPC-Web
    "x-grpc-web",
    "x-user-agent",
    "grpc-timeout",
)
CORS_RESPONSE_HEADERS = (
    "x-request-id",
    "retry-after",
    "x-ratelimit-limit",
    "x-ratelimit-remaining",
    "x-ratelimit-reset",
    "idempotency-replayed",
    "x-consistency-token",
    "x-stale",
    "x-sb-error-code",
    "x-supabase-api-version",
    "grpc-status",
    "grpc-message",
    "grpc-status-details-bin",
)
CORS_MAX_AGE_SECONDS = 600


def edge_routes(contract: Contract, topology: Topology) -> Json:
    """The route configuration of the edge listener."""
    reachable = [method for method in _by_path(contract) if method.policy.access != Access.ACCESS_SERVICE]
    routes = [route for method in reachable for route in _grpc_routes(method)]
    routes += [_public_service(service, name) for service, name in PUBLIC_SERVICES.items()]
    routes.append(_unknown_grpc())
    routes += [route for method in reachable for binding in method.http for route in _rest_route(method, binding)]
    # The rest of REST: known paths without anything to protect, and unknown ones, which the transcoder refuses.
    routes.append({"name": "rest", "match": {"prefix": "/"}, "route": {"cluster": NOWHERE} | deadline(BODY_SECONDS)})
    return {
        "name": EDGE_ROUTES,
        "virtual_hosts": [
            {
                "name": "edge",
                "domains": ["*"],
                "include_request_attempt_count": True,
                "typed_per_filter_config": {CORS: _cors(topology), **default_access()},
                "routes": routes,
            }
        ],
    }


def _by_path(contract: Contract) -> list[Method]:
    return [contract.methods[path] for path in sorted(contract.methods)]


def _grpc_routes(method: Method) -> Iterator[Json]:
    name = rate_class(method)
    configs = method_access(method) | route_context(method) | _upload(method)
    for route in method_routes(method, method.host):
        yield {"name": method.path[1:], **route, **_limited(name, configs)}


def _public_service(service: str, name: str) -> Json:
    return {
        "name": service,
        "match": {"prefix": f"/{service}/"},
        "route": {"cluster": GATEWAY, "idle_timeout": "0s"} | deadline(PUBLIC_SERVICE_SECONDS),
        **_limited(name, open_access()),
    }


def _limited(name: str, configs: Json) -> Json:
    """Per-route configs together with the rate class `name`; empty: exempt from both limits."""
    if name:
        return {"metadata": route_metadata(name), "typed_per_filter_config": configs}
    return {"typed_per_filter_config": configs | exempt_from(CLASS_LIMIT) | exempt_from(IP_LIMIT)}


def _unknown_grpc() -> Json:
    """Calls (gRPC, gRPC-Web) of methods that aren't there, or not from outside: UNIMPLEMENTED."""
    is_grpc = {"name": "content-type", "string_match": {"prefix": "application/grpc"}}
    return {
        "name": "unknown_grpc",
        "match": {"prefix": "/", "headers": [is_grpc]},
        "direct_response": {"status": 404},
        "typed_per_filter_config": open_access(),
    }


def _rest_route(method: Method, binding: HttpBinding) -> Iterator[Json]:
    """A route for a REST path that needs something before the transcoder; none where nothing is needed."""
    template = parse_template(binding.template)
    configs = _upload(method)
    mutations: Json = {}
    if method.descriptor.server_streaming:
        mutations["request_mutations"] = [set_header(streams.HEADER, streams.OVER_REST)]
    if streams.carries_control(method.descriptor.output_type):
        configs[STREAM_TRANSCODER] = switched_on()
        mutations["response_mutations"] = [set_header("cache-control", "no-store")]
    if mutations:
        configs[HEADERS] = typed(
            "extensions.filters.http.header_mutation.v3.HeaderMutationPerRoute", mutations=mutations
        )
    if not rate_class(method):
        configs |= exempt_from(IP_LIMIT)
    limit = _body_buffer(method, binding)
    if configs or limit or (binding.body and method.timeout != BODY_SECONDS):
        yield {
            "name": f"{binding.verb} {binding.template}",
            "match": {
                "safe_regex": {"regex": template.regex},
                "headers": [{"name": ":method", "string_match": {"exact": binding.verb}}],
            },
            # Never reached. Not a direct response: the CORS filter ignores those. Its deadline cuts a body that
            # doesn't come, which is waited for before the transcoder.
            "route": {"cluster": NOWHERE} | deadline(method.timeout),
            "typed_per_filter_config": configs,
            **limit,
        }


def _body_buffer(method: Method, binding: HttpBinding) -> Json:
    """Room for the body, which the Lua filter wants whole, where Envoy's own room isn't enough."""
    if not binding.body or method.descriptor.client_streaming or method.max_request_bytes <= BUFFER_BYTES:
        return {}
    return {"request_body_buffer_limit": method.max_request_bytes}


def _upload(method: Method) -> Json:
    """A stream of requests may be longer than any one of them; the service limits each message."""
    return {BODY_LIMIT: switched_off()} if method.descriptor.client_streaming else {}


def _cors(topology: Topology) -> Json:
    return typed(
        "extensions.filters.http.cors.v3.CorsPolicy",
        allow_origin_string_match=[{"exact": origin} for origin in topology.allowed_origins],
        allow_credentials=True,
        allow_methods=CORS_METHODS,
        allow_headers=", ".join(CORS_REQUEST_HEADERS),
        expose_headers=", ".join(CORS_RESPONSE_HEADERS),
        max_age=str(CORS_MAX_AGE_SECONDS),
    )
