"""What a method's contract means to Envoy's router: its deadline and which repeats are safe.

Used by the edge and the mesh listener alike, so that a call has the same policy whichever way it comes.
"""

from collections.abc import Iterator

from chassis.contract import Method
from chassis.edge.envoy_types import Json, extension, seconds

RETRIES = 3
"""The seed's number: four tries at most, within the deadline and the cluster's retry budget."""
SAFE_ANYWAY = "unavailable,connect-failure,refused-stream,reset"
"""For what may run twice: reads and methods declared idempotent."""
SAFE_WITH_KEY = "unavailable,connect-failure,refused-stream"
"""For writes under an Idempotency-Key. A reset says nothing about whether the first try still runs."""
KEYED = {"name": "idempotency-key", "string_match": {"safe_regex": {"regex": ".+"}}}
"""Matches a request that carries an Idempotency-Key."""


def method_routes(method: Method, cluster: str) -> Iterator[Json]:
    """Routes of a method on its gRPC path, in order: `match` and `route` only.

    A write that takes idempotency keys has two: with a key it is retried, without one it isn't.
    """
    path = {"path": method.path}
    if method.is_retriable:
        yield {"match": path, "route": route_action(method, cluster, SAFE_ANYWAY)}
        return
    if method.takes_idempotency_key:
        yield {"match": path | {"headers": [KEYED]}, "route": route_action(method, cluster, SAFE_WITH_KEY)}
    yield {"match": path, "route": route_action(method, cluster)}


def route_action(method: Method, cluster: str, retry_on: str = "") -> Json:
    """Where a method goes, how long it may take and when it is repeated."""
    action: Json = {"cluster": cluster} | deadline(method.timeout)
    if method.is_streaming:
        # A quiet stream is kept; its deadline still holds.
        action["idle_timeout"] = "0s"
    if retry_on:
        action["retry_policy"] = _retry_policy(retry_on)
    return action


def deadline(limit: float) -> Json:
    """A deadline of `limit` seconds that the service sees too.

    A route `timeout` would answer gRPC with UNAVAILABLE and tell the service nothing.
    """
    return {
        "timeout": "0s",
        "max_stream_duration": {"max_stream_duration": seconds(limit), "grpc_timeout_header_max": seconds(limit)},
    }


def _retry_policy(retry_on: str) -> Json:
    return {
        "retry_on": retry_on,
        "num_retries": RETRIES,
        "retry_back_off": {"base_interval": "0.025s", "max_interval": "0.25s"},
        "retry_host_predicate": [
            extension(
                "envoy.retry_host_predicates.previous_hosts",
                "extensions.retry.host.previous_hosts.v3.PreviousHostsPredicate",
            )
        ],
        "host_selection_retry_max_attempts": 3,
    }
