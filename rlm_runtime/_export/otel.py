"""A trace as OpenTelemetry spans, sent over OTLP/HTTP to where the standard variables say."""

from __future__ import annotations

import os
from collections.abc import Mapping
from itertools import islice
from urllib.parse import urlsplit

from rlm_runtime._errors import ConfigError, RLMError, TraceError
from rlm_runtime._events import RunForked
from rlm_runtime._export.span_tree import SpanTree
from rlm_runtime._trace.places import is_being_written
from rlm_runtime._trace.reader import Trace

_CONTENT = "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT"
_TRACES = "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"
_ENDPOINT = "OTEL_EXPORTER_OTLP_ENDPOINT"


def export_trace(trace: Trace, *, content: bool = False) -> int:
    """Send the spans of a trace; give their number.

    Args:
        trace: What is sent; of a run that still goes on, what has ended so far.
        content: Whether what models, code and tools said is sent too.

    Raises:
        ConfigError: OpenTelemetry is not installed.
        RLMError: The collector did not take them.
        TraceError: The trace is damaged; what could be read was sent.
    """
    check_installed()
    from rlm_runtime._export import otel_sdk

    # Asked first: a run that ends meanwhile is then in the trace as ended
    goes_on = is_being_written(trace.path)
    count, own, damage = _survey(trace)
    spans = SpanTree(trace.header.run, content=content)
    with otel_sdk.Complaints() as complaints, otel_sdk.Batches() as batches:
        sender = otel_sdk.Sender(batches)
        for number, event in enumerate(islice(trace.events(), count)):
            ended = spans.add(event)
            for span in ended if number >= own else ():
                sender.send(span, spans.ids.trace)
            if batches.is_refused:
                break
        for span in () if goes_on else spans.finish():
            sender.send(span, spans.ids.trace)
        batches.flush()
        if batches.is_refused:
            raise RLMError(f"Cannot send spans to {endpoint()!r}: {complaints}")
    if damage is not None:
        raise damage
    return batches.sent


def check_installed() -> None:
    """See that OpenTelemetry is there, which is an extra.

    Raises:
        ConfigError: It is not.
    """
    try:
        from rlm_runtime._export import otel_sdk  # noqa: F401  # it is loaded to see whether it can
    except ImportError as exc:
        error = ConfigError(f"Cannot send spans: OpenTelemetry is not installed ({exc})")
        error.add_note("pip install 'rlm-pyodide[otel]'")
        raise error from exc


def wants_content(variables: Mapping[str, str] | None = None) -> bool:
    """Tell whether the standard variable asks for what models, code and tools said."""
    value = (os.environ if variables is None else variables).get(_CONTENT, "")
    return value.strip().lower() in ("true", "1", "span_only", "span_and_event")


def endpoint(variables: Mapping[str, str] | None = None) -> str:
    """Name where spans are sent to, without a password."""
    get = (os.environ if variables is None else variables).get
    base = get(_ENDPOINT) or "http://localhost:4318"
    url = urlsplit(get(_TRACES) or f"{base.removesuffix('/')}/v1/traces")
    return url._replace(netloc=url.netloc.rpartition("@")[2], query="").geturl()


def _survey(trace: Trace) -> tuple[int, int, TraceError | None]:
    """Count the events, and those that are of the run that this one was forked from."""
    count = own = 0
    try:
        for event in trace.events():
            if isinstance(event, RunForked):
                own = count
            count += 1
    except TraceError as exc:
        return count, own, exc
    return count, own, None
