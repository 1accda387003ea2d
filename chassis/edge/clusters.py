"""Clusters: the processes behind Envoy, with breakers, outlier detection and active health checks."""

from collections.abc import Sequence
from ipaddress import ip_address

from chassis.edge.envoy_types import Json, seconds, socket, typed
from chassis.edge.topology import Address, Topology

SELF = "edge_itself"
"""The edge's own listener: the key set of access tokens is fetched through it, from the user service."""
NOWHERE = "nowhere"
"""No hosts. For routes whose request never gets as far as the router."""
OTLP = "otlp"

CONNECT_TIMEOUT = 1.0
STREAM_WINDOW = 64 << 10
CONNECTION_WINDOW = 1 << 20
"""HTTP/2 windows. Envoy's defaults (256 MiB) let a slow reader pile up tens of megabytes a connection."""

HEALTH_INTERVAL = 1.0
"""Seconds between health checks, busy or idle: Envoy's default for idle clusters is a minute."""
HEALTH_INTERVAL_DOWN = 0.25
"""The same while a host is down, so that a start isn't noticed late."""
HEALTH_TIMEOUT = 1.0

MAX_REQUESTS = 1024
"""Calls in flight to one service before the breaker opens; more than one Python process can use."""
RETRY_BUDGET_PERCENT = 20
"""Retries are at most this share of the calls in flight, so that they can't double an overload."""
RETRIES_ALWAYS = 20
"""Retries in flight that are allowed however few the calls: a burst that a replica swallows as it hangs. One process
answers more in a tenth of a second."""

CONSECUTIVE_FAILURES = 5
EJECTION_SECONDS = 30.0
"""The seed's breaker: five failures in a row, half a minute."""


def http2_options() -> Json:
    """HTTP/2 windows, the same on every listener and cluster."""
    return {"initial_stream_window_size": STREAM_WINDOW, "initial_connection_window_size": CONNECTION_WINDOW}


def service_clusters(topology: Topology) -> list[Json]:
    """The clusters of all services."""
    return [service_cluster(name, topology.clusters[name]) for name in sorted(topology.clusters)]


def own_clusters(topology: Topology) -> list[Json]:
    """The clusters that the configuration itself needs, and which must be there when it is read."""
    found = [_cluster(SELF, [Address(_reachable(topology.edge.host), topology.edge.port)])]
    found.append({"name": NOWHERE, "type": "STATIC", "connect_timeout": seconds(CONNECT_TIMEOUT)})
    if topology.otlp:
        found.append(_cluster(OTLP, [topology.otlp]))
    return found


def service_cluster(service: str, addresses: Sequence[Address]) -> Json:
    """The cluster of one service."""
    return _cluster(service, addresses) | {
        "circuit_breakers": {
            "thresholds": [
                {
                    "max_connections": MAX_REQUESTS,
                    "max_pending_requests": MAX_REQUESTS,
                    "max_requests": MAX_REQUESTS,
                    "retry_budget": {
                        "budget_percent": {"value": RETRY_BUDGET_PERCENT},
                        "min_retry_concurrency": RETRIES_ALWAYS,
                    },
                }
            ]
        },
        "outlier_detection": _outlier_detection(len(addresses) if _are_ips(addresses) else 2),
        "common_lb_config": {
            # Without panic mode a cluster whose hosts are all down answers 503 at once.
            "healthy_panic_threshold": {"value": 0},
            # Envoy gathers changes of health for a second, in which calls go on to who is out already.
            "update_merge_window": "0s",
        },
        "health_checks": [
            {
                "timeout": seconds(HEALTH_TIMEOUT),
                "interval": seconds(HEALTH_INTERVAL),
                "no_traffic_interval": seconds(HEALTH_INTERVAL),
                "no_traffic_healthy_interval": seconds(HEALTH_INTERVAL),
                "unhealthy_interval": seconds(HEALTH_INTERVAL_DOWN),
                "unhealthy_threshold": 2,
                "healthy_threshold": 1,
                # By name: where a process hosts several services, one that can't work takes no others with it.
                "grpc_health_check": {"service_name": service, "authority": f"{service}.mesh"},
            }
        ],
    }


def _cluster(name: str, addresses: Sequence[Address]) -> Json:
    """A cluster that speaks HTTP/2 without TLS."""
    return {
        "name": name,
        "type": "STATIC" if _are_ips(addresses) else "STRICT_DNS",
        "connect_timeout": seconds(CONNECT_TIMEOUT),
        # Python's gRPC servers have unequal calls in flight; round robin would queue behind the slow ones.
        "lb_policy": "LEAST_REQUEST",
        "typed_extension_protocol_options": {
            "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": typed(
                "extensions.upstreams.http.v3.HttpProtocolOptions",
                explicit_http_config={"http2_protocol_options": http2_options()},
            )
        },
        "load_assignment": {
            "cluster_name": name,
            "endpoints": [{"lb_endpoints": [{"endpoint": {"address": socket(address)}} for address in addresses]}],
        },
    }


def _outlier_detection(hosts: int) -> Json:
    """Ejects hosts that can't answer (502, 503, 504, no connection), and never the last one.

    INTERNAL doesn't count: one request that trips over a bug, sent five times, would take the service away
    from everybody. Neither do client errors.
    """
    return {
        "split_external_local_origin_errors": True,
        "enforcing_consecutive_5xx": 0,
        "consecutive_gateway_failure": CONSECUTIVE_FAILURES,
        "enforcing_consecutive_gateway_failure": 100,
        # Who doesn't answer at all is out by health checks, and back as soon as they pass.
        "enforcing_consecutive_local_origin_failure": 0,
        # Otherwise the next good check, within a second, would end what is to last half a minute.
        "successful_active_health_check_uneject_host": False,
        "enforcing_success_rate": 0,
        "enforcing_local_origin_success_rate": 0,
        "interval": "1s",
        "base_ejection_time": seconds(EJECTION_SECONDS),
        "max_ejection_percent": 100 * (hosts - 1) // hosts,
    }


def _are_ips(addresses: Sequence[Address]) -> bool:
    return all(_is_ip(address.host) for address in addresses)


def _is_ip(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


def _reachable(host: str) -> str:
    """Where a listener on all interfaces is reached from its own machine."""
    return {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104
