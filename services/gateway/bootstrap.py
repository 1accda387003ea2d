"""Composition root of the gateway service."""

from fitnesshub.gateway.v1 import health_service_pb2
from fitnesshub.mesh.v1.status_service_pb2_grpc import StatusServiceStub

from chassis.service import Runtime, Service
from services.gateway.api.health_service import HealthApi


def build(runtime: Runtime) -> Service:
    """Builds the service; it keeps nothing, so it needs neither database nor Redis."""
    statuses = {service: StatusServiceStub(runtime.channel(service)) for service in runtime.contract.hosts()}
    return Service(
        name="gateway",
        apis={
            health_service_pb2.DESCRIPTOR.services_by_name["HealthService"]: HealthApi(statuses, runtime.clock),
        },
    )
