"""Composition root of the analytics service."""

from fitnesshub.analytics.v1 import analytics_service_pb2

from chassis.events.rebuild import Projection
from chassis.service import Runtime, Service, Worker
from services.analytics.api.analytics_service import AnalyticsApi
from services.analytics.api.platform_upkeep import PlatformUpkeep
from services.analytics.clients.event_store import AuditHistory
from services.analytics.events.on_subject_erased import AnalyticsEraser
from services.analytics.events.subscription import HANDLERS, SOURCES, subscription
from services.analytics.store.erasure import erase
from services.analytics.store.tables import PROJECTION, platform_marks


def build(runtime: Runtime) -> Service:
    """Builds the service."""
    db = runtime.database()
    history = AuditHistory(runtime.channel("audit"), tuple(HANDLERS), SOURCES)
    api = AnalyticsApi(db, runtime.clock, runtime.page_tokens(), history)
    return Service(
        name=runtime.service,
        apis={analytics_service_pb2.DESCRIPTOR.services_by_name["AnalyticsService"]: api},
        subscriptions=(subscription(),),
        workers=(Worker("count the platform", PlatformUpkeep(db).count_forever),),
        # Days are marked for the worker, which counts everything when it finds new tables.
        projection=Projection(subscription(), PROJECTION, history, erase, aside=(platform_marks.name,)),
        erase=AnalyticsEraser(db).erase,
    )
