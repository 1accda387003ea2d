"""The HTTP filter chain of the edge, in order. Answers pass it in reverse."""

from chassis.contract import Contract
from chassis.edge.access import jwt_filter, rbac_filter
from chassis.edge.envoy_types import (
    BODY_LIMIT,
    CORS,
    GRPC_WEB,
    HEADERS,
    ROUTER,
    STREAM_TRANSCODER,
    TRANSCODER,
    Json,
    extension,
    set_header,
    typed,
)
from chassis.edge.limits import address_limit_filter, class_limit_filter
from chassis.edge.local_replies import GRPC_CODE
from chassis.edge.lua import lua_filter
from chassis.edge.topology import Topology

MAX_RESPONSE_BYTES = 8 << 20
"""Largest unary answer over REST. The transcoder holds it whole; its default is 1 MiB."""
MIN_COMPRESSED_BYTES = 256
"""Below this an answer fits one packet either way."""
COMPRESSED = ("application/json", "text/css", "text/html", "text/javascript")
"""Event streams stay as they are: what a compressor holds back comes late."""
SECURITY_HEADERS = {
    "strict-transport-security": "max-age=31536000; includeSubDomains",
    # An API answers no page that needs more; the documentation page brings its own assets.
    "content-security-policy": (
        "default-src 'self'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data: https:; "
        "object-src 'none'; base-uri 'self'; frame-ancestors 'none'"
    ),
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "x-permitted-cross-domain-policies": "none",
}


def edge_filters(contract: Contract, topology: Topology) -> list[Json]:
    """All filters of the edge listener."""
    return [
        _security_headers(),
        extension(CORS, "extensions.filters.http.cors.v3.Cors"),
        _compressor("brotli", "extensions.compression.brotli.compressor.v3.Brotli", choose_first=True),
        _compressor("gzip", "extensions.compression.gzip.compressor.v3.Gzip"),
        extension(GRPC_WEB, "extensions.filters.http.grpc_web.v3.GrpcWeb"),
        address_limit_filter(topology.envoys),
        lua_filter(contract, topology),
        _body_limit(contract),
        # Before the other, which leaves alone what is gRPC already. Routes of streams switch it on.
        _transcoder(STREAM_TRANSCODER, contract, topology, stream_sse_style_delimited=True) | {"disabled": True},
        _transcoder(TRANSCODER, contract, topology),
        jwt_filter(topology),
        rbac_filter(),
        class_limit_filter(topology.envoys),
        router(),
    ]


def router() -> Json:
    """The last filter of every chain."""
    return extension(ROUTER, "extensions.filters.http.router.v3.Router", suppress_envoy_headers=True)


def _security_headers() -> Json:
    """Covers answers of services, of Envoy and of its HTTP parser."""
    mutations = [set_header(name, value) for name, value in SECURITY_HEADERS.items()]
    code = {"header": {"key": "grpc-status", "value": f"%RESP({GRPC_CODE})%"}, "append_action": "OVERWRITE_IF_EXISTS"}
    mutations += [{"append": code}, {"remove": GRPC_CODE}]
    # Envoy's CORS filter forgets it, and a cache would serve one origin's answer to another.
    mutations.append({"append": {"header": {"key": "vary", "value": "Origin"}}})
    return extension(
        HEADERS,
        "extensions.filters.http.header_mutation.v3.HeaderMutation",
        mutations={"response_mutations": mutations},
    )


def _compressor(name: str, library: str, *, choose_first: bool = False) -> Json:
    return extension(
        f"envoy.filters.http.compressor.{name}",
        "extensions.filters.http.compressor.v3.Compressor",
        response_direction_config={
            "common_config": {
                "min_content_length": MIN_COMPRESSED_BYTES,
                "content_type_matcher": [{"prefix": kind} for kind in COMPRESSED],
            },
            # Without it Envoy drops a strong ETag, and nobody could ask again with If-None-Match.
            "weaken_etag_on_compress": True,
            # They have no body; an empty one would be compressed to some bytes.
            "uncompressible_response_codes": [204, 304],
        },
        compressor_library={"name": name, "typed_config": typed(library)},
        choose_first=choose_first,
    )


def _body_limit(contract: Contract) -> Json:
    """The largest that any method takes; uploads have it off. The service enforces each method's own."""
    limit = max(method.max_request_bytes for method in contract.methods.values())
    return extension(BODY_LIMIT, "extensions.filters.http.body_size_limit.v3.BodySizeLimit", max_request_bytes=limit)


def _transcoder(name: str, contract: Contract, topology: Topology, **printing: bool) -> Json:
    services = sorted({m.descriptor.containing_service.full_name for m in contract.methods.values() if m.http})
    return extension(
        name,
        "extensions.filters.http.grpc_json_transcoder.v3.GrpcJsonTranscoder",
        proto_descriptor=str(topology.descriptor),
        services=services,
        convert_grpc_status=True,
        match_unregistered_custom_verb=True,
        # Browsers' URLSearchParams writes a space as +.
        query_param_unescape_plus=True,
        max_response_body_size=MAX_RESPONSE_BYTES,
        print_options={"always_print_primitive_fields": True, **printing},
        request_validation_options={
            "reject_unknown_method": True,
            "reject_unknown_query_parameters": True,
            "reject_binding_body_field_collisions": True,
        },
    )
