import asyncio
from datetime import UTC, datetime
from typing import Any

from fitnesshub.gateway.v1.health_service_pb2 import (
    HEALTH_STATUS_HEALTHY,
    HEALTH_STATUS_UNHEALTHY,
    GetHealthRequest,
)
from fitnesshub.mesh.v1.status_service_pb2 import GetServiceStatusRequest, ServiceStatus

from chassis.call import Call
from chassis.clock import FixedClock
from chassis.errors import Unavailable
from services.gateway.api import health_service
from services.gateway.api.health_service import HealthApi

CLOCK = FixedClock(datetime(2026, 11, 23, 12, tzinfo=UTC))


class Statuses:
    """Answers as a service's stub would, and counts how often it is asked."""

    def __init__(self, *, serving: bool = True, answers: bool = True) -> None:
        self.asked = 0
        self.serving = serving
        self.answers = answers

    async def GetServiceStatus(self, request: GetServiceStatusRequest, *, timeout: float) -> ServiceStatus:  # noqa: N802 - as generated
        self.asked += 1
        await asyncio.sleep(0)
        if not self.answers:
            raise Unavailable("UPSTREAM_UNAVAILABLE", "nobody there")
        return ServiceStatus(service=request.service, serving=self.serving, version="1")


def api(**statuses: Any) -> HealthApi:
    return HealthApi(statuses, CLOCK)


async def test_all_services_are_listed_by_name() -> None:
    call = Call("/x")
    health = await api(workout=Statuses(), user=Statuses()).get_health(GetHealthRequest(), call)
    assert [service.service for service in health.services] == ["user", "workout"]
    assert health.status == HEALTH_STATUS_HEALTHY
    assert health.check_time.ToDatetime(UTC) == CLOCK.now()
    assert call.response_metadata == {}


async def test_a_service_that_cant_be_asked_makes_the_mesh_unhealthy() -> None:
    call = Call("/x")
    health = await api(workout=Statuses(), user=Statuses(answers=False)).get_health(GetHealthRequest(), call)
    assert health.status == HEALTH_STATUS_UNHEALTHY
    assert health.services[0].problem == "didn't answer: UPSTREAM_UNAVAILABLE"
    assert call.response_metadata["x-http-code"] == "503"


async def test_many_who_ask_at_once_share_one_answer(monkeypatch: Any) -> None:
    statuses = Statuses()
    asked = api(user=statuses)
    await asyncio.gather(*(asked.get_health(GetHealthRequest(), Call("/x")) for _ in range(50)))
    assert statuses.asked == 1
    monkeypatch.setattr(asked, "_fresh_until", 0.0)
    await asked.get_health(GetHealthRequest(), Call("/x"))
    assert statuses.asked == 2
    assert health_service.MAX_AGE == 1.0


async def test_one_who_leaves_early_spoils_nothing_for_the_others() -> None:
    asked = api(user=Statuses())
    hurried = asyncio.ensure_future(asked.get_health(GetHealthRequest(), Call("/x")))
    await asyncio.sleep(0)
    patient = asyncio.ensure_future(asked.get_health(GetHealthRequest(), Call("/x")))
    await asyncio.sleep(0)
    hurried.cancel()
    assert (await patient).status == HEALTH_STATUS_HEALTHY


async def test_a_kept_bad_answer_is_still_a_503() -> None:
    asked = api(user=Statuses(serving=False))
    for _ in range(2):
        call = Call("/x")
        await asked.get_health(GetHealthRequest(), call)
        assert call.response_metadata["x-http-code"] == "503"
