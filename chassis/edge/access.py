"""Who may call what, at the edge: token verification and deny-all access control with an allow per method.

Services check both again; the edge only keeps what can't succeed away from them. Of audited methods it leaves the role
to the service: who lacks it belongs into the audit trail.
"""

from chassis.contract import Access, Method
from chassis.edge.clusters import SELF
from chassis.edge.envoy_types import JWT, RBAC, Json, extension, seconds, typed
from chassis.edge.topology import Topology

KEY_SET_PATH = "/auth/v1/.well-known/jwks.json"
"""Where the public keys of access tokens are, over REST."""
AUDIENCE = "authenticated"
SCHEMES = ("Bearer", "bearer", "BEARER")
"""What clients write; chassis/pipeline.py takes any case."""
CLOCK_SKEW_SECONDS = 5
"""Envoy's default of 60 accepts a token for a minute after it expired."""
CACHED_TOKENS = 10_000
KEY_SET_CACHE_SECONDS = 60.0
"""How late a new key is noticed. A signing key is published before its first use."""
KEY_SET_RETRY_SECONDS = 0.25
"""After a failed fetch, as while services start."""

REQUIRED = "required"
WELCOME = "welcome"
"""A good token is read, a bad one or none is let through: the service decides what a bad one means."""
_PROVIDER = "access_token"
_PAYLOAD = "jwt"
SUBJECT_KEY = {"key": JWT, "path": [{"key": _PAYLOAD}, {"key": "sub"}]}
"""Where rate limits find the user id."""


def jwt_filter(topology: Topology) -> Json:
    """Verifies access tokens. A route without a config of its own has no requirement: see the virtual host."""
    provider = {
        "issuer": topology.issuer,
        "audiences": [AUDIENCE],
        # Without it a token in the query string, and so in logs, would do as well.
        # The scheme's name is in any case (RFC 9110, 11.1), and Envoy compares bytes.
        "from_headers": [{"name": "authorization", "value_prefix": f"{scheme} "} for scheme in SCHEMES],
        "forward": True,
        "payload_in_metadata": _PAYLOAD,
        "require_expiration": True,
        "clock_skew_seconds": CLOCK_SKEW_SECONDS,
        "jwt_cache_config": {"jwt_cache_size": CACHED_TOKENS},
        "remote_jwks": {
            "http_uri": {"uri": f"http://edge{KEY_SET_PATH}", "cluster": SELF, "timeout": seconds(2)},
            "cache_duration": seconds(KEY_SET_CACHE_SECONDS),
            "async_fetch": {"fast_listener": True, "failed_refetch_duration": seconds(KEY_SET_RETRY_SECONDS)},
        },
    }
    required = {"provider_name": _PROVIDER}
    return extension(
        JWT,
        "extensions.filters.http.jwt_authn.v3.JwtAuthentication",
        bypass_cors_preflight=True,
        providers={_PROVIDER: provider},
        requirement_map={
            REQUIRED: required,
            WELCOME: {"requires_any": {"requirements": [required, {"allow_missing_or_failed": {}}]}},
        },
    )


def rbac_filter() -> Json:
    """Denies everything that no route allows."""
    return extension(RBAC, "extensions.filters.http.rbac.v3.RBAC", rules={"action": "ALLOW", "policies": {}})


def default_access() -> Json:
    """For the virtual host: a token is needed unless a route says otherwise."""
    return {JWT: _requirement(REQUIRED)}


def open_access() -> Json:
    """For routes that are no method of ours and open to all; no token is read."""
    return {
        JWT: typed("extensions.filters.http.jwt_authn.v3.PerRouteConfig", disabled=True),
        RBAC: _allow({"any": True}),
    }


def method_access(method: Method) -> Json:
    """The per-route configs of a method, by its policy's access."""
    match method.policy.access:
        case Access.ACCESS_PUBLIC:
            return {JWT: _requirement(WELCOME), RBAC: _allow({"any": True})}
        case Access.ACCESS_ROLE if not method.policy.audited:
            roles = [
                _claim(["app_metadata", "roles"], {"list_match": {"one_of": {"string_match": {"exact": role}}}})
                for role in sorted(method.roles)
            ]
            return {JWT: _requirement(REQUIRED), RBAC: _allow(*roles)}
        case Access.ACCESS_USER | Access.ACCESS_ROLE:
            return {JWT: _requirement(REQUIRED), RBAC: _allow(_claim(["sub"], {"present_match": True}))}
    raise ValueError(f"{method.path} isn't reachable from outside")


def _requirement(name: str) -> Json:
    return typed("extensions.filters.http.jwt_authn.v3.PerRouteConfig", requirement_name=name)


def _allow(*principals: Json) -> Json:
    policy = {"permissions": [{"any": True}], "principals": list(principals)}
    return typed(
        "extensions.filters.http.rbac.v3.RBACPerRoute",
        rbac={"rules": {"action": "ALLOW", "policies": {"allowed": policy}}},
    )


def _claim(path: list[str], value: Json) -> Json:
    """A principal whose token has this claim."""
    keys = [{"key": key} for key in (_PAYLOAD, *path)]
    return {"sourced_metadata": {"metadata_matcher": {"filter": JWT, "path": keys, "value": value}}}
