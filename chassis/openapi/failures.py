"""Which reasons an RPC can fail with over REST, and with which HTTP status.

Those of its policy, and of the shared ones those that can happen to it.
"""

from collections.abc import Callable

from chassis.contract import SHARED_REASONS_ENUM, Access, Contract, HttpBinding, Method, Reason
from chassis.edge.limits import rate_class
from chassis.edge.paths import parse_template

HTTP_STATUSES = {
    1: 499,
    2: 500,
    3: 400,
    4: 504,
    5: 404,
    6: 409,
    7: 403,
    8: 429,
    9: 400,
    10: 409,
    11: 400,
    12: 501,
    13: 500,
    14: 503,
    15: 500,
    16: 401,
}
"""What Envoy's transcoder makes of a status code."""

_Applies = Callable[[Method, HttpBinding], bool]


def _always(_method: Method, _binding: HttpBinding) -> bool:
    return True


def _only_if_declared(_method: Method, _binding: HttpBinding) -> bool:
    return False


def _takes_key(method: Method, _binding: HttpBinding) -> bool:
    return method.takes_idempotency_key


def _needs_token(method: Method, _binding: HttpBinding) -> bool:
    return method.policy.access != Access.ACCESS_PUBLIC


def _has_body(_method: Method, binding: HttpBinding) -> bool:
    return bool(binding.body)


APPLIES: dict[str, _Applies] = {
    "INVALID_REQUEST": lambda method, _: bool(method.descriptor.input_type.fields),
    "MALFORMED_REQUEST": _always,  # an unknown query parameter, at least
    "REQUEST_TOO_LARGE": _has_body,
    "UNAUTHENTICATED": _needs_token,
    "SESSION_ENDED": _needs_token,
    "ROLE_REQUIRED": lambda method, _: method.policy.access == Access.ACCESS_ROLE,
    "CALLER_NOT_ALLOWED": _only_if_declared,  # the edge takes the names of services away
    "IDEMPOTENCY_KEY_IN_FLIGHT": _takes_key,
    "IDEMPOTENCY_KEY_REUSED": _takes_key,
    "PAGE_TOKEN_INVALID": _only_if_declared,
    "UPDATE_MASK_INVALID": _only_if_declared,
    "DEADLINE_EXCEEDED": _always,
    "DEPENDENCY_UNAVAILABLE": _always,
    "WRITE_CONFLICT": lambda method, _: not method.is_read,
    "INTERNAL": _always,
    "NOT_IMPLEMENTED": _only_if_declared,  # an RPC that isn't offered has no business in the document
    "IDEMPOTENCY_KEY_INVALID": _takes_key,
    "OVERLOADED": _always,
    "SERVICE_NOT_HOSTED": _only_if_declared,
    "CANCELLED": _only_if_declared,  # nobody is there to see it
    "ROUTE_NOT_FOUND": lambda _, binding: bool(parse_template(binding.template).variables),  # an empty value
    "RATE_LIMITED": lambda method, _: bool(rate_class(method)),
    "UPSTREAM_UNAVAILABLE": _always,
    "METHOD_NOT_ALLOWED": _only_if_declared,  # the document has no such operation
    "UNSUPPORTED_MEDIA_TYPE": _has_body,
    "SAGA_NOT_FOUND": _only_if_declared,
    "SAGA_DONE": _only_if_declared,
}
"""When a shared reason can happen to a call over REST."""


def http_status(reason: Reason) -> int:
    """The HTTP status that a reason is sent with."""
    return reason.http_status or HTTP_STATUSES[reason.code]


def is_shared(reason: Reason) -> bool:
    """Whether every RPC could fail with it."""
    return reason.enum == SHARED_REASONS_ENUM


def failures_of(contract: Contract, method: Method, binding: HttpBinding) -> dict[int, list[Reason]]:
    """The reasons by HTTP status, an RPC's own before the shared ones."""
    declared = [contract.reasons[name] for name in method.policy.reasons]
    shared = [
        reason
        for reason in contract.reasons.values()
        if is_shared(reason) and reason not in declared and APPLIES.get(reason.name, _always)(method, binding)
    ]
    found: dict[int, list[Reason]] = {}
    for reason in sorted([*declared, *shared], key=is_shared):
        found.setdefault(http_status(reason), []).append(reason)
    if too_large := contract.reasons.get("REQUEST_TOO_LARGE"):
        # The edge's, for a URL or headers above 24 KB.
        found[431] = [too_large]
    return dict(sorted(found.items()))
