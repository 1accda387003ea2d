"""The background work that every service with a database has, whatever it is about; run in the `work` role."""

from functools import partial

from chassis.clock import Ids
from chassis.db import Database
from chassis.erasure import Erasure
from chassis.events.bus import Bus
from chassis.events.consumer import Consumer
from chassis.events.relay import Relay
from chassis.idempotency import keep_purging as purge_answers
from chassis.sagas.runner import SagaRunner
from chassis.sagas.upkeep import keep_purging as purge_sagas
from chassis.service import Service, Worker


def workers(service: Service, db: Database, bus: Bus, ids: Ids, process: str) -> list[Worker]:
    """Relay, consumers, sagas and the purge of what has had its time.

    process: names this process, different from every other one that ever was.
    """
    erasure = Erasure(db, bus, ids, service.erase)
    subscriptions = (*service.subscriptions, erasure.subscription)
    return [
        Worker("relay", Relay(db, bus, db.connect).run),
        *(Worker(f"consume-{each.group}", Consumer(db, bus, each, process).run) for each in subscriptions),
        Worker("sagas", SagaRunner(db, ids, (*service.sagas, erasure.saga)).run),
        Worker("purge-sagas", partial(purge_sagas, db)),
        Worker("purge-idempotency", partial(purge_answers, db)),
    ]
