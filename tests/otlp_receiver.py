"""A collector for tests: takes spans over OTLP/HTTP on loopback, and draws them as trees.

As a program it waits for spans and draws what came when it is interrupted, or after so many:

    python -m tests.otlp_receiver [--port 4318] [--requests N]
"""

from __future__ import annotations

import argparse
import gzip
import sys
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span as ProtoSpan

Value = str | bool | int | float | list["Value"] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceivedSpan:
    """A span as it came over the wire."""

    trace: str
    id: str
    parent: str
    name: str
    kind: str
    start: int
    end: int
    attributes: dict[str, Value]
    events: list[tuple[str, dict[str, Value]]]
    links: list[tuple[str, str]]
    failed: bool
    description: str
    service: Value


@dataclass(slots=True)
class Receiver:
    """What has come; `statuses` are answered first, one a request, then all is taken."""

    url: str
    statuses: list[int] = field(default_factory=list)
    requests: int = 0
    bodies: list[bytes] = field(default_factory=list)
    spans: list[ReceivedSpan] = field(default_factory=list)
    came: threading.Event = field(default_factory=threading.Event)
    hold: threading.Event | None = None
    """Where set, no request is answered before this event."""

    def take(self, body: bytes) -> int:
        """Take the body of a request; give the status to answer with."""
        self.requests += 1
        status = self.statuses.pop(0) if self.statuses else 200
        if status == 200:
            self.bodies.append(body)
            self.spans += list(_spans(body))
        self.came.set()
        return status

    def tree(self) -> list[str]:
        """Draw the spans, each below its parent, in the order in which they began."""
        known = {span.id for span in self.spans}
        lines: list[str] = []

        def draw(parent: str | None, indent: str) -> None:
            below = [
                span
                for span in self.spans
                if (span.parent == parent if parent else span.parent not in known)
            ]
            for span in sorted(below, key=lambda one: (one.start, one.end)):
                lines.append(f"{indent}{_line(span)}")
                draw(span.id, indent + "  ")

        draw(None, "")
        return lines


@contextmanager
def open_receiver(port: int = 0) -> Iterator[Receiver]:
    """Listen on loopback for the length of the block."""
    server = _Server(port)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server.receiver
    finally:
        if server.receiver.hold is not None:
            server.receiver.hold.set()
        server.shutdown()
        server.server_close()
        thread.join()


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, port: int) -> None:
        super().__init__(("127.0.0.1", port), _Handler)
        self.receiver = Receiver(f"http://127.0.0.1:{self.server_address[1]}")


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        if self.headers.get("content-encoding") == "gzip":
            body = gzip.decompress(body)
        receiver = self.server.receiver
        if receiver.hold is not None:
            receiver.hold.wait()
        status = receiver.take(body) if self.path == "/v1/traces" else 404
        with suppress(OSError):
            self.send_response(status)
            self.send_header("content-length", "0")
            self.send_header("retry-after", "0")
            self.end_headers()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def _spans(body: bytes) -> Iterator[ReceivedSpan]:
    request = ExportTraceServiceRequest.FromString(body)
    for resource_spans in request.resource_spans:
        service = _attributes(resource_spans.resource.attributes).get("service.name")
        for scope_spans in resource_spans.scope_spans:
            for span in scope_spans.spans:
                yield _received(span, service)


def _received(span: ProtoSpan, service: Value) -> ReceivedSpan:
    return ReceivedSpan(
        trace=span.trace_id.hex(),
        id=span.span_id.hex(),
        parent=span.parent_span_id.hex(),
        name=span.name,
        kind=ProtoSpan.SpanKind.Name(span.kind).removeprefix("SPAN_KIND_").lower(),
        start=span.start_time_unix_nano,
        end=span.end_time_unix_nano,
        attributes=_attributes(span.attributes),
        events=[(event.name, _attributes(event.attributes)) for event in span.events],
        links=[(link.trace_id.hex(), link.span_id.hex()) for link in span.links],
        failed=span.status.code == 2,
        description=span.status.message,
        service=service,
    )


def _attributes(pairs: Iterable[KeyValue]) -> dict[str, Value]:
    return {pair.key: _value(pair.value) for pair in pairs}


def _value(value: AnyValue) -> Value:
    match value.WhichOneof("value"):
        case "string_value":
            return value.string_value
        case "bool_value":
            return value.bool_value
        case "int_value":
            return value.int_value
        case "double_value":
            return value.double_value
        case "array_value":
            return [_value(one) for one in value.array_value.values]
    return None


def _line(span: ReceivedSpan) -> str:
    told = {
        name.removeprefix("gen_ai.").removeprefix("rlm."): value
        for name, value in span.attributes.items()
        if name.startswith(("rlm.", "gen_ai.usage.", "error."))
    }
    words = " ".join(f"{name}={value}" for name, value in told.items())
    failed = " FAILED" if span.failed else ""
    return f"{span.name} [{span.kind}, {(span.end - span.start) / 1e6:.1f} ms]{failed} {words}"


def main() -> None:
    """Wait for spans, and draw them."""
    parser = argparse.ArgumentParser(prog="otlp_receiver")
    parser.add_argument("--port", type=int, default=4318)
    parser.add_argument("--requests", type=int, help="how many to wait for")
    given = parser.parse_args()
    with open_receiver(given.port) as receiver, suppress(KeyboardInterrupt):
        sys.stderr.write(f"listening at {receiver.url}\n")
        while given.requests is None or receiver.requests < given.requests:
            receiver.came.wait()
            receiver.came.clear()
    sys.stdout.write("\n".join(receiver.tree()) + "\n")


if __name__ == "__main__":
    main()
