"""Composition root of the audit service."""

import base64

from fitnesshub.audit.v1 import audit_service_pb2

from chassis.events.consumer import EVERY, Subscription
from chassis.service import Runtime, Service, Worker
from chassis.tokens import SERVICE_KEY_SET
from services.audit.api.audit_service import AuditApi
from services.audit.api.checkpoint_upkeep import CheckpointUpkeep
from services.audit.clients.checkpoints import FileCheckpoints
from services.audit.events.on_any_event import Appender
from services.audit.settings import AuditSettings
from services.audit.store.keys import SubjectKeys

GROUP = "audit"


def build(runtime: Runtime) -> Service:
    """Builds the service; it hears every service that publishes.

    Raises SettingsError, FileNotFoundError or ValueError when a setting or a secret is missing or wrong.
    """
    settings = runtime.settings(AuditSettings)
    db = runtime.database()
    folder = settings.checkpoints or runtime.process.secrets.with_name("checkpoints")
    checkpoints = FileCheckpoints(
        folder, runtime.secret_file(f"service-{runtime.service}.pem"), runtime.secret_file(SERVICE_KEY_SET)
    )
    keys = SubjectKeys(base64.b64decode(runtime.secret_file("audit-master-key").read_bytes()))
    api = AuditApi(db, runtime.clock, runtime.page_tokens(), checkpoints, keys)
    upkeep = CheckpointUpkeep(db, runtime.clock, checkpoints, settings.checkpoint_seconds)
    sources = tuple(sorted(runtime.contract.hosts()))
    return Service(
        name=runtime.service,
        apis={audit_service_pb2.DESCRIPTOR.services_by_name["AuditService"]: api},
        subscriptions=(
            Subscription(GROUP, sources, {EVERY: Appender(runtime.clock, keys).append}, hears_of_erased=True),
        ),
        workers=(Worker("checkpoints", upkeep.run),),
        prepare=lambda: keys.check(db),
    )
