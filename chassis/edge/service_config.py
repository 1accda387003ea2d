"""The gRPC service config: deadlines and safe repeats for clients, from the contract.

One valid config for every proto package: give its text to a channel as `grpc.service_config`.
"""

from chassis.contract import Contract, Method
from chassis.edge.envoy_types import Json, seconds

CLIENT_ATTEMPTS = 2
"""One repeat, for when Envoy itself goes away: it repeats calls to services already, and the two multiply."""


def service_config(contract: Contract) -> Json:
    """The service config of all methods, by path."""
    return {"methodConfig": [_method_config(contract.methods[path]) for path in sorted(contract.methods)]}


def _method_config(method: Method) -> Json:
    _, service, name = method.path.split("/")
    config: Json = {"name": [{"service": service, "method": name}], "timeout": seconds(method.timeout)}
    # A write with an Idempotency-Key may be repeated too, but a service config can't see headers.
    if method.is_retriable:
        config["retryPolicy"] = {
            "maxAttempts": CLIENT_ATTEMPTS,
            "initialBackoff": "0.1s",
            "maxBackoff": "1s",
            "backoffMultiplier": 2,
            "retryableStatusCodes": ["UNAVAILABLE"],
        }
    return config
