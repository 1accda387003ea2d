"""Composition root of the analytics service."""

from fitnesshub.analytics.v1 import analytics_service_pb2

from chassis.service import Runtime, Service
from services.analytics.api.analytics_service import AnalyticsApi


def build(runtime: Runtime) -> Service:
    """Builds the service."""
    return Service(
        name=runtime.service,
        apis={analytics_service_pb2.DESCRIPTOR.services_by_name["AnalyticsService"]: AnalyticsApi()},
    )
