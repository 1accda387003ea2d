"""Traces: which calls become spans, how they hang together, and that a dead collector harms nothing."""

import asyncio
import logging
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from typing import Any

import grpc
import pytest
from grpc import aio
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2 as otlp_pb2
from opentelemetry.proto.trace.v1.trace_pb2 import Span as OtlpSpan

from chassis.call import Call
from chassis.telemetry import context, otlp, traces
from chassis.telemetry.traces import Span

METHOD = "/fitnesshub.workout.v1.WorkoutService/GetWorkout"
TRACE, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
SAMPLED, UNSAMPLED = f"00-{TRACE}-{PARENT}-01", f"00-{TRACE}-{PARENT}-00"


class Kept:
    """A sink that keeps what it gets."""

    def __init__(self) -> None:
        self.spans: list[Span] = []
        self.closed = False

    def emit(self, span: Span) -> None:
        self.spans.append(span)

    def close(self) -> None:
        self.closed = True


@pytest.fixture
def kept(monkeypatch: pytest.MonkeyPatch) -> Kept:
    sink = Kept()
    monkeypatch.setattr(traces, "_sink", sink)
    return sink


def incoming(traceparent: str | None) -> Call:
    metadata: dict[str, str | bytes] = {} if traceparent is None else {"traceparent": traceparent}
    return Call(METHOD, request_id="r1", traceparent=traceparent or "", metadata=metadata)


def run(call: Call, code: int = 0, started: float | None = None) -> str:
    """A whole call; returns what it passes on."""
    token = traces.start(call, "workout")
    passed_on = traces.outgoing()
    traces.finish(call, code, time.monotonic() if started is None else started)
    context.unbind(token)
    return passed_on


class TestSampling:
    def test_a_sampled_call_is_one_span(self, kept: Kept) -> None:
        passed_on = run(incoming(SAMPLED), started=time.monotonic() - 0.25)
        (span,) = kept.spans
        assert (span.trace_id, span.parent_id, span.kind) == (TRACE, PARENT, "server")
        assert passed_on == f"00-{TRACE}-{span.span_id}-01"
        assert span.span_id not in (PARENT, "0" * 16)
        assert span.name == "fitnesshub.workout.v1.WorkoutService/GetWorkout"
        assert span.service == "workout"
        assert 0.25e9 <= span.ended - span.started < 2e9
        assert abs(span.ended - time.time_ns()) < 60e9
        assert span.attributes == {
            "rpc.system": "grpc",
            "rpc.service": "fitnesshub.workout.v1.WorkoutService",
            "rpc.method": "GetWorkout",
            "rpc.grpc.status_code": 0,
            "fitnesshub.request_id": "r1",
        }
        assert not span.is_error

    def test_an_unsampled_call_is_none(self, kept: Kept) -> None:
        assert run(incoming(UNSAMPLED)) == UNSAMPLED
        assert kept.spans == []

    def test_a_failed_unsampled_call_is_one_late_span(self, kept: Kept) -> None:
        assert run(incoming(UNSAMPLED), code=13, started=time.monotonic() - 0.5) == UNSAMPLED
        (span,) = kept.spans
        assert (span.trace_id, span.parent_id, span.is_error) == (TRACE, PARENT, True)
        assert span.span_id != PARENT
        assert span.ended - span.started >= 0.5e9

    @pytest.mark.parametrize(
        ("code", "is_error"), [(2, True), (4, True), (14, True), (3, False), (5, False), (16, False)]
    )
    def test_a_refusal_is_no_error_of_ours(self, kept: Kept, code: int, is_error: bool) -> None:
        run(incoming(UNSAMPLED), code=code)
        assert [(span.is_error, span.attributes["rpc.grpc.status_code"]) for span in kept.spans] == [(is_error, code)]

    @pytest.mark.parametrize("flags", ["03", "ff", "0b"])
    def test_only_the_lowest_flag_counts(self, kept: Kept, flags: str) -> None:
        assert run(incoming(f"00-{TRACE}-{PARENT}-{flags}")).endswith(f"-{flags}")
        assert len(kept.spans) == 1
        run(incoming(f"00-{TRACE}-{PARENT}-02"))
        assert len(kept.spans) == 1

    @pytest.mark.parametrize(
        "header",
        [
            None,
            "",
            "x",
            f"00-{'0' * 32}-{PARENT}-01",
            f"00-{TRACE}-{'0' * 16}-01",
            f"00-{TRACE.upper()}-{PARENT}-01",
            f"00-{TRACE}-{PARENT}-1",
            f"ff-{TRACE}-{PARENT}-01",
            f"00-{TRACE}-{PARENT}-01-more",
            f"00-{TRACE}-{PARENT}-01\n",
        ],
    )
    def test_without_a_valid_header_a_trace_begins_unsampled(self, kept: Kept, header: str | None) -> None:
        first, second = run(incoming(header)), run(incoming(header))
        assert first != second
        assert len(first) == 55
        assert TRACE not in first
        assert first.endswith("-00")
        assert kept.spans == []
        passed_on = run(incoming(header), code=14)
        (span,) = kept.spans
        assert passed_on == f"00-{span.trace_id}-{span.span_id}-00"
        assert span.parent_id == ""

    def test_nothing_is_made_without_a_collector(self) -> None:
        assert run(incoming(SAMPLED)) == SAMPLED
        assert run(incoming(SAMPLED), code=13) == SAMPLED

    def test_logs_get_the_ids_of_the_span(self, kept: Kept) -> None:
        call = incoming(SAMPLED)
        token = traces.start(call, "workout")
        assert context.current() == ("workout", "r1", call.traceparent)
        context.unbind(token)
        assert context.current() == ("", "", "")


class TestSteps:
    def test_steps_hang_below_the_call(self, kept: Kept) -> None:
        call = incoming(SAMPLED)
        token = traces.start(call, "workout")
        with traces.span("outer", "client", system="postgresql"), traces.span("inner"):
            below = traces.outgoing()
        after = traces.outgoing()
        traces.finish(call, 0, time.monotonic())
        context.unbind(token)
        inner, outer, server = kept.spans
        assert (inner.name, outer.name) == ("inner", "outer")
        assert [inner.parent_id, outer.parent_id, server.parent_id] == [outer.span_id, server.span_id, PARENT]
        assert {span.trace_id for span in kept.spans} == {TRACE}
        assert below == f"00-{TRACE}-{inner.span_id}-01"
        assert after == call.traceparent
        assert (outer.kind, outer.attributes, outer.service) == ("client", {"system": "postgresql"}, "workout")
        assert outer.started <= inner.started <= inner.ended <= outer.ended

    def test_a_step_that_fails(self, kept: Kept) -> None:
        token = traces.start(incoming(SAMPLED), "workout")
        with pytest.raises(ValueError, match="x"), traces.span("step"):
            raise ValueError("x")
        context.unbind(token)
        assert [span.is_error for span in kept.spans] == [True]

    def test_unsampled_work_has_no_steps(self, kept: Kept) -> None:
        token = traces.start(incoming(UNSAMPLED), "workout")
        with traces.span("step"):
            assert traces.outgoing() == UNSAMPLED
        context.unbind(token)
        with traces.span("outside of any call"):
            pass
        assert kept.spans == []


class TestContext:
    async def test_unbinding_in_another_context_does_nothing(self) -> None:
        token = await asyncio.create_task(self._bind())
        context.unbind(token)
        assert context.current() == ("", "", "")

    async def _bind(self) -> Any:
        return context.bind("a")


def test_the_sdk_is_not_loaded_without_a_collector() -> None:
    script = (
        "import sys; from chassis.telemetry import traces; traces.configure(''); traces.shutdown();"
        "print([name for name in sys.modules if name.startswith('opentelemetry')])"
    )
    assert subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout == "[]\n"


class Collector:
    """An OTLP collector."""

    def __init__(self) -> None:
        self.requests: list[otlp_pb2.ExportTraceServiceRequest] = []
        self.endpoint = ""

    async def export(self, request: otlp_pb2.ExportTraceServiceRequest, _context: object) -> Any:
        self.requests.append(request)
        return otlp_pb2.ExportTraceServiceResponse()

    def spans(self) -> list[tuple[str, OtlpSpan]]:
        """Service and span of everything received."""
        return [
            (next(each.value.string_value for each in of.resource.attributes if each.key == "service.name"), span)
            for request in self.requests
            for of in request.resource_spans
            for scope in of.scope_spans
            for span in scope.spans
        ]


@pytest.fixture
async def collector() -> AsyncIterator[Collector]:
    collector = Collector()
    server = aio.server()
    handler = grpc.unary_unary_rpc_method_handler(
        collector.export,
        otlp_pb2.ExportTraceServiceRequest.FromString,
        otlp_pb2.ExportTraceServiceResponse.SerializeToString,
    )
    name = "opentelemetry.proto.collector.trace.v1.TraceService"
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(name, {"Export": handler}),))
    collector.endpoint = f"http://127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
    await server.start()
    yield collector
    await server.stop(0)


@pytest.fixture
def configured() -> Iterator[None]:
    yield
    traces.shutdown()


class TestExport:
    async def test_spans_reach_the_collector(self, collector: Collector, configured: None) -> None:
        traces.configure(collector.endpoint)
        call = incoming(SAMPLED)
        token = traces.start(call, "workout")
        with traces.span("SELECT", "client", rows=3):
            pass
        traces.finish(call, 14, time.monotonic())
        context.unbind(token)
        async with asyncio.timeout(10):
            while len(collector.spans()) < 2:
                await asyncio.sleep(0.02)
        (service, step), (_, server) = sorted(
            collector.spans(), key=lambda each: each[1].kind == OtlpSpan.SPAN_KIND_SERVER
        )
        assert service == "workout"
        assert (server.trace_id.hex(), server.parent_span_id.hex()) == (TRACE, PARENT)
        assert (step.trace_id.hex(), step.parent_span_id) == (TRACE, server.span_id)
        assert (server.kind, step.kind) == (OtlpSpan.SPAN_KIND_SERVER, OtlpSpan.SPAN_KIND_CLIENT)
        assert server.status.code == 2  # error
        assert step.status.code == 0
        attributes = {each.key: each.value for each in server.attributes}
        assert attributes["rpc.method"].string_value == "GetWorkout"
        assert attributes["rpc.grpc.status_code"].int_value == 14

    async def test_the_last_spans_are_sent_at_the_end(self, collector: Collector, configured: None) -> None:
        traces.configure(collector.endpoint)
        run(incoming(SAMPLED))
        run(incoming(None), code=13)
        await asyncio.to_thread(traces.shutdown)
        roots = sorted(span.parent_span_id.hex() for _, span in collector.spans())
        assert roots == ["", PARENT]
        run(incoming(SAMPLED))  # after the end nothing is made, and nothing fails

    async def test_a_dead_collector_costs_nothing_and_is_said_once(
        self, configured: None, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(otlp, "INTERVAL", 0.02)
        monkeypatch.setattr(otlp, "EXPORT_TIMEOUT", 0.1)
        with socket.socket() as reserved:
            reserved.bind(("127.0.0.1", 0))  # nobody listens
            traces.configure(f"http://127.0.0.1:{reserved.getsockname()[1]}")
            with caplog.at_level(logging.DEBUG, logger="chassis"):
                started = time.monotonic()
                for _ in range(3 * otlp.QUEUE):
                    run(incoming(SAMPLED))
                assert time.monotonic() - started < 5  # about 30 µs a call; waiting for the collector takes far longer
                async with asyncio.timeout(20):
                    while not caplog.records:
                        await asyncio.sleep(0.02)
                run(incoming(SAMPLED))
                started = time.monotonic()
                await asyncio.to_thread(traces.shutdown)
                assert time.monotonic() - started < otlp.CLOSE_TIMEOUT + 1
        said = [record.message for record in caplog.records if record.name.startswith("chassis")]
        assert said[0] == "spans can't be sent to the collector; they are dropped until it answers"
        assert len(said) <= 2  # the second one is of the shutdown

    async def test_a_collector_that_never_answers_fills_no_memory_and_delays_no_stop(
        self, configured: None, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(otlp, "CLOSE_TIMEOUT", 0.3)
        with socket.create_server(("127.0.0.1", 0)) as silent:
            traces.configure(f"http://127.0.0.1:{silent.getsockname()[1]}")
            for _ in range(2 * otlp.QUEUE + otlp.BATCH):
                run(incoming(SAMPLED))
            sink = traces._sink
            assert isinstance(sink, otlp.OtlpSink)
            assert len(sink._processor._batch_processor._queue) <= otlp.QUEUE
            started = time.monotonic()
            await asyncio.to_thread(traces.shutdown)
            assert time.monotonic() - started < 2

    async def test_it_says_when_the_collector_is_back(
        self, collector: Collector, configured: None, caplog: pytest.LogCaptureFixture
    ) -> None:
        traces.configure(collector.endpoint)
        sink = traces._sink
        assert isinstance(sink, otlp.OtlpSink)
        sink._exporter._is_down = True
        with caplog.at_level(logging.INFO, logger="chassis"):
            run(incoming(SAMPLED))
            await asyncio.to_thread(traces.shutdown)
        assert "spans are sent again" in caplog.messages
