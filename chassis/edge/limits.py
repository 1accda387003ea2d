"""Rate limits of the edge, with their reasons. Buckets refill evenly, not in steps.

Two filters: one per address before everything, so that bad tokens and unknown paths count too; one by
class after token verification, per user when there is one, else per address.
"""

from dataclasses import dataclass
from math import ceil

from fitnesshub.options.v1 import policy_pb2

from chassis.contract import Method
from chassis.edge.access import SUBJECT_KEY
from chassis.edge.envoy_types import CLASS_LIMIT, IP_LIMIT, Json, extension, seconds, typed


@dataclass(frozen=True)
class Limit:
    """So many calls in a window."""

    calls: int
    seconds: float


PER_ADDRESS = Limit(1200, 60)
"""Any calls of one address: four busy users behind one router, and no room for guessing tokens."""
ANONYMOUS = Limit(100, 900)
"""Calls without a valid token, of all classes together, by address: the seed's limit."""
BY_CLASS = {
    "read": Limit(600, 60),  # ten a second: an app that opens ten screens a second is a script
    "write": Limit(300, 60),  # five a second: more than a set a second; imports have calls of their own
    "auth": Limit(30, 60),  # password guessing; an app refreshes once an hour
    "heavy": Limit(60, 60),  # a batch of a thousand rows a second
}
"""Calls of one user, by class."""
ANONYMOUS_AUTH = BY_CLASS["auth"]
"""Sign-in and sign-up calls without a token, by address, within ANONYMOUS."""

REMEMBERED = 50_000
"""Buckets kept (least recently used go first). Whoever can use more addresses than this gets fresh buckets."""

_EXEMPT = policy_pb2.RATE_CLASS_EXEMPT
_NAMES = {
    policy_pb2.RATE_CLASS_READ: "read",
    policy_pb2.RATE_CLASS_WRITE: "write",
    policy_pb2.RATE_CLASS_AUTH: "auth",
    policy_pb2.RATE_CLASS_HEAVY: "heavy",
}
_ON = {"default_value": {"numerator": 100, "denominator": "HUNDRED"}}
_UNLIMITED = {"max_tokens": 1_000_000, "tokens_per_fill": 1_000_000, "fill_interval": "1s"}
"""The bucket of calls that no descriptor matches; Envoy insists on one."""
_LIMIT = "extensions.filters.http.local_ratelimit.v3.LocalRateLimit"
_NOBODY = "-"
"""Stands for the user of an anonymous call; no user id looks like it."""
_CLASS_KEY = {"key": "fitnesshub", "path": [{"key": "rate_class"}]}
_CLASS = {"metadata": {"descriptor_key": "class", "metadata_key": _CLASS_KEY, "source": "ROUTE_ENTRY"}}
"""The class of a route, from its metadata."""
_ADDRESS: Json = {"remote_address": {}}
_USER = {"metadata": {"descriptor_key": "user", "metadata_key": SUBJECT_KEY, "source": "DYNAMIC"}}
"""Drops the whole descriptor when nobody is signed in."""
_USER_OR_NOBODY = {"metadata": {**_USER["metadata"], "default_value": _NOBODY}}


def address_limit_filter(envoys: int) -> Json:
    """Limits each address, whatever it calls. `envoys` share the limit."""
    descriptor = _descriptor(PER_ADDRESS, envoys, {"key": "remote_address"})
    calls = descriptor["token_bucket"]["max_tokens"]
    told = {
        "x-ratelimit-limit": str(calls),
        "x-ratelimit-remaining": "0",
        "x-ratelimit-reset": str(ceil(PER_ADDRESS.seconds / calls)),
    }
    # Answers that pass tell of the class limit, which is the nearer one; refusals tell of this one.
    limiter = _filter(IP_LIMIT, [descriptor], [{"actions": [_ADDRESS], "x_ratelimit_option": "OFF"}])
    limiter["typed_config"]["response_headers_to_add"] = [
        {"header": {"key": key, "value": value}, "append_action": "OVERWRITE_IF_EXISTS_OR_ADD"}
        for key, value in told.items()
    ]
    return limiter


def class_limit_filter(envoys: int) -> Json:
    """Limits users by class and anonymous callers by address. A route's metadata names its class."""
    nobody = {"key": "user", "value": _NOBODY}
    address = {"key": "remote_address"}
    descriptors = [
        _descriptor(limit, envoys, {"key": "class", "value": name}, {"key": "user"}) for name, limit in BY_CLASS.items()
    ]
    descriptors.append(_descriptor(ANONYMOUS, envoys, nobody, address))
    descriptors.append(_descriptor(ANONYMOUS_AUTH, envoys, {"key": "class", "value": "auth"}, nobody, address))
    rate_limits: list[Json] = [
        {"actions": [_CLASS, _USER]},
        {"actions": [_USER_OR_NOBODY, _ADDRESS]},
        {"actions": [_CLASS, _USER_OR_NOBODY, _ADDRESS]},
    ]
    return _filter(CLASS_LIMIT, descriptors, rate_limits)


def rate_class(method: Method) -> str:
    """Name of a method's class; empty when it is exempt."""
    if method.policy.rate_class == _EXEMPT:
        return ""
    return _NAMES.get(method.policy.rate_class, "read" if method.is_read else "write")


def route_metadata(name: str) -> Json:
    """For a route on a gRPC path: says which class its calls count against."""
    return {"filter_metadata": {_CLASS_KEY["key"]: {"rate_class": name}}}


def exempt_from(filter_name: str) -> Json:
    """Per-route config that switches one of the filters off, for REST and gRPC alike."""
    return {filter_name: typed(_LIMIT, stat_prefix="exempt", token_bucket=_UNLIMITED)}


def _filter(name: str, descriptors: list[Json], rate_limits: list[Json]) -> Json:
    return extension(
        name,
        _LIMIT,
        stat_prefix=name.rpartition(".")[2],
        filter_enabled=_ON,
        filter_enforced=_ON,
        enable_x_ratelimit_headers="DRAFT_VERSION_03",
        enable_retry_after_header=True,
        rate_limited_as_resource_exhausted=True,
        max_dynamic_descriptors=REMEMBERED,
        always_consume_default_token_bucket=False,
        token_bucket=_UNLIMITED,
        descriptors=descriptors,
        rate_limits=rate_limits,
    )


def _descriptor(limit: Limit, envoys: int, *entries: Json) -> Json:
    calls = max(1, limit.calls // envoys)
    bucket = {"max_tokens": calls, "tokens_per_fill": calls, "fill_interval": seconds(limit.seconds)}
    return {"entries": list(entries), "token_bucket": bucket}
