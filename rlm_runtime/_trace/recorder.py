"""The recorder of one run: stamps its events, and passes them to the trace and to the caller."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace

from rlm_runtime._events import Event, TraceFailed, TraceRecovered, TraceStalled
from rlm_runtime._trace.writer import TraceWriter


class Recorder:
    """Stamps the events of one run, and passes them on; without a trace it keeps no values."""

    def __init__(
        self,
        trace: TraceWriter | None,
        on_event: Callable[[Event], None] | None,
        *,
        first_seq: int = 0,
    ) -> None:
        self._trace = trace
        self._on_event = on_event
        self._next = first_seq
        self._stalled_at: float | None = None
        if trace is not None:
            trace.on_change = self._tell_of_trace

    def record(self, event: Event) -> None:
        """Stamp an event, and pass it on; it is written soon."""
        stamped = replace(event, seq=self._next, time=time.time(), mono=time.monotonic())
        self._next += 1
        if self._trace is not None:
            self._trace.write(stamped)
        if self._on_event is not None:
            self._on_event(stamped)

    async def keep(self, value: object) -> str:
        """Put a value into the trace, once; give the reference that events name it by.

        It is empty where there is no trace, and for a value that the codec has no form for.
        """
        return "" if self._trace is None else await self._trace.keep(value)

    async def wait_written(self) -> None:
        """Wait until what was recorded so far survives the end of this process."""
        if self._trace is not None:
            await self._trace.wait_written()

    def _tell_of_trace(self) -> None:
        """Say that the trace stalls, goes on, or has failed."""
        if self._trace is None:
            return
        if self._trace.error is not None:
            failed, self._trace = TraceFailed(error=self._trace.error), None
            self.record(failed)
        elif self._trace.stalled is not None and self._stalled_at is None:
            self._stalled_at = time.monotonic()
            self.record(TraceStalled(error=self._trace.stalled))
        elif self._trace.stalled is None and self._stalled_at is not None:
            seconds, self._stalled_at = time.monotonic() - self._stalled_at, None
            self.record(TraceRecovered(seconds=seconds))
