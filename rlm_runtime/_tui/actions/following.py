"""Telling what happens to the run and its trace while somebody looks on."""

from __future__ import annotations

from collections.abc import Callable

from textual.notifications import SeverityLevel

from rlm_runtime._events import (
    Event,
    RunEnded,
    RunResumed,
    TraceFailed,
    TraceRecovered,
    TraceStalled,
)
from rlm_runtime._printable import one_line, reason
from rlm_runtime._tui.actions.leaving import LeaveActions
from rlm_runtime._tui.source import Batch
from rlm_runtime._types import StopReason

_SECONDS = 8.0


class FollowActions(LeaveActions):
    """Telling the news of a run that grows."""

    resume_command: Callable[[StopReason | None], str | None] | None = None
    """Names what goes on with the run, where it ended for some reason or crashed."""

    def take(self, batch: Batch) -> None:
        """Take in some more events; tell of those that come while the viewer is open."""
        first, was_reading = len(self.record.events), self.state == "reading"
        super().take(batch)
        if not was_reading:
            for event in self.record.events[first:]:
                self._tell(event)

    def how_to_resume(self, stop_reason: StopReason | None) -> str:
        """Say how to go on, as the end of a sentence; nothing where that is not known."""
        command = self.resume_command(stop_reason) if self.resume_command else None
        return f"; {one_line(command, 400)} goes on from here" if command else ""

    def _tell(self, event: Event) -> None:
        match event:
            case RunEnded():
                ended = one_line(event.stop_reason, 40)
                how = self.how_to_resume(event.stop_reason)
                self._notify(f"The run ended: {ended}{how}", is_bad=ended != "answered")
            # Whoever looks at a run of this process has been told by then
            case RunResumed() if self.keep_print is None:
                self._notify("The run goes on")
            case TraceStalled() if self.keep_print is None:
                waiting = "model calls waited until it could be written"
                self._notify(f"{reason(event.error)}; {waiting}", is_bad=True)
            case TraceRecovered() if self.keep_print is None:
                self._notify(f"The trace is written again after {event.seconds:.1f} s")
            case TraceFailed() if self.keep_print is None:
                self._notify(f"{reason(event.error)}; the run goes on without it", is_bad=True)

    def _notify(self, text: str, *, is_bad: bool = False) -> None:
        severity: SeverityLevel = "warning" if is_bad else "information"
        self.notify(text, severity=severity, timeout=_SECONDS, markup=False)
