from fitnesshub.gateway.v1.health_service_pb2 import (
    HEALTH_STATUS_DEGRADED,
    HEALTH_STATUS_HEALTHY,
    HEALTH_STATUS_UNHEALTHY,
    ServiceHealth,
)
from fitnesshub.mesh.v1.status_service_pb2 import Check, ServiceStatus

from services.gateway.domain.mesh_health import overall, servers, service_health


def check(name: str, *, up: bool = True, nanos: int = 0, required: bool = True) -> Check:
    made = Check(name=name, up=up, problem="" if up else "can't be reached", required=required)
    made.response_time.nanos = nanos
    return made


def test_a_service_with_everything_up_is_healthy() -> None:
    health = service_health(ServiceStatus(service="user", serving=True, version="1", checks=[check("redis")]))
    assert (health.service, health.status, health.version, health.problem) == ("user", HEALTH_STATUS_HEALTHY, "1", "")


def test_a_serving_service_without_redis_is_degraded() -> None:
    health = service_health(ServiceStatus(serving=True, checks=[check("redis", up=False, required=False)]))
    assert (health.status, health.problem) == (HEALTH_STATUS_DEGRADED, "redis: can't be reached")


def test_a_service_that_takes_no_calls_is_unhealthy() -> None:
    health = service_health(ServiceStatus(serving=False, checks=[check("postgresql", up=False)]))
    assert (health.status, health.problem) == (HEALTH_STATUS_UNHEALTHY, "postgresql: can't be reached")
    assert service_health(ServiceStatus(serving=False)).problem == "doesn't take calls"


def test_the_whole_is_as_bad_as_its_worst_part() -> None:
    states = [HEALTH_STATUS_HEALTHY, HEALTH_STATUS_UNHEALTHY, HEALTH_STATUS_DEGRADED]
    assert overall(ServiceHealth(status=state) for state in states) == HEALTH_STATUS_UNHEALTHY
    assert overall([]) == HEALTH_STATUS_HEALTHY


def test_a_server_is_listed_once_with_the_worst_opinion_of_it() -> None:
    statuses = [
        ServiceStatus(checks=[check("redis"), check("postgresql", nanos=5)]),
        ServiceStatus(checks=[check("redis", up=False), check("postgresql", nanos=9)]),
    ]
    found = servers(statuses)
    assert [(each.name, each.up, each.response_time.nanos) for each in found] == [
        ("postgresql", True, 9),
        ("redis", False, 0),
    ]
