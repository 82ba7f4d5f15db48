"""Spans of runs while they go on, for `RLM(on_event=…)`."""

from __future__ import annotations

import threading
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Protocol, runtime_checkable

import anyio
import anyio.to_thread

from rlm_runtime._events import Event, RunForked, RunResumed, RunStarted
from rlm_runtime._export.otel import check_installed, endpoint, wants_content
from rlm_runtime._export.span_tree import SpanTree

if TYPE_CHECKING:
    from rlm_runtime._export.otel_sdk import Complaints, Place, Queue, Sender

_FLUSH_SECONDS = 5.0
_GIVE_UP_SECONDS = 0.5

OnEvent = Callable[[Event], None]


@runtime_checkable
class RunListener(Protocol):
    """Something for `on_event` that wants to tell runs apart, of which many may go on at once."""

    def for_run(self, run: str, before: Iterable[Event] = ()) -> OnEvent:
        """Give what is called with the events of one run; `before` is its record so far."""
        ...


def listen(on_event: OnEvent | None, run: str, before: Iterable[Event] = ()) -> OnEvent | None:
    """Give what is to be called with each event of a run."""
    return on_event.for_run(run, before) if isinstance(on_event, RunListener) else on_event


class OTelSink:
    """Sends the spans of runs as they end; `open_otel` makes it. It is called with each event."""

    def __init__(self, sender: Sender, *, content: bool, then: OnEvent | None) -> None:
        self.problem: str | None = None
        """Why some spans did not arrive; None while all is well."""
        self._sender = sender
        self._content = content
        self._then = then
        self._alone: OnEvent | None = None

    def __call__(self, event: Event) -> None:
        """Take an event, where one run goes on at a time."""
        if self._alone is None or isinstance(event, RunStarted | RunForked):
            self._alone = self.for_run("")
        self._alone(event)

    def for_run(self, run: str, before: Iterable[Event] = ()) -> OnEvent:
        """Give what is called with the events of one run; `before` is its record so far."""
        spans = SpanTree(run, content=self._content)
        if isinstance(self._then, RunListener):
            # It wants to read them, too
            before = tuple(before)
        for event in before:
            spans.add(event)
        then = listen(self._then, run, before)
        place: Place | None = None

        def take(event: Event) -> None:
            nonlocal place
            try:
                if isinstance(event, RunStarted | RunResumed):
                    place = self._current_place()
                for span in spans.add(event):
                    self._sender.send(span, spans.ids.trace, place)
            except Exception as exc:  # Whatever is wrong with spans must not end a run that costs
                self.problem = f"Cannot make spans: {exc!r}"
            if then is not None:
                then(event)

        return take

    def _current_place(self) -> Place | None:
        from rlm_runtime._export.otel_sdk import current_place

        return current_place()


@asynccontextmanager
async def open_otel(
    *, content: bool | None = None, then: OnEvent | None = None
) -> AsyncIterator[OTelSink]:
    """Send OpenTelemetry spans of runs, while they go on, to where the standard variables say.

        async with open_otel() as sink, RLM(model, on_event=sink) as rlm:
            await rlm.run(…)

    The spans are those of the GenAI semantic conventions, below the caller's own span where there
    is one. Runs never wait for it: a thread sends what has ended, and spans that a collector does
    not take in time are lost. The end of the block waits some seconds for the last ones.

    Args:
        content: Whether what models, code and tools said is sent too; None leaves it to
            `OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT`.
        then: Is called with each event, too.

    Raises:
        ConfigError: OpenTelemetry is not installed.
    """
    check_installed()
    from rlm_runtime._export import otel_sdk

    asked = wants_content() if content is None else content
    with otel_sdk.Complaints() as complaints:
        queue = otel_sdk.Queue()
        sink = OTelSink(otel_sdk.Sender(queue), content=asked, then=then)
        try:
            yield sink
        finally:
            told = await _flush(queue, complaints)
            if told:
                sink.problem = f"Cannot send spans to {endpoint()!r}: {told}"


async def _flush(queue: Queue, complaints: Complaints) -> str:
    """Wait for the last spans to be sent, but not long; say what went wrong."""
    # A daemon: a collector that hangs must hold up neither the block nor the exit
    sending = threading.Thread(target=queue.shutdown, daemon=True)
    sending.start()
    with anyio.CancelScope(shield=True):
        await anyio.to_thread.run_sync(sending.join, _FLUSH_SECONDS)
        told = str(complaints)
        if sending.is_alive():
            queue.give_up()
            told = told or f"the last ones took more than {_FLUSH_SECONDS:g} seconds"
            # What waited for a further attempt ends at once
            await anyio.to_thread.run_sync(sending.join, _GIVE_UP_SECONDS)
    return told
