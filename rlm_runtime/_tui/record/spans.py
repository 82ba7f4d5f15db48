"""What the entries of a record did for how long, from the events that begin and end it."""

from __future__ import annotations

from rlm_runtime._events import (
    CodeExecuted,
    CodeStarted,
    Event,
    ModelAttemptFailed,
    ModelAttemptStarted,
    ModelFailed,
    ModelReplied,
    ModelRequested,
    NodeEnded,
    SandboxLost,
    SandboxStarted,
    SubCallEnded,
    ToolCalled,
    ToolFailed,
    ToolReturned,
)
from rlm_runtime._tui.record.entry import Entry, Span, SpanKind


class Spans:
    """Makes the spans of all entries; feed it their events in order."""

    def __init__(self) -> None:
        self._open: dict[tuple[str, int], tuple[Entry, Span]] = {}
        """By what they are and their number: of the call, the entry or the tool call."""

    def add(self, entry: Entry, event: Event, position: int, now: float) -> None:
        """Take in an event of an entry."""
        match event:
            case SandboxStarted():
                self._start_sandbox(entry, event, position, now)
            case CodeStarted():
                self._end(("code", entry.id), position, now, failed=True)
                self._begin(entry, "code", entry.id, event.block, event.iteration, position, now)
            case CodeExecuted():
                self._end(("code", entry.id), position, now, failed=event.error is not None)
            case SandboxLost():
                self._end(("code", entry.id), position, now, failed=True)
            case ToolCalled():
                self._begin(entry, "tool", event.call, event.call, event.iteration, position, now)
            case ToolReturned() | ToolFailed():
                failed = isinstance(event, ToolFailed) and not event.cancelled
                self._end(("tool", event.call), position, now, failed=failed)
            case NodeEnded() | SubCallEnded():
                self._end_all(entry, position, now)
            case _:
                self._add_of_call(entry, event, position, now)

    def break_off(self, position: int, now: float) -> None:
        """End all that is open: the run had crashed, and goes on."""
        for _, span in self._open.values():
            span.ended, span.end, span.failed = position, now, True
        self._open.clear()

    def _add_of_call(self, entry: Entry, event: Event, position: int, now: float) -> None:
        match event:
            case ModelRequested():
                number = event.iteration or 0
                self._begin(entry, "wait", event.call, event.call, number, position, now)
            case ModelAttemptStarted():
                iteration = self._end_call(event.call, position, now, failed=False)
                self._begin(entry, "model", event.call, event.call, iteration, position, now)
            case ModelAttemptFailed():
                iteration = self._end_call(event.call, position, now, failed=True)
                if event.wait is not None:
                    self._begin(entry, "wait", event.call, event.call, iteration, position, now)
            case ModelReplied():
                self._end_call(event.call, position, now, failed=False)
            case ModelFailed():
                self._end_call(event.call, position, now, failed=not event.cancelled)

    def _start_sandbox(
        self, entry: Entry, event: SandboxStarted, position: int, now: float
    ) -> None:
        start = now - min(max(0.0, event.seconds), now)
        span = Span(kind="sandbox", number=0, iteration=0, began=position, start=start)
        span.ended, span.end = position, now
        entry.spans.append(span)

    def _begin(
        self,
        entry: Entry,
        kind: SpanKind,
        key: int,
        number: int,
        iteration: int,
        position: int,
        now: float,
    ) -> None:
        span = Span(kind=kind, number=number, iteration=iteration, began=position, start=now)
        entry.spans.append(span)
        self._open[kind, key] = entry, span

    def _end(self, key: tuple[str, int], position: int, now: float, *, failed: bool) -> int:
        """End a span, if it is open; give its iteration."""
        found = self._open.pop(key, None)
        if found is None:
            return 0
        span = found[1]
        span.ended, span.end, span.failed = position, now, failed
        return span.iteration

    def _end_call(self, call: int, position: int, now: float, *, failed: bool) -> int:
        """End what a model call does just now: it waits, or an attempt is under way."""
        waited = self._end(("wait", call), position, now, failed=False)
        return self._end(("model", call), position, now, failed=failed) or waited

    def _end_all(self, entry: Entry, position: int, now: float) -> None:
        """End what an entry still did as it ended."""
        for span in reversed(entry.spans[-64:]):
            if span.end is None:
                key = entry.id if span.kind == "code" else span.number
                self._end((span.kind, key), position, now, failed=False)
