"""Starts a stack, keeps it running, and stops it in order.

What needs nothing of each other starts side by side: a warm start is bound by the imports of the services.
"""

import asyncio
import os
import shlex
import shutil
import signal
import sys
import time
from collections.abc import Coroutine, Mapping
from pathlib import Path
from typing import Any

from chassis.signals import END_STREAMS
from chassis.version import VERSION
from embedded import edge, migrations, servers
from embedded.children import Child, Program, Stopping, Ties
from embedded.choices import Choices, parse
from embedded.command import Command
from embedded.home import Home, create, create_sockets, is_locked, keep_sockets, lock, lock_children, remove_sockets
from embedded.ports import HOST, Ports
from embedded.probe import ask, says_ok
from embedded.problems import EmbeddedError, explain
from embedded.progress import Report, Table, step
from embedded.state import Part, ServicePart, State
from embedded.topology import ServiceProcess, processes, service_names

READY_TIMEOUT = 60.0
"""Seconds for each part to start on a slow machine."""
SERVICE_GRACE = 12.0
"""Seconds; services give running calls 10 (chassis.process.STOP_GRACE)."""


def run(home: Home, environment: Mapping[str, str], report: Report) -> None:
    """Runs a stack until SIGINT, SIGTERM or SIGHUP. Raises EmbeddedError when it can't start or can't go on."""
    try:
        _run_alone(home, parse(environment), environment, report)
    except Exception as error:
        problem = explain(error, "running the stack", home.root, home.supervisor_log)
        report.failed(str(problem))
        raise problem from error


def _run_alone(home: Home, choices: Choices, environment: Mapping[str, str], report: Report) -> None:
    create(home)
    with lock(home):
        if is_locked(home.children_lock_file):
            report.say("waiting for an earlier stack to end")
        with lock_children(home) as children:
            # Nothing of an earlier run lives (we hold both locks), so what it left can't be in use.
            home.state_file.unlink(missing_ok=True)
            remove_sockets(home)
            create_sockets(home)
            keep_sockets(home)
            try:
                asyncio.run(_run(home, choices, environment, report, children.fileno()))
            finally:
                remove_sockets(home)


async def _run(home: Home, choices: Choices, environment: Mapping[str, str], report: Report, lock: int) -> None:
    await Supervisor(home, choices, environment, report, lock).run()


class Supervisor:
    """One running stack. Make one, then `await run()`."""

    def __init__(
        self, home: Home, choices: Choices, environment: Mapping[str, str], report: Report, children_lock: int
    ) -> None:
        self._home = home
        self._choices = choices
        self._environment = environment
        self._report = report
        self._ports = Ports()
        self._began = time.monotonic()
        self._children: dict[str, Child] = {}
        self._stop = asyncio.Event()
        self._failed: asyncio.Future[EmbeddedError] = asyncio.get_running_loop().create_future()
        lifeline, self._life = os.pipe()
        self._ties = Ties(lifeline, children_lock)
        port = self._ports.take(choices.port)
        self._edge = edge.Edge(port, self._ports.free(), self._ports.free(), home.run / "envoy")
        self._processes = processes(choices.profile, service_names(), choices.workers, self._ports.free)
        self._servers = servers.plan(home, environment)
        self._state = self._first_state()

    # --- running ---

    async def run(self) -> None:
        """Runs until a signal. Raises EmbeddedError when the stack can't start, or can't go on."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            loop.add_signal_handler(number, self._asked_to_stop)
        starting = loop.create_task(self._start())
        stopping = loop.create_task(self._stop.wait())
        try:
            ends: list[asyncio.Future[Any]] = [stopping, self._failed]
            await asyncio.wait([starting, *ends], return_when=asyncio.FIRST_COMPLETED)
            if starting.done():
                starting.result()
                await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (starting, stopping):
                task.cancel()
            await asyncio.wait({starting, stopping})
            await self._stop_all()
        if self._failed.done():
            raise self._failed.result()

    def _asked_to_stop(self) -> None:
        if self._stop.is_set():
            # Asked twice: leave at once, and let the lifeline's end stop the rest.
            os._exit(130)
        self._stop.set()

    # --- starting ---

    async def _start(self) -> None:
        self._save()
        with step(self._report, "secrets"):
            await asyncio.to_thread(migrations.make_secrets, self._home)
        await _together(self._start_services(), self._start_edge())
        with step(self._report, "health"):
            await self._healthy()
        self._state.ready = True
        self._state.seconds = time.monotonic() - self._began
        self._save()
        self._report.ready(self._table())

    async def _start_services(self) -> None:
        await _together(
            *(self._start_server(server) for server in self._servers.all()), asyncio.to_thread(migrations.preload)
        )
        with step(self._report, "migrations"):
            await migrations.migrate(self._servers.owner_url, self._home, self._report.say)
        with step(self._report, "services"):
            await _together(*(self._start_child(self._service_program(process)) for process in self._processes))

    async def _start_server(self, server: servers.Server) -> None:
        if server.program is not None:
            with step(self._report, f"{server.name} {server.version}"):
                await self._start_child(server.program)

    async def _start_edge(self) -> None:
        with step(self._report, f"envoy {edge.envoy_version()}"):
            await asyncio.to_thread(
                edge.write_config,
                self._edge,
                self._choices.profile,
                self._choices.issuer,
                self._processes,
                self._environment,
            )
            await self._start_child(edge.program(self._edge, self._home.logs))

    async def _start_child(self, program: Program) -> None:
        child = Child(program, self._ties, self._changed, self._report.say)
        self._children[program.name] = child
        child.failure.add_done_callback(self._child_failed)
        child.start()
        await child.ready(READY_TIMEOUT)

    async def _healthy(self) -> None:
        deadline = time.monotonic() + READY_TIMEOUT
        while True:
            status, body = await asyncio.to_thread(ask, f"{self._edge.url}/health")
            if status == 200 and await edge.knows_token_keys(self._edge):
                return
            if time.monotonic() > deadline:
                said = body.decode(errors="replace")[:500]
                raise EmbeddedError(
                    f"the mesh isn't healthy after {READY_TIMEOUT:.0f} s; /health says {status}: {said}; "
                    f"the logs are in {self._home.logs}"
                )
            await asyncio.sleep(0.05)

    def _service_program(self, process: ServiceProcess) -> Program:
        url = f"http://{HOST}:{process.metrics_port}/ready"
        return Program(
            name=process.name,
            command=lambda: Command(
                [sys.executable, "-m", "services", *process.arguments()], self._home.root, self._service_environment()
            ),
            log=self._home.logs / f"{process.name}.log",
            stopping=Stopping(("TERM",), SERVICE_GRACE, guarded=False),
            is_ready=lambda: says_ok(url),
        )

    def _service_environment(self) -> dict[str, str]:
        # DATABASE_URL is the owner's login; services have their own.
        inherited = {name: value for name, value in self._environment.items() if name != "DATABASE_URL"}
        return inherited | {
            "FITNESSHUB_SECRETS": str(self._home.secrets),
            "FITNESSHUB_DATABASE_SERVER": self._servers.database.url,
            "REDIS_URL": self._servers.redis.url,
            "FITNESSHUB_MESH": self._edge.mesh,
            "FITNESSHUB_ISSUER": self._choices.issuer,
            "FITNESSHUB_ENVIRONMENT": self._environment.get("FITNESSHUB_ENVIRONMENT", "local"),
        }

    # --- stopping ---

    async def _stop_all(self) -> None:
        self._state.ready = False
        if "envoy" in self._children:
            self._report.say("stopping: draining envoy")
            await edge.drain(self._edge, self._end_streams)
            await self._children["envoy"].stop()
        await self._stop_together("services", [process.name for process in self._processes])
        for server in reversed(self._servers.all()):
            await self._stop_together(server.name, [server.name])
        os.close(self._life)
        os.close(self._ties.lifeline)
        self._ports.close()
        self._home.state_file.unlink(missing_ok=True)
        self._report.say("stopped")

    def _end_streams(self) -> None:
        for process in self._processes:
            child = self._children.get(process.name)
            # One that isn't up has no streams, and may not know the signal yet: it would die of it.
            if process.role == "serve" and child is not None and child.state == "up":
                child.tell(END_STREAMS)

    async def _stop_together(self, label: str, names: list[str]) -> None:
        started = [self._children[name] for name in names if name in self._children]
        if started:
            self._report.say(f"stopping: {label}")
            await asyncio.gather(*(child.stop() for child in started))

    def _child_failed(self, failure: "asyncio.Future[EmbeddedError]") -> None:
        if not failure.cancelled() and not self._failed.done():
            self._failed.set_result(failure.result())

    # --- what is told ---

    def _first_state(self) -> State:
        state = State(
            profile=self._choices.profile,
            pid=os.getpid(),
            edge_url=self._edge.url,
            mesh=self._edge.mesh,
            admin=self._edge.admin,
            database=self._servers.database.address,
            redis=self._servers.redis.address,
            version=VERSION,
            started=time.time(),
        )
        for process in self._processes:
            address = f"{HOST}:{process.port}" if process.port else ""
            metrics = f"http://{HOST}:{process.metrics_port}/metrics"
            for name in process.services:
                state.services.append(
                    ServicePart(
                        name, address, version=VERSION, process=process.name, role=process.role, metrics=metrics
                    )
                )
        for server in self._servers.all():
            ours = server.program is not None
            state.servers.append(
                Part(
                    server.name,
                    server.address,
                    "starting" if ours else "external",
                    server.version,
                    process=server.name if ours else "",
                )
            )
        state.servers.append(Part("envoy", f"{HOST}:{self._edge.port}", version=edge.envoy_version(), process="envoy"))
        return state

    def _changed(self, child: Child) -> None:
        for part in (*self._state.services, *self._state.servers):
            if part.process == child.program.name:
                part.state, part.pid, part.restarts = child.state, child.pid, child.restarts
        self._save()

    def _save(self) -> None:
        try:
            self._state.save(self._home)
        except OSError as error:
            if not self._failed.done():
                home = self._home
                self._failed.set_result(explain(error, "writing the state", home.root, home.supervisor_log))

    def _table(self) -> Table:
        url, state = self._edge.url, self._state
        metrics = dict.fromkeys(part.metrics for part in state.services)
        command = _command()
        if self._environment.get("FITNESSHUB_HOME"):
            command = f"FITNESSHUB_HOME={shlex.quote(str(self._home.root))} {command}"
        return [
            ("API", f"{url}/api/v1"),
            ("Docs", f"{url}/docs"),
            ("Health", f"{url}/health"),
            ("Metrics", "  ".join((*metrics, f"{self._edge.admin}/stats/prometheus"))),
            ("gRPC", f"{HOST}:{self._edge.port} (edge)  {self._edge.mesh} (mesh, between services)"),
            ("Database", state.database),
            ("Redis", state.redis),
            ("Token", f"{command} token"),
            ("Try", _grpc_example(self._edge.port)),
            ("Logs", str(self._home.logs)),
            ("Stop", f"Ctrl-C, or {command} down"),
            ("Started in", f"{state.seconds:.1f} s ({state.profile})"),
        ]


def _command() -> str:
    """How to call `fitnesshub` from the current folder."""
    script = Path(sys.executable).with_name("fitnesshub")
    if shutil.which("fitnesshub") == str(script) or not script.exists():
        return "fitnesshub"
    return str(script.relative_to(Path.cwd())) if script.is_relative_to(Path.cwd()) else str(script)


def _grpc_example(port: int) -> str:
    if shutil.which("grpcurl"):
        return f"grpcurl -plaintext {HOST}:{port} list"
    buf = "make set-up && .venv/bin/buf curl --http2-prior-knowledge --protocol grpc"
    return f"{buf} --list-methods http://{HOST}:{port}"


async def _together(*works: Coroutine[Any, Any, None]) -> None:
    """Runs all side by side; the first failure cancels the others and is raised as it is."""
    try:
        async with asyncio.TaskGroup() as group:
            for work in works:
                group.create_task(work)
    except* Exception as failures:  # noqa: BLE001 - raised again, out of its group
        found: BaseException = failures
        while isinstance(found, BaseExceptionGroup):
            found = found.exceptions[0]
        raise found from None
