"""GetHealth and GetServiceStatus of a whole stack, while its servers stop answering and come back."""

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from fitnesshub.mesh.v1.status_service_pb2 import GetServiceStatusRequest
from fitnesshub.mesh.v1.status_service_pb2_grpc import StatusServiceStub

from chassis.identity import ServiceTokenSource
from tests.e2e.stack import Stack, wait_until


@pytest.fixture(scope="module")
def own_stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    found = Stack(tmp_path_factory.mktemp("health"), "embedded")
    found.up()
    yield found
    found.down()


def health(stack: Stack) -> tuple[int, dict[str, Any]]:
    answer = httpx.get(f"{stack.status()['edge_url']}/health", timeout=10)
    return answer.status_code, answer.json()


@contextmanager
def stopped(stack: Stack, program: str) -> Iterator[None]:
    """The program's processes stand still: they hold their sockets and answer nothing."""
    pids = [pid for pid in stack.processes() if (Path("/proc") / str(pid) / "exe").resolve().name.startswith(program)]
    assert pids
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in pids:
            os.kill(pid, signal.SIGCONT)


def test_get_health_names_every_service_and_server(own_stack: Stack) -> None:
    code, body = health(own_stack)
    assert code == 200
    assert body["status"] == "HEALTH_STATUS_HEALTHY"
    assert {service["service"] for service in body["services"]} == {"analytics", "audit", "gateway", "user", "workout"}
    assert {server["name"] for server in body["servers"]} == {"postgresql", "redis"}
    for service in body["services"]:
        assert service["version"]
        assert int(service["memoryBytes"]) > 1_000_000
        assert float(service["responseTime"].removesuffix("s")) > 0
        assert service["lastCheckTime"]


def test_without_redis_the_mesh_is_degraded_and_goes_on(own_stack: Stack) -> None:
    with stopped(own_stack, "valkey"):
        wait_until(lambda: health(own_stack)[1]["status"] == "HEALTH_STATUS_DEGRADED", 15, "degraded")
        assert health(own_stack)[0] == 200
    wait_until(lambda: health(own_stack)[1]["status"] == "HEALTH_STATUS_HEALTHY", 15, "healthy again")


def test_without_the_database_the_mesh_says_503_and_recovers(own_stack: Stack) -> None:
    with stopped(own_stack, "postgres"):
        wait_until(lambda: health(own_stack)[0] == 503, 15, "503")
        _, body = health(own_stack)
        assert body["status"] == "HEALTH_STATUS_UNHEALTHY"
        assert "postgresql" in next(s["problem"] for s in body["services"] if s["service"] == "workout")
    wait_until(lambda: health(own_stack)[0] == 200, 15, "healthy again")


@pytest.mark.parametrize("profile", ["embedded", "split"], indirect=True, scope="session")
async def test_get_service_status_over_the_mesh(mesh: Callable[[str], Any], stack: Stack) -> None:
    proof = ServiceTokenSource("cli", stack.home / "secrets" / "service-cli.pem").token()
    stub: Any = StatusServiceStub(mesh("workout"))
    status = await stub.GetServiceStatus(
        GetServiceStatusRequest(service="workout"), metadata=(("x-fitnesshub-caller", proof),), timeout=5
    )
    assert status.serving
    assert {check.name for check in status.checks} >= {"postgresql"}
    assert all(check.up for check in status.checks)
