"""One process of the mesh: builds its services, hosts them, and stops them in order.

Two roles: `serve` answers calls; `work` runs the background workers, so that they never delay a call. Two more end by
themselves: `rebuild` makes projections anew, `compare` compares them with a rebuild. Everything opened is closed in
reverse by one stack.
"""

import asyncio
import logging
import os
import signal
import socket
import time
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass
from typing import Any, Literal

from fitnesshub.mesh.v1 import saga_service_pb2, status_service_pb2
from grpc import aio
from redis.asyncio import Redis

from chassis import background
from chassis.call import Call
from chassis.channel import Channel, InProcess, Network, mesh_channel
from chassis.clock import SystemClock, SystemIds
from chassis.contract import host_of, load_contract
from chassis.db import Database
from chassis.erasure import Erasure
from chassis.errors import Unavailable
from chassis.events.rebuild import Rebuild, RebuildError, Report
from chassis.events.redis_bus import RedisBus
from chassis.host_grpc import GrpcioHost
from chassis.identity import AccessTokens, EndedSessions, ServiceTokens, ServiceTokenSource
from chassis.migrate import at_head
from chassis.pipeline import Guards, Pipeline
from chassis.readiness import INTERVAL, Check, NotReady, Readiness
from chassis.redis_client import connect
from chassis.saga_api import SagaApi
from chassis.service import Runtime, Service, Worker
from chassis.settings import ProcessSettings, SettingsError, load_process_settings
from chassis.signals import END_STREAMS
from chassis.status_api import StatusApi
from chassis.telemetry import metrics, traces

log = logging.getLogger(__name__)

Build = Callable[[Runtime], Service]
STOP_GRACE = 10.0
"""Seconds that running calls and workers get to end when the process stops: twice an interactive call's time."""
STREAM_GRACE = 2.0
"""Seconds, and at most half the grace, that streams get to end by themselves, as a chat's answer. Then they are told to
connect again. A subscription loses nothing by it; whoever downloads has the whole grace."""
ORPHAN_GRACE = 2.0
"""Seconds instead, when the supervisor is gone: nobody is left to read the answers, and a new stack may be waiting."""
BUS_TIMEOUT = 5.0
"""Seconds to wait for an answer of the bus."""
CANCEL_AGAIN = 0.2
"""Seconds after which background work that still runs is cancelled again."""
WORKER_BACKOFF = (0.5, 30.0)
"""Seconds before a failed worker starts again: the first time, and at most."""


@dataclass(frozen=True)
class Options:
    """How this process is to run."""

    role: Literal["serve", "work", "rebuild", "compare"]
    host: str
    port: int
    metrics_port: int
    processes: int
    """How many processes like this one share the database, this one included; they share its connections."""
    probe_period: float
    """Seconds between saying NOT_SERVING and taking no more calls, so that balancers notice first."""


class Process:
    """Everything the services of one process share. Make one, then `await run()`."""

    def __init__(self, builds: Mapping[str, Build], options: Options, environment: Mapping[str, str]) -> None:
        self._builds = builds
        self._options = options
        self._environment = environment
        self._settings: ProcessSettings = load_process_settings(environment)
        self._contract = load_contract()
        self._clock = SystemClock()
        self._ids = SystemIds()
        self._readiness = Readiness(self._clock)
        self._redis = connect(self._settings.redis_url, self._settings.redis_password())
        keys = self._settings.secrets
        # Waits longer for an answer than anybody who answers a call does: a fetch waits for events.
        self._bus_redis = connect(self._settings.redis_url, self._settings.redis_password(), timeout=BUS_TIMEOUT)
        self._bus = RedisBus(self._bus_redis)
        self._ended = EndedSessions(self._redis)
        self._pipeline = Pipeline(
            self._contract,
            Guards(
                AccessTokens(keys / "access-token-keys.json", self._settings.issuer, self._clock),
                ServiceTokens(keys / "service-keys.json", self._clock),
                self._ended,
            ),
            self._record,
        )
        self._databases: dict[str, Database] = {}
        self._sources: dict[str, ServiceTokenSource] = {}
        self._networks: dict[str, aio.Channel] = {}
        self._stack = AsyncExitStack()
        self._grace = STOP_GRACE
        self._failed = False
        self._stopping = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self.reports: dict[str, Report] = {}
        """What came of rebuilds and comparisons, by service."""

    # --- what services ask for while they are built (chassis.service.Resources) ---

    def database(self, service: str) -> Database:
        """The service's database, with its readiness checks."""
        if service not in self._databases:
            database = Database(
                self._settings.database_server,
                self._settings.database_password(service),
                service=service,
                clock=self._clock,
                ids=self._ids,
                prepared=self._settings.database_prepared_statements,
            )
            self._databases[service] = database
            self._readiness.add(service, [Check("postgresql", _database_check(database, service))])
        return self._databases[service]

    def redis(self, service: str) -> Redis:
        """The process's Redis client, with its readiness check: down means slower, not broken."""
        self._readiness.add(service, [Check("redis", self._ping_redis, required=False)])
        return self._redis

    def channel(self, owner: str, service: str) -> Channel:
        """In process when the callee is hosted here, else through the mesh listener."""
        if service in self._builds:
            return Channel(InProcess(self._pipeline, owner))
        if service not in self._networks:
            self._networks[service] = mesh_channel(self._settings.mesh, service)
        if owner not in self._sources:
            self._sources[owner] = ServiceTokenSource(owner, self._settings.secrets / f"service-{owner}.pem")
        return Channel(Network(self._networks[service], self._sources[owner]))

    # --- running ---

    async def run(self) -> bool:
        """Runs until SIGTERM, SIGINT or the end of the lifeline, and closes everything.

        Returns False when it had to stop by itself, because work in the background ended, and when a projection
        isn't the same as its rebuild. Raises RebuildError when there can be no rebuild.
        """
        self._watch_for_stop()
        async with self._stack:
            services = [build(self._runtime(name)) for name, build in self._builds.items()]
            status = self._compile(services)
            await self._open()
            for service in services:
                if service.prepare is not None:
                    with suppress(Unavailable):  # a server that can't be reached yet is no error
                        await service.prepare()
            if self._options.role == "serve":
                await self._serve(status)
            elif self._options.role == "work":
                await self._work(services)
            else:
                await self._rebuild(services)
        return not self._failed

    def _runtime(self, name: str) -> Runtime:
        return Runtime(
            service=name,
            process=self._settings,
            environment=self._environment,
            clock=self._clock,
            ids=self._ids,
            contract=self._contract,
            hosted=self._builds.keys(),
            resources=self,
        )

    def _compile(self, services: Sequence[Service]) -> StatusApi:
        for service in services:
            self._readiness.add(service.name, list(service.checks))
            for descriptor, implementation in service.apis.items():
                self._pipeline.add(descriptor, implementation)
        status = StatusApi(self._builds.keys(), self._readiness, self._pipeline)
        self._pipeline.add(status_service_pb2.DESCRIPTOR.services_by_name["StatusService"], status)
        kinds = {
            service.name: (*service.sagas, Erasure(database, self._bus, self._ids, service.erase).saga)
            for service in services
            if (database := self._databases.get(service.name)) is not None
        }
        sagas = SagaApi(self._builds.keys(), self._databases, kinds)
        self._pipeline.add(saga_service_pb2.DESCRIPTOR.services_by_name["SagaService"], sagas)
        return status

    async def _record(self, call: Call, code: int, reason: str) -> None:
        await self._databases[self._contract.methods[call.method].host].record_call(call, code, reason)

    async def _open(self) -> None:
        self._stack.push_async_callback(self._redis.aclose)
        self._stack.push_async_callback(self._bus_redis.aclose)
        for network in self._networks.values():
            self._stack.push_async_callback(network.close)
        for database in self._databases.values():
            await database.open(len(self._databases) * self._options.processes)
            self._stack.push_async_callback(database.close)
        traces.configure(self._settings.otlp_endpoint)
        self._stack.callback(traces.shutdown)
        metrics.watch("rpc_in_flight", "Calls being answered", lambda: self._pipeline.active)
        self._background(self._ended.run(), "ended-sessions")

    async def _serve(self, status: StatusApi) -> None:
        host = GrpcioHost(self._pipeline, self._described())
        names = self._health_names()
        for name in names:
            await host.set_serving(name, serving=False)
        address = f"{self._options.host}:{self._options.port}"
        port = await host.start(address)
        await self._expose(lambda: all(self._readiness.serving(name) for name in self._builds))
        self._background(self._report_health(host, names), "readiness")
        log.info("serving %s on port %d", ", ".join(self._builds), port)
        await self._stopping.wait()
        log.info("draining")
        status.stopping = True
        await host.enter_drain()
        await asyncio.sleep(self._options.probe_period)
        asyncio.get_running_loop().call_later(min(STREAM_GRACE, self._grace / 2), self._pipeline.streams.stop)
        await host.stop(self._grace)
        await self._cancel_background()

    async def _work(self, services: Sequence[Service]) -> None:
        await self._expose(lambda: all(self._readiness.serving(name) for name in self._builds))
        self._background(self._keep_asking(), "readiness")
        name = f"{socket.gethostname()}-{os.getpid()}-{self._ids.new()}"
        for service in services:
            workers = list(service.workers)
            if (database := self._databases.get(service.name)) is not None:
                workers += background.workers(service, database, self._bus, self._ids, name)
            for worker in workers:
                self._background(_keep_running(service.name, worker), f"{service.name}/{worker.name}")
        log.info("working for %s", ", ".join(self._builds))
        await self._stopping.wait()
        log.info("stopping")
        await self._cancel_background()

    async def _rebuild(self, services: Sequence[Service]) -> None:
        work = asyncio.create_task(self._rebuild_each(services))
        stop = asyncio.create_task(self._stopping.wait())
        await asyncio.wait({work, stop}, return_when=asyncio.FIRST_COMPLETED)
        for task in (work, stop):
            task.cancel()
        await asyncio.wait({work, stop})
        await self._cancel_background()
        if work.cancelled():
            raise RebuildError("it was stopped; the projection is as it was")
        work.result()

    async def _rebuild_each(self, services: Sequence[Service]) -> None:
        owner = self._environment.get("DATABASE_URL")
        if not owner:
            raise SettingsError("DATABASE_URL: a rebuild needs the owner's login, to make tables")
        for service in services:
            if service.projection is None:
                raise RebuildError(f"{service.name} has no projection")
            rebuild = Rebuild(owner, self._databases[service.name], service.projection)
            report = await (rebuild.run() if self._options.role == "rebuild" else rebuild.verify())
            self._failed |= bool(report.differences)
            self.reports[service.name] = report

    async def _expose(self, ready: Callable[[], bool]) -> None:
        server = await metrics.serve_metrics(self._options.metrics_port, ready, self._options.host)
        self._stack.push_async_callback(server.close)

    def _described(self) -> list[str]:
        """Reflection: what is hosted here; the gateway answers for the whole mesh."""
        hosts = self._contract.hosts() if "gateway" in self._builds else list(self._builds)
        return [s.full_name for s in self._contract.services() if host_of(s) in (*hosts, "")]

    def _health_names(self) -> dict[str, list[str]]:
        """Which services must be ready for which health name to be SERVING."""
        names = {"": list(self._builds)} | {name: [name] for name in self._builds}
        for service in self._contract.services():
            if host_of(service) in self._builds:
                names[service.full_name] = [host_of(service)]
        return names

    async def _report_health(self, host: GrpcioHost, names: Mapping[str, Sequence[str]]) -> None:
        while True:
            await self._readiness.ask()
            for name, needed in names.items():
                await host.set_serving(name, serving=all(self._readiness.serving(service) for service in needed))
            await asyncio.sleep(INTERVAL)

    async def _keep_asking(self) -> None:
        while True:
            await self._readiness.ask()
            await asyncio.sleep(INTERVAL)

    async def _ping_redis(self) -> None:
        await self._redis.ping()

    # --- stopping ---

    def _watch_for_stop(self) -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stopping.set)
        loop.add_signal_handler(END_STREAMS, self._pipeline.streams.stop)
        lifeline = self._environment.get("FITNESSHUB_LIFELINE_FD")
        if lifeline:
            descriptor = int(lifeline)
            loop.add_reader(descriptor, self._lifeline_ended, descriptor)

    def _lifeline_ended(self, descriptor: int) -> None:
        """The supervisor is gone, and with it the edge: whoever still waits for an answer gets little time."""
        asyncio.get_running_loop().remove_reader(descriptor)
        log.warning("the supervisor is gone; stopping")
        self._grace = ORPHAN_GRACE
        self._stopping.set()

    def _background(self, work: Coroutine[Any, Any, None], name: str) -> None:
        """Starts work that goes on until the process stops. If it ends before, so does the process, with its error."""
        task = asyncio.get_running_loop().create_task(work, name=name)
        task.add_done_callback(self._background_ended)
        self._tasks.append(task)

    def _background_ended(self, task: asyncio.Task[None]) -> None:
        if task.cancelled() or self._stopping.is_set():
            return
        log.critical("the background work %s ended; the process stops", task.get_name(), exc_info=task.exception())
        self._failed = True
        self._stopping.set()

    async def _cancel_background(self) -> None:
        """Cancels until it is heard: under Python 3.11 `asyncio.wait_for`, which redis-py uses, can swallow one."""
        deadline = time.monotonic() + self._grace
        running = set(self._tasks)
        while running and time.monotonic() < deadline:
            for task in running:
                task.cancel()
            _, running = await asyncio.wait(running, timeout=CANCEL_AGAIN)


def _database_check(database: Database, service: str) -> Callable[[], Awaitable[None]]:
    """Asks the server, and until the answer is yes whether the schema is there; schemas don't go back."""
    migrated = False

    async def check() -> None:
        nonlocal migrated
        await database.ping()
        if not migrated:
            migrated = await at_head(database, service)
        if not migrated:
            raise NotReady("migrations are missing: run `fitnesshub migrate`")

    return check


async def _keep_running(service: str, worker: Worker) -> None:
    wait, longest = WORKER_BACKOFF
    while True:
        started = time.monotonic()
        try:
            await worker.run()
        except Exception:
            log.exception("the worker %s of %s failed; it starts again in %.1f s", worker.name, service, wait)
        ran = time.monotonic() - started
        await asyncio.sleep(wait)
        wait = WORKER_BACKOFF[0] if ran > longest else min(wait * 2, longest)
