"""Sends spans to an OTLP collector from a thread of its own, through a bounded queue.

A collector that is down costs dropped spans and one line in the log, never a call.
"""

import logging
import threading
from collections.abc import Sequence

from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import SpanContext, SpanKind, Status, StatusCode, TraceFlags

from chassis.telemetry.traces import Span
from chassis.version import VERSION

log = logging.getLogger(__name__)

QUEUE = 2048
"""Spans that wait to be sent; more are dropped, the oldest first. About 2 MB."""
BATCH = 512
INTERVAL = 1.0
"""Seconds between two batches."""
EXPORT_TIMEOUT = 5.0
"""Seconds a batch may take, with the exporter's own retries."""
CLOSE_TIMEOUT = 2.0
"""Seconds the last spans get when the process stops."""

_SCOPE = InstrumentationScope("fitnesshub", VERSION)


class OtlpSink:
    """The sink of `chassis.telemetry.traces` that exports."""

    def __init__(self, endpoint: str) -> None:
        # The SDK logs every failed attempt; _Reporting says it once.
        for name in ("opentelemetry.exporter.otlp.proto.grpc.exporter", "opentelemetry.sdk._shared_internal"):
            logging.getLogger(name).setLevel(logging.CRITICAL)
        self._exporter = _Reporting(OTLPSpanExporter(endpoint=endpoint, timeout=EXPORT_TIMEOUT))
        self._processor = BatchSpanProcessor(
            self._exporter,
            max_queue_size=QUEUE,
            max_export_batch_size=BATCH,
            schedule_delay_millis=INTERVAL * 1000,
        )
        self._resources: dict[str, Resource] = {}

    def emit(self, span: Span) -> None:
        """Queues a span."""
        trace_id = int(span.trace_id, 16)
        sampled = TraceFlags(TraceFlags.SAMPLED)
        self._processor.on_end(
            ReadableSpan(
                name=span.name,
                context=SpanContext(trace_id, int(span.span_id, 16), is_remote=False, trace_flags=sampled),
                parent=SpanContext(trace_id, int(span.parent_id, 16), is_remote=span.kind == "server")
                if span.parent_id
                else None,
                resource=self._resource(span.service),
                attributes=span.attributes,
                kind=SpanKind[span.kind.upper()],
                status=Status(StatusCode.ERROR) if span.is_error else Status(),
                start_time=span.started,
                end_time=span.ended,
                instrumentation_scope=_SCOPE,
            )
        )

    def close(self) -> None:
        """Sends what is queued, for CLOSE_TIMEOUT at most."""
        last = threading.Thread(target=self._processor.shutdown, name="last-spans", daemon=True)
        last.start()
        last.join(CLOSE_TIMEOUT)
        if last.is_alive():
            self._exporter.shutdown()
            log.warning("the last spans weren't sent: the collector doesn't answer")

    def _resource(self, service: str) -> Resource:
        if service not in self._resources:
            attributes = {"service.namespace": "fitnesshub", "service.name": service, "service.version": VERSION}
            self._resources[service] = Resource(attributes)
        return self._resources[service]


class _Reporting(SpanExporter):
    """Says once that spans can't be sent, and once that they can again."""

    def __init__(self, inner: OTLPSpanExporter) -> None:
        self._inner = inner
        self._is_down = False

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        result = self._inner.export(spans)
        is_down = result is not SpanExportResult.SUCCESS
        if is_down and not self._is_down:
            log.warning("spans can't be sent to the collector; they are dropped until it answers")
        elif self._is_down and not is_down:
            log.info("spans are sent again")
        self._is_down = is_down
        return result

    def shutdown(self) -> None:
        self._inner.shutdown()

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        return self._inner.force_flush(timeout_millis)
