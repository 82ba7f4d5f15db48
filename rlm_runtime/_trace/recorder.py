"""The recorder of one run: stamps its events, and passes them to the trace and to the caller."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace

from rlm_runtime._events import Event, TraceFailed
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

    def record(self, event: Event) -> None:
        """Stamp an event, and pass it on; it is written soon."""
        stamped = replace(event, seq=self._next, time=time.time(), mono=time.monotonic())
        self._next += 1
        if self._trace is not None:
            self._trace.write(stamped)
        if self._on_event is not None:
            self._on_event(stamped)
        if self._trace is not None and self._trace.error is not None:
            failed, self._trace = TraceFailed(error=self._trace.error), None
            self.record(failed)

    async def keep(self, value: object) -> str:
        """Put a value into the trace, once; give the reference that events name it by.

        It is empty where there is no trace, and for a value that the codec has no form for.
        """
        return "" if self._trace is None else await self._trace.keep(value)

    async def wait_written(self) -> None:
        """Wait until what was recorded so far survives the end of this process."""
        if self._trace is not None:
            await self._trace.wait_written()
