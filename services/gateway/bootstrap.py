"""Composition root of the gateway service."""

from fitnesshub.gateway.v1 import health_service_pb2, saga_service_pb2
from fitnesshub.mesh.v1.saga_service_pb2_grpc import SagaServiceStub
from fitnesshub.mesh.v1.status_service_pb2_grpc import StatusServiceStub

from chassis.service import Runtime, Service
from services.gateway.api.health_service import HealthApi
from services.gateway.api.saga_service import SagaApi


def build(runtime: Runtime) -> Service:
    """Builds the service; it keeps nothing, so it needs neither database nor Redis."""
    hosts = runtime.contract.hosts()
    statuses = {service: StatusServiceStub(runtime.channel(service)) for service in hosts}
    sagas = {service: SagaServiceStub(runtime.channel(service)) for service in hosts}
    return Service(
        name="gateway",
        apis={
            health_service_pb2.DESCRIPTOR.services_by_name["HealthService"]: HealthApi(statuses, runtime.clock),
            saga_service_pb2.DESCRIPTOR.services_by_name["SagaService"]: SagaApi(sagas, runtime.page_tokens()),
        },
    )
