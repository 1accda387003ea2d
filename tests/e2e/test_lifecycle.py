"""Starting, dying and stopping: whatever ends, nothing is left running, nothing locked, nothing lost."""

import base64
import json
import os
import shlex
import signal
import socket
import subprocess
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Thread
from typing import Any, Self

import grpc
import httpx
import pytest
from grpc_health.v1 import health_pb2

from embedded.home import Home, is_locked
from tests.e2e.stack import COMMAND, NotUp, Stack, wait_until

SERVICES = ("analytics", "audit", "gateway", "user", "workout")
GONE = 10.0
"""Seconds after which nothing of a killed stack may be left."""
RECOVERED = 30.0
"""Seconds for a killed child to be back: a service imports for two on a quiet machine."""


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A state folder with a path of 120 characters, not all of them letters: nothing may care."""
    return tmp_path / "it's a long way home ".ljust(120 - len(str(tmp_path)) - 1, "h")


@pytest.fixture
def own(home: Path) -> Iterator[Stack]:
    """A stack that the test may break; not started."""
    made = Stack(home)
    yield made
    made.down()
    assert made.processes() == []
    assert made.run("clean-state").returncode == 0


@pytest.fixture(scope="module")
def breakable(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A running stack whose children are killed, and which recovers."""
    made = Stack(tmp_path_factory.mktemp("breakable") / "home")
    made.up()
    yield made
    made.down()


def subject(token: str) -> str:
    payload = token.split(".")[1]
    return str(json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))["sub"])


def parts(status: dict[str, Any]) -> list[dict[str, Any]]:
    return [*status["services"], *status["servers"]]


def works(stack: Stack) -> bool:
    """Whether everything is up and a signed-in person is known, which takes edge, services and servers."""
    done = stack.run("status", "--json")
    status = json.loads(done.stdout)
    if done.returncode or any(part["state"] != "up" for part in parts(status)):
        return False
    try:
        headers = {"authorization": f"Bearer {stack.token_kept()}"}
    except NotUp:
        return False  # a service notices within a second that a server is back
    return httpx.get(f"{status['edge_url']}/api/v1/users/me", headers=headers).status_code == 200


def test_up_status_down(own: Stack) -> None:
    before = own.run("status")
    assert (before.returncode, before.stdout) == (3, f"not running: {own.home}\n")
    assert own.run("down").stdout == f"nothing is running in {own.home}\n"
    assert own.run("token").returncode == 3

    printed = own.up()
    status = own.status()
    assert f"{status['edge_url']}/health" in printed
    assert own.run("status").returncode == 0
    assert (status["profile"], status["ready"]) == ("embedded", True)
    assert {(s["name"], s["role"]) for s in status["services"]} == {
        (name, role) for name in SERVICES for role in ("serve", "work")
    }
    for part in parts(status):
        assert part["state"] == "up", part
        assert part["version"], part
        os.kill(part["pid"], 0)
    assert {server["name"] for server in status["servers"]} == {"postgresql", "valkey", "envoy"}

    again = own.run("up", "--detach")
    assert again.returncode == 1
    assert again.stderr.startswith(f"fitnesshub: a stack is already running in {own.home} (pid {status['pid']});")
    refused = own.run("clean-state")
    assert refused.returncode == 1
    assert "already running" in refused.stderr

    assert own.run("down").stdout == "stopped\n"
    assert own.run("status").returncode == 3
    assert own.processes() == []
    assert own.run("clean-state").returncode == 0
    assert not own.home.exists()


class Callers:
    """People who go on calling over kept connections until nobody listens any more."""

    def __init__(self, url: str) -> None:
        self.seen: Counter[str] = Counter()
        self._url = url
        self._threads = [Thread(target=self._call) for _ in range(4)]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        for thread in self._threads:
            thread.join()

    def _call(self) -> None:
        with httpx.Client(base_url=self._url) as client:
            while not self.seen["ConnectError"]:
                try:
                    self.seen[str(client.get("/health").status_code)] += 1
                except httpx.TransportError as error:
                    self.seen[type(error).__name__] += 1


def test_ctrl_c_answers_who_is_calling_and_stops_in_order(own: Stack) -> None:
    with subprocess.Popen([COMMAND, "up"], env=own.variables(), stdout=subprocess.PIPE, text=True) as foreground:
        assert foreground.stdout is not None
        lines = iter(foreground.stdout.readline, "")
        assert any(line.startswith("Stop") for line in lines)
        with Callers(own.status()["edge_url"]) as callers:
            wait_until(lambda: callers.seen["200"] > 20, 10, "calls are answered")
            foreground.send_signal(signal.SIGINT)
            stopping = [line.removeprefix("stopping: ").strip() for line in lines if line.startswith("stopp")]
    assert stopping == ["draining envoy", "services", "valkey", "postgresql", "stopped"]
    assert foreground.returncode == 0
    # A connection that waits to be accepted when the socket closes is reset or closed unanswered: one a caller, in an
    # instant. Whoever is connected gets an answer.
    unlucky = {"ReadError", "RemoteProtocolError"}
    assert set(callers.seen) - unlucky == {"200", "ConnectError"}
    assert sum(callers.seen[name] for name in unlucky) <= 4
    assert own.processes() == []


@pytest.mark.parametrize("profile", ["split"], indirect=True, scope="session")
def test_split_runs_each_service_by_itself(stack: Stack) -> None:
    status = stack.status()
    assert status["profile"] == "split"
    assert len({part["pid"] for part in status["services"]}) == len(status["services"]) == 2 * len(SERVICES)
    assert works(stack)


def test_a_killed_supervisor_leaves_nothing_and_loses_nothing(own: Stack) -> None:
    assert len(str(own.home)) == 120
    own.up()
    user = subject(own.token(email="kept@example.com"))
    os.kill(own.status()["pid"], signal.SIGKILL)
    # At once: the new start waits for what is left of the old one.
    own.up()
    assert subject(own.token(email="kept@example.com")) == user

    status = own.status()
    address = next(part["address"] for part in status["services"] if part["role"] == "serve")
    with grpc.insecure_channel(address) as channel:
        # Somebody holds a call open: a service mustn't wait for it now.
        watch = channel.unary_stream(
            "/grpc.health.v1.Health/Watch",
            request_serializer=health_pb2.HealthCheckRequest.SerializeToString,
            response_deserializer=health_pb2.HealthCheckResponse.FromString,
        )
        watching = watch(health_pb2.HealthCheckRequest())
        assert next(watching).status == health_pb2.HealthCheckResponse.SERVING
        os.kill(status["pid"], signal.SIGKILL)
        wait_until(lambda: not own.processes(), GONE, "everything is gone")
    # A process lets go of its files a moment after its name and memory are gone from /proc.
    wait_until(lambda: not is_locked(Home(own.home).children_lock_file), 2, "nothing is locked")
    assert own.run("status").returncode == 3


def killed(stack: Stack, process: str, find: Callable[[int], int]) -> None:
    """Kills a process and waits until it is back and everything works."""

    def part() -> dict[str, Any]:
        return next(part for part in parts(stack.status()) if part["process"] == process)

    before = part()
    os.kill(find(before["pid"]), signal.SIGKILL)
    wait_until(lambda: part()["restarts"] == before["restarts"] + 1 and works(stack), RECOVERED, f"{process} is back")
    assert part()["pid"] != before["pid"]


@pytest.mark.parametrize("process", ["postgresql", "valkey", "envoy", "serve", "work"])
def test_recovers_when_a_child_is_killed(breakable: Stack, process: str) -> None:
    killed(breakable, process, lambda pid: pid)


@pytest.mark.parametrize("process", ["postgresql", "valkey", "envoy"])
def test_recovers_when_a_guard_is_killed(breakable: Stack, process: str) -> None:
    killed(breakable, process, lambda pid: int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1]))


def test_two_stacks_side_by_side(stack: Stack, breakable: Stack) -> None:
    one, two = stack.status(), breakable.status()
    assert one["edge_url"] != two["edge_url"]
    assert works(stack)
    assert works(breakable)
    signed_in = {"authorization": f"Bearer {stack.token_kept()}"}
    answer = httpx.get(f"{two['edge_url']}/api/v1/users/me", headers=signed_in)
    assert answer.status_code == 401, f"keys are their own: {answer.text}"


def test_a_taken_port_is_named(own: Stack) -> None:
    with socket.socket() as taken:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        own.environment["FITNESSHUB_PORT"] = str(port)
        done = own.run("up", "--detach")
    assert done.returncode == 1
    assert done.stderr == (
        f"fitnesshub: port {port} on 127.0.0.1 is taken by another program; "
        "set FITNESSHUB_PORT to another one, or to 0 for a free one\n"
    )
    assert own.processes() == []
    assert not own.home.exists()


@pytest.mark.parametrize("name", ["FITNESSHUB_PROFILE", "FITNESSHUB_WORKERS", "FITNESSHUB_PORT"])
def test_a_wrong_setting_is_named(own: Stack, name: str) -> None:
    own.environment[name] = "many"
    done = own.run("up", "--detach")
    assert done.returncode == 1
    assert done.stderr.startswith(f"fitnesshub: {name} is 'many'; it must be ")
    assert done.stderr.count("\n") == 1


def on_a_small_disk(stack: Stack, script: str, mebibytes: int) -> subprocess.CompletedProcess[str]:
    """Runs a script where the state folder is a file system of this size; $FITNESSHUB is the command."""
    stack.home.mkdir(parents=True)
    mount = f"mount -t tmpfs -o size={mebibytes}m,mode=700 small {shlex.quote(str(stack.home))}"
    if os.geteuid() == 0:
        words = ["unshare", "--mount", "bash", "-ec", f"{mount}\n{script}"]
    else:
        # Root in a user namespace may mount; PostgreSQL must not be root, so the second namespace undoes the first.
        back = f"unshare --user --map-user={os.geteuid()} --map-group={os.getegid()}"
        inner = f"{mount}\nexec {back} bash -ec {shlex.quote(script)}"
        words = ["unshare", "--user", "--map-root-user", "--mount", "bash", "-ec", inner]
    variables = stack.variables() | {"FITNESSHUB": str(COMMAND)}
    return subprocess.run(words, env=variables, capture_output=True, text=True, check=False, timeout=60)


def test_a_full_disk_at_the_first_start(own: Stack) -> None:
    done = on_a_small_disk(own, "$FITNESSHUB up --detach", mebibytes=20)
    assert done.returncode == 1, done.stderr
    assert done.stderr.startswith(f"fitnesshub: the disk that holds {own.home}"), done.stderr
    assert "is full" in done.stderr
    assert done.stderr.count("\n") == 1
    assert own.processes() == []


def test_a_full_disk_at_a_later_start(own: Stack) -> None:
    script = """
        $FITNESSHUB up --detach
        $FITNESSHUB down
        dd if=/dev/zero of="$FITNESSHUB_HOME/logs/fill" bs=1M 2>/dev/null || true
        exec $FITNESSHUB up --detach
    """
    done = on_a_small_disk(own, script, mebibytes=100)
    assert done.returncode == 1, done.stderr
    assert done.stderr.startswith(f"fitnesshub: the disk that holds {own.home}"), done.stderr
    assert done.stderr.count("\n") == 1
    assert own.processes() == []
