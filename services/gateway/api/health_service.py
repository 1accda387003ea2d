"""HealthService: the mesh's state, asked for at most once a second however many want to know."""

import asyncio
import time
from collections.abc import Mapping
from contextvars import Context
from typing import TYPE_CHECKING

from fitnesshub.gateway.v1.health_service_pb2 import (
    HEALTH_STATUS_UNHEALTHY,
    GetHealthRequest,
    MeshHealth,
    ServiceHealth,
)
from fitnesshub.mesh.v1.status_service_pb2 import GetServiceStatusRequest, ServiceStatus

from chassis.call import Call
from chassis.clock import Clock
from chassis.errors import Failure
from chassis.status_api import resident_bytes, uptime
from chassis.version import VERSION
from services.gateway.domain.mesh_health import overall, servers, service_health

if TYPE_CHECKING:
    from fitnesshub.mesh.v1.status_service_pb2_grpc import StatusServiceAsyncStub

MAX_AGE = 1.0
"""Seconds an answer is given again (the seed's figure)."""
ASK_TIMEOUT = 1.5
"""Seconds a service has to answer: more than its own checks take (1 s), less than GetHealth's 5 s."""
HTTP_SERVICE_UNAVAILABLE = 503


class HealthApi:
    """Asks every service for its status."""

    def __init__(self, statuses: Mapping[str, "StatusServiceAsyncStub"], clock: Clock) -> None:
        self._statuses = statuses
        self._clock = clock
        self._answer = MeshHealth()
        self._fresh_until = 0.0
        self._refreshing: asyncio.Task[None] | None = None

    async def get_health(self, _request: GetHealthRequest, call: Call) -> MeshHealth:
        if time.monotonic() >= self._fresh_until:
            if self._refreshing is None or self._refreshing.done():
                # In a context of its own: the deadline of whoever asks first isn't everybody's.
                self._refreshing = asyncio.get_running_loop().create_task(self._refresh(), context=Context())
            await asyncio.shield(self._refreshing)
        if self._answer.status == HEALTH_STATUS_UNHEALTHY:
            call.http_status(HTTP_SERVICE_UNAVAILABLE)
        return self._answer

    async def _refresh(self) -> None:
        self._answer = await self._ask_all()
        self._fresh_until = time.monotonic() + MAX_AGE

    async def _ask_all(self) -> MeshHealth:
        answers = await asyncio.gather(*(self._ask(service) for service in sorted(self._statuses)))
        health = [service for service, _ in answers]
        mesh = MeshHealth(
            status=overall(health),
            services=health,
            servers=servers(status for _, status in answers),
            version=VERSION,
            memory_bytes=resident_bytes(),
        )
        mesh.uptime.FromNanoseconds(int(uptime() * 1e9))
        mesh.check_time.FromDatetime(self._clock.now())
        return mesh

    async def _ask(self, service: str) -> tuple[ServiceHealth, ServiceStatus]:
        asked_at = self._clock.now()
        started = time.monotonic()
        try:
            status = await self._statuses[service].GetServiceStatus(
                GetServiceStatusRequest(service=service), timeout=ASK_TIMEOUT
            )
            health = service_health(status)
        except Failure as failure:
            status = ServiceStatus()
            health = ServiceHealth(
                service=service, status=HEALTH_STATUS_UNHEALTHY, problem=f"didn't answer: {failure.reason}"
            )
        health.response_time.FromNanoseconds(int((time.monotonic() - started) * 1e9))
        health.last_check_time.FromDatetime(asked_at)
        return health, status
