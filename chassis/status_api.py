"""StatusService: what this process tells about the services it hosts."""

import time
from collections.abc import Collection
from pathlib import Path

from fitnesshub.mesh.v1.status_service_pb2 import GetServiceStatusRequest, ServiceStatus

from chassis.call import Call
from chassis.errors import NotFound
from chassis.pipeline import Pipeline
from chassis.readiness import Readiness
from chassis.version import VERSION

_STARTED = time.monotonic()
_PAGE_BYTES = 4096
_RESIDENT_FIELD = 1
"""Second number of /proc/self/statm: resident pages."""


class StatusApi:
    """Answers from the readiness loop's last round; nothing is asked on the way."""

    def __init__(self, services: Collection[str], readiness: Readiness, pipeline: Pipeline) -> None:
        self._services = services
        self._readiness = readiness
        self._pipeline = pipeline
        self.stopping = False

    async def get_service_status(self, request: GetServiceStatusRequest, _call: Call) -> ServiceStatus:
        if request.service not in self._services:
            raise NotFound(
                "SERVICE_NOT_HOSTED", f"this process doesn't host {request.service}", service=request.service
            )
        status = ServiceStatus(
            service=request.service,
            serving=self._readiness.serving(request.service) and not self.stopping,
            version=VERSION,
            memory_bytes=resident_bytes(),
            checks=self._readiness.answers(request.service),
            active_calls=self._pipeline.active,
        )
        status.uptime.FromNanoseconds(int(uptime() * 1e9))
        return status


def uptime() -> float:
    """Seconds this process has run."""
    return time.monotonic() - _STARTED


def resident_bytes() -> int:
    """Resident memory of this process; 0 where there is no /proc."""
    try:
        return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[_RESIDENT_FIELD]) * _PAGE_BYTES
    except OSError:
        return 0
