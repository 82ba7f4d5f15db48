"""Spans into OpenTelemetry's SDK; the only module that imports it, itself imported when needed."""

from __future__ import annotations

import logging
import re
from collections.abc import Sequence
from importlib.metadata import version
from typing import Self

from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import SERVICE_NAME, Resource
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExportResult
from opentelemetry.sdk.trace.id_generator import IdGenerator
from opentelemetry.sdk.trace.sampling import Decision
from opentelemetry.trace import (
    Link,
    NonRecordingSpan,
    SpanContext,
    SpanKind,
    Status,
    StatusCode,
    TraceFlags,
    get_current_span,
    set_span_in_context,
)

from rlm_runtime._export.spans import Span

_PER_REQUEST = 100
_KINDS = {"internal": SpanKind.INTERNAL, "client": SpanKind.CLIENT}

_GIVEN_UP = "Failed to export spans batch due to timeout"
_REFUSED = re.compile(r"Max retries exceeded.*\[Errno -?\d+\] ([^\"'()]+)")

_UNSET = TraceFlags(TraceFlags.DEFAULT)

Place = SpanContext
"""Where the root of a run belongs: below a span of the caller."""


def current_place() -> Place | None:
    """Give the span that is open where this is called, if there is one."""
    context = get_current_span().get_span_context()
    return context if context.is_valid else None


class Sender:
    """Makes finished spans of the SDK's kind, with the ids that they have here."""

    def __init__(self, processor: SpanProcessor) -> None:
        self._ids = _GivenIds()
        resource = Resource.create()
        if str(resource.attributes.get(SERVICE_NAME, "")).startswith("unknown_service"):
            resource = resource.merge(Resource({SERVICE_NAME: "rlm"}))
        self._provider = TracerProvider(
            resource=resource, id_generator=self._ids, shutdown_on_exit=False
        )
        self._provider.add_span_processor(processor)
        self._tracer = self._provider.get_tracer("rlm_runtime", version("rlm-pyodide"))

    def send(self, span: Span, trace: int, place: Place | None = None) -> None:
        """Hand over a span of a trace, or of the caller's trace at that place."""
        made = self._tracer.start_span(
            span.name,
            context=self._context(span, trace, place),
            kind=_KINDS[span.kind],
            attributes=span.attributes,
            links=[Link(_place(*link)) for link in span.links],
            start_time=span.start,
        )
        for event in span.events:
            made.add_event(event.name, event.attributes, event.time)
        if span.failed:
            made.set_status(Status(StatusCode.ERROR, span.description))
        made.end(span.end)

    def _context(self, span: Span, trace: int, place: Place | None) -> Context:
        """Name the parent of the next span, and its own id."""
        self._ids.trace, self._ids.span = trace, span.id
        if span.parent is None:
            return set_span_in_context(NonRecordingSpan(place)) if place else Context()
        flags = place.trace_flags if place else self._flags(trace)
        parent = _place(place.trace_id if place else trace, span.parent, flags)
        return set_span_in_context(NonRecordingSpan(parent))

    def _flags(self, trace: int) -> TraceFlags:
        """Tell whether the root is sampled, which ends after the spans below it."""
        decision = self._provider.sampler.should_sample(None, trace, "invoke_agent rlm").decision
        return TraceFlags(TraceFlags.SAMPLED) if decision is Decision.RECORD_AND_SAMPLE else _UNSET


class Batches(SpanProcessor):
    """Sends spans in requests of many, at once; after the first that failed it sends none."""

    def __init__(self) -> None:
        self.sent = 0
        self.is_refused = False
        self._exporter = OTLPSpanExporter()
        self._held: list[ReadableSpan] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._exporter.shutdown()  # type: ignore[no-untyped-call]  # it has no annotations

    def on_end(self, span: ReadableSpan) -> None:
        """Take a span."""
        self._held.append(span)
        if len(self._held) >= _PER_REQUEST:
            self.flush()

    def flush(self) -> None:
        """Send what is held."""
        spans, self._held = self._held, []
        if not spans or self.is_refused:
            return
        self.is_refused = self._exporter.export(spans) is not SpanExportResult.SUCCESS
        self.sent += 0 if self.is_refused else len(spans)


class Queue(BatchSpanProcessor):
    """Sends spans from a thread of its own; whoever hands them over never waits."""

    def __init__(self) -> None:
        self._exporter_to_stop = _StoppableExporter()
        super().__init__(self._exporter_to_stop)

    def give_up(self) -> None:
        """Send no more than what is on its way."""
        self._exporter_to_stop.shutdown()


class _StoppableExporter(OTLPSpanExporter):
    """Can be shut down while its queue is still at work, which says nothing of it then."""

    _is_stopped = False

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        return SpanExportResult.FAILURE if self._is_stopped else super().export(spans)

    def shutdown(self) -> None:
        if not self._is_stopped:
            self._is_stopped = True
            super().shutdown()  # type: ignore[no-untyped-call]  # it has no annotations


class Complaints(logging.Handler):
    """What the SDK logs while it cannot send: it tells nobody else."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self._lines: list[str] = []

    def __enter__(self) -> Self:
        logging.getLogger("opentelemetry").addHandler(self)
        return self

    def __exit__(self, *_: object) -> None:
        logging.getLogger("opentelemetry").removeHandler(self)

    def __str__(self) -> str:
        """Give the newest ones on one line."""
        return "; ".join(self._lines[-2:])

    def emit(self, record: logging.LogRecord) -> None:
        """Take a line."""
        # An attempt that is made again is told each time
        line = record.getMessage().removeprefix("Transient error ")
        line = line.partition(" encountered while ")[0]
        if self._lines and line.startswith(_GIVEN_UP):
            return
        # Of a connection that fails, all libraries below tell; the system said why
        if (why := _REFUSED.search(line)) is not None:
            line = why[1].lower()
        line = line.removesuffix(".")
        if line not in self._lines:
            self._lines = [*self._lines[-1:], line]


class _GivenIds(IdGenerator):
    trace = 0
    span = 0

    def generate_trace_id(self) -> int:
        return self.trace

    def generate_span_id(self) -> int:
        return self.span


def _place(trace: int, span: int, flags: TraceFlags = _UNSET) -> SpanContext:
    return SpanContext(trace, span, is_remote=False, trace_flags=flags)
