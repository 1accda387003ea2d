"""What a method's contract means to Envoy's router: its deadline and which repeats are safe.

Used by the edge and the mesh listener alike, so that a call has the same policy whichever way it comes.
"""

from collections.abc import Iterator

from chassis.contract import Method
from chassis.edge.envoy_types import Json, extension, seconds

RETRIES = 3
"""The seed's number: four tries at most, within the deadline and the cluster's retry budget."""
RETRY_ON = "unavailable,connect-failure,refused-stream,reset"
"""For reads, methods declared idempotent, and writes under an Idempotency-Key. After a reset nobody knows whether the
first try still runs: the repeat of a keyed write waits for its transaction and returns its answer (docs/adr/0005)."""
HEDGE_AFTER = 0.2
"""Share of a read's time after which another replica is asked as well: 1 s of 5. The first answer counts, so that a
slow read isn't cut short and a replica that hangs is noticed by nobody. Counts against the retry budget."""
KEYED = {"name": "idempotency-key", "string_match": {"safe_regex": {"regex": ".+"}}}
"""Matches a request that carries an Idempotency-Key."""


def method_routes(method: Method, cluster: str) -> Iterator[Json]:
    """Routes of a method on its gRPC path, in order: `match` and `route` only.

    A write that takes idempotency keys has two: with a key it is retried, without one it isn't.
    """
    path = {"path": method.path}
    if method.is_retriable:
        action = route_action(method, cluster, retried=True)
        if method.is_read and not method.is_streaming:
            action["retry_policy"]["per_try_timeout"] = seconds(method.timeout * HEDGE_AFTER)
            action["hedge_policy"] = {"hedge_on_per_try_timeout": True}
        yield {"match": path, "route": action}
        return
    if method.takes_idempotency_key:
        yield {"match": path | {"headers": [KEYED]}, "route": route_action(method, cluster, retried=True)}
    yield {"match": path, "route": route_action(method, cluster)}


def route_action(method: Method, cluster: str, *, retried: bool = False) -> Json:
    """Where a method goes, how long it may take and whether it is repeated."""
    action: Json = {"cluster": cluster} | deadline(method.timeout)
    if method.is_streaming:
        # A quiet stream is kept; its deadline still holds.
        action["idle_timeout"] = "0s"
    if retried:
        action["retry_policy"] = _retry_policy()
    return action


def deadline(limit: float) -> Json:
    """A deadline of `limit` seconds that the service sees too.

    A route `timeout` would answer gRPC with UNAVAILABLE and tell the service nothing.
    """
    return {
        "timeout": "0s",
        "max_stream_duration": {"max_stream_duration": seconds(limit), "grpc_timeout_header_max": seconds(limit)},
    }


def _retry_policy() -> Json:
    return {
        "retry_on": RETRY_ON,
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
