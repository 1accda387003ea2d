"""The state of the whole mesh out of the states of its parts."""

from collections.abc import Iterable

from fitnesshub.gateway.v1.health_service_pb2 import (
    HEALTH_STATUS_DEGRADED,
    HEALTH_STATUS_HEALTHY,
    HEALTH_STATUS_UNHEALTHY,
    HealthStatus,
    ServiceHealth,
)
from fitnesshub.mesh.v1.status_service_pb2 import Check, ServiceStatus


def service_health(status: ServiceStatus) -> ServiceHealth:
    """A service's health by its own account: degraded when a server that it can do without is down."""
    health = ServiceHealth(
        service=status.service,
        version=status.version,
        uptime=status.uptime,
        memory_bytes=status.memory_bytes,
        problem="; ".join(f"{check.name}: {check.problem}" for check in status.checks if not check.up),
    )
    if not status.serving:
        health.status = HEALTH_STATUS_UNHEALTHY
        health.problem = health.problem or "doesn't take calls"
    else:
        health.status = HEALTH_STATUS_DEGRADED if health.problem else HEALTH_STATUS_HEALTHY
    return health


def overall(services: Iterable[ServiceHealth]) -> HealthStatus.ValueType:
    """The worst state of any service."""
    return max((service.status for service in services), default=HEALTH_STATUS_HEALTHY)


def servers(statuses: Iterable[ServiceStatus]) -> list[Check]:
    """Every server once, by name; of several opinions the worst counts, and among equals the slowest."""
    found: dict[str, Check] = {}
    for check in (check for status in statuses for check in status.checks):
        known = found.get(check.name)
        if known is None or _badness(check) > _badness(known):
            found[check.name] = check
    return [found[name] for name in sorted(found)]


def _badness(check: Check) -> tuple[bool, int]:
    return not check.up, check.response_time.ToNanoseconds()
