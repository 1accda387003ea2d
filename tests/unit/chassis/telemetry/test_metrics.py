"""Metrics, and the little server that tells them."""

import asyncio
import socket
from collections.abc import AsyncIterator
from itertools import count

import pytest
from prometheus_client import REGISTRY, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from chassis.telemetry import metrics
from chassis.telemetry.metrics import CODES, MAX_CONNECTIONS, MetricsServer, serve_metrics

_numbers = count(1)


def sample(name: str, **labels: str) -> float | None:
    return REGISTRY.get_sample_value(name, labels)


@pytest.fixture
def service() -> str:
    """A name that no other test counts under."""
    return f"service{next(_numbers)}"


class TestRpcMetric:
    def test_a_call_is_counted_under_its_code(self, service: str) -> None:
        metric = metrics.bind(service, "GetWorkout")
        for seconds in (0.004, 0.004, 0.2):
            metric.observe(0, seconds)
        metric.observe(5, 0.003)
        ok = {"service": service, "method": "GetWorkout", "code": "OK"}
        assert sample("rpc_duration_seconds_count", **ok) == 3
        assert sample("rpc_duration_seconds_sum", **ok) == pytest.approx(0.208)
        assert sample("rpc_duration_seconds_bucket", **ok, le="0.0025") == 0
        assert sample("rpc_duration_seconds_bucket", **ok, le="0.005") == 2
        assert sample("rpc_duration_seconds_count", **(ok | {"code": "NOT_FOUND"})) == 1

    def test_success_has_a_series_before_the_first_call_and_others_do_not(self, service: str) -> None:
        metrics.bind(service, "M")
        assert sample("rpc_duration_seconds_count", service=service, method="M", code="OK") == 0
        assert sample("rpc_duration_seconds_count", service=service, method="M", code="INTERNAL") is None

    def test_codes_have_their_numbers(self) -> None:
        assert (CODES[0], CODES[4], CODES[8], CODES[14], CODES[16]) == (
            "OK", "DEADLINE_EXCEEDED", "RESOURCE_EXHAUSTED", "UNAVAILABLE", "UNAUTHENTICATED"
        )  # fmt: skip

    def test_the_same_method_bound_twice_counts_together(self, service: str) -> None:
        metrics.bind(service, "M").observe(0, 1)
        metrics.bind(service, "M").observe(0, 1)
        assert sample("rpc_duration_seconds_count", service=service, method="M", code="OK") == 2


class TestWatch:
    def test_it_is_read_when_asked(self, service: str) -> None:
        values = [1.0, 2.0]
        metrics.watch(f"{service}_level", "How high", values.pop)
        assert [sample(f"{service}_level"), sample(f"{service}_level")] == [2.0, 1.0]

    def test_series_of_one_name(self, service: str) -> None:
        name = f"{service}_pool"
        metrics.watch(name, "Connections", lambda: 1, service="a", state="idle")
        metrics.watch(name, "Connections", lambda: 2, service="b", state="idle")
        metrics.watch(name, "Connections", lambda: 3, service="b", state="idle")
        assert (sample(name, service="a", state="idle"), sample(name, service="b", state="idle")) == (1, 3)

    def test_one_that_fails_spoils_no_other(self, service: str) -> None:
        metrics.watch(f"{service}_bad", "Broken", lambda: 1 / 0)
        metrics.watch(f"{service}_good", "Fine", lambda: 7)
        text = generate_latest().decode()
        assert f"{service}_bad NaN" in text
        assert f"{service}_good 7.0" in text


class Ready:
    def __init__(self) -> None:
        self.value = True

    def __call__(self) -> bool:
        return self.value


@pytest.fixture
def ready() -> Ready:
    return Ready()


@pytest.fixture
async def server(ready: Ready) -> AsyncIterator[MetricsServer]:
    server = await serve_metrics(0, ready)
    yield server
    await server.close()


async def ask(server: MetricsServer, request: bytes) -> tuple[str, dict[str, str], bytes]:
    """Status, headers and body of the answer; a broken connection counts as an empty answer."""
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(request)
    try:
        answer = await asyncio.wait_for(reader.read(), 5)
    except ConnectionError:
        answer = b""
    writer.close()
    head, _, body = answer.partition(b"\r\n\r\n")
    lines = head.decode().split("\r\n")
    return lines[0], dict(line.split(": ", 1) for line in lines[1:]), body


def get(path: str) -> bytes:
    return f"GET {path} HTTP/1.1\r\nhost: localhost\r\n\r\n".encode()


class TestServer:
    async def test_metrics(self, server: MetricsServer, service: str) -> None:
        metrics.bind(service, "M").observe(0, 0.1)
        status, headers, body = await ask(server, get("/metrics?name[]=x"))
        assert status == "HTTP/1.1 200 OK"
        assert headers["content-type"].startswith("text/plain")
        assert int(headers["content-length"]) == len(body)
        families = {family.name: family for family in text_string_to_metric_families(body.decode())}
        assert any(each.labels.get("service") == service for each in families["rpc_duration_seconds"].samples)
        assert "process_resident_memory_bytes" in families

    async def test_readiness(self, server: MetricsServer, ready: Ready) -> None:
        assert (await ask(server, get("/ready")))[0] == "HTTP/1.1 200 OK"
        ready.value = False
        assert (await ask(server, get("/ready")))[0] == "HTTP/1.1 503 Service Unavailable"

    @pytest.mark.parametrize(
        ("request_bytes", "status"),
        [
            (get("/"), "404 Not Found"),
            (get("/metricsx"), "404 Not Found"),
            (get("/../etc/passwd"), "404 Not Found"),
            (b"POST /metrics HTTP/1.1\r\ncontent-length: 3\r\n\r\nabc", "405 Method Not Allowed"),
            (b"garbage\r\n\r\n", "400 Bad Request"),
            (b"\r\n\r\n", "400 Bad Request"),
            (b"\xff\x00\r\n\r\n", "400 Bad Request"),
            (b"GET /ready SMTP\r\n\r\n", "400 Bad Request"),
            (b"GET /ready HTTP/1.1\r\nx: " + b"y" * 100_000 + b"\r\n\r\n", "431 Request Header Fields Too Large"),
        ],
    )
    async def test_everything_else(self, server: MetricsServer, request_bytes: bytes, status: str) -> None:
        found = (await ask(server, request_bytes))[0]
        # What was sent beyond the limit may break the connection before the answer is read.
        assert found == f"HTTP/1.1 {status}" or (status.startswith("431") and found == "")
        assert (await ask(server, get("/ready")))[0] == "HTTP/1.1 200 OK"

    async def test_head_has_no_body(self, server: MetricsServer) -> None:
        status, headers, body = await ask(server, b"HEAD /ready HTTP/1.1\r\n\r\n")
        assert (status, headers["content-length"], body) == ("HTTP/1.1 200 OK", "6", b"")

    async def test_a_silent_client_is_cut_off(self, server: MetricsServer, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(metrics, "TIMEOUT", 0.05)
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(b"GET /metr")
        assert await asyncio.wait_for(reader.read(), 5) == b""
        writer.close()

    async def test_a_client_that_reads_nothing_is_cut_off(
        self, server: MetricsServer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(metrics, "TIMEOUT", 0.2)
        monkeypatch.setattr(metrics, "generate_latest", lambda: b"x" * 50_000_000)
        with socket.create_connection(("127.0.0.1", server.port)) as client:
            client.sendall(get("/metrics"))
            async with asyncio.timeout(5):
                while not server._connections:
                    await asyncio.sleep(0.01)
                while server._connections:
                    await asyncio.sleep(0.01)

    async def test_a_crowd_of_silent_clients(self, server: MetricsServer, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(metrics, "TIMEOUT", 0.5)
        crowd = [await asyncio.open_connection("127.0.0.1", server.port) for _ in range(MAX_CONNECTIONS + 10)]
        async with asyncio.timeout(5):
            while len(server._connections) < MAX_CONNECTIONS:
                await asyncio.sleep(0.01)
            assert len(server._connections) == MAX_CONNECTIONS
            while (await ask(server, get("/ready")))[0] != "HTTP/1.1 200 OK":
                await asyncio.sleep(0.05)
        for _, writer in crowd:
            writer.close()

    async def test_closing_ends_connections(self, ready: Ready) -> None:
        server = await serve_metrics(0, ready)
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        async with asyncio.timeout(5):
            while not server._connections:
                await asyncio.sleep(0.01)
            await server.close()
            assert await reader.read() == b""
            with pytest.raises(ConnectionRefusedError):
                await asyncio.open_connection("127.0.0.1", server.port)
        writer.close()

    async def test_only_this_machine_is_served(self, server: MetricsServer) -> None:
        assert [listening.getsockname()[0] for each in server._servers for listening in each.sockets] == ["127.0.0.1"]

    async def test_a_taken_port_is_an_error(self, server: MetricsServer, ready: Ready) -> None:
        with pytest.raises(OSError, match="in use"):
            await serve_metrics(server.port, ready)
