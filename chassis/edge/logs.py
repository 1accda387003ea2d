"""Access log and tracing. Neither a query string nor a body nor a token gets into the log."""

from chassis.edge.clusters import NOWHERE, OTLP
from chassis.edge.envoy_types import JWT, Json, extension, typed
from chassis.edge.topology import Topology

SAMPLED_PERCENT = 1
"""Share of calls whose spans are kept. A caller's trace id is continued; its wish to be sampled isn't heard."""


def access_log(topology: Topology, listener: str) -> list[Json]:
    """One JSON line a call."""
    line = {
        "time": "%START_TIME(%Y-%m-%dT%H:%M:%S.%3fZ)%",
        "log": "access",
        "listener": listener,
        "method": "%REQ(X-ENVOY-ORIGINAL-METHOD?:METHOD)%",
        "path": "%PATH(NQ:ORIG_OR_PATH)%",
        "rpc": "%PATH(NQ:PATH)%",
        "status": "%RESPONSE_CODE%",
        "grpc_status": "%GRPC_STATUS_NUMBER%",
        "flags": "%RESPONSE_FLAGS%",
        "details": "%RESPONSE_CODE_DETAILS%",
        "duration_ms": "%DURATION%",
        "bytes_in": "%BYTES_RECEIVED%",
        "bytes_out": "%BYTES_SENT%",
        "upstream": "%UPSTREAM_HOST%",
        "attempts": "%UPSTREAM_REQUEST_ATTEMPT_COUNT%",
        "sub": f"%DYNAMIC_METADATA({JWT}:jwt:sub)%",
        "request_id": "%REQ(X-REQUEST-ID)%",
        # The mesh listener has no tracer and sees what the caller sent.
        "trace_id": "%TRACE_ID%" if listener == "edge" else "%REQ(TRACEPARENT)%",
    }
    log_format = {"json_format": line, "omit_empty_values": True}
    if topology.access_log is None:
        return [
            extension(
                "envoy.access_loggers.stdout",
                "extensions.access_loggers.stream.v3.StdoutAccessLog",
                log_format=log_format,
            )
        ]
    return [
        extension(
            "envoy.access_loggers.file",
            "extensions.access_loggers.file.v3.FileAccessLog",
            path=str(topology.access_log),
            log_format=log_format,
        )
    ]


def tracing(topology: Topology) -> Json:
    """W3C trace context on every call from outside."""
    # Envoy insists on an exporter; without a collector spans are dropped.
    exporter = {"envoy_grpc": {"cluster_name": OTLP if topology.otlp else NOWHERE}, "timeout": "0.25s"}
    provider = typed("config.trace.v3.OpenTelemetryConfig", service_name="edge", grpc_service=exporter)
    return {
        "provider": {"name": "envoy.tracers.opentelemetry", "typed_config": provider},
        "random_sampling": {"value": SAMPLED_PERCENT},
        "spawn_upstream_span": True,
    }
