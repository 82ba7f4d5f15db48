"""What the events of a run as a whole come to on a page, and its clock."""

from __future__ import annotations

from collections.abc import Callable

from rlm_runtime._events import (
    Event,
    ModeChosen,
    RunEnded,
    RunForked,
    RunResumed,
    RunStarted,
    TraceFailed,
    TraceRecovered,
    TraceStalled,
)
from rlm_runtime._export.page_records import Note, Run, Segment
from rlm_runtime._export.page_texts import Texts


class RunPage:
    """The run as a whole; feed it every event."""

    def __init__(self, run: str, texts: Texts, whole: Callable[[str, str], str]) -> None:
        self._record = Run(id=run)
        self._texts = texts
        self._whole = whole
        self._shift: float | None = None
        """What makes seconds of the run from `mono`, which begins anew in every process."""
        self._latest = 0.0

    def as_record(self, unfinished: str) -> Run:
        """Give all of it; `unfinished` is the word for a run without an end."""
        self._record.seconds = self._latest
        self._record.status = self._record.status or unfinished
        return self._record

    def tell_time(self, event: Event) -> float:
        """Take in what the event says of the whole run; give its time in seconds of the run."""
        if isinstance(event, RunResumed | RunForked):
            spent = event.spent_seconds if isinstance(event, RunResumed) else 0.0
            self._shift = max(self._latest, spent) - event.mono
        if self._shift is None:
            self._shift = -event.mono
        t = max(0.0, event.mono + self._shift)
        self._latest = max(self._latest, t)
        self._add(event, t)
        return t

    def _add(self, event: Event, t: float) -> None:
        run = self._record
        match event:
            case RunStarted():
                self._start(event)
            case RunResumed():
                run.status, run.ended = "", {}
                run.max_cost = event.limits.get("max_cost")
                run.segments.append(Segment(t=t, kind="resumed"))
            case RunForked():
                run.id, run.status, run.ended = event.run, "", {}
                where = f"{event.parent} at iteration {event.iteration} of node {event.node}"
                said = f"{where}: {event.say}" if event.say else where
                run.segments.append(Segment(t=t, kind="forked", text=self._texts.add(said)))
            case ModeChosen():
                run.mode, run.mode_reason = event.mode, self._texts.add(event.reason)
            case TraceFailed() | TraceStalled():
                self._note(t, f"The trace could not be written: {event.error}")
            case TraceRecovered():
                self._note(t, f"The trace is written again after {event.seconds:.1f} s")
            case RunEnded():
                self._end(event)

    def _note(self, t: float, text: str) -> None:
        self._record.notes.append(Note(t=t, kind="trace", text=self._texts.add(text)))

    def _start(self, event: RunStarted) -> None:
        run = self._record
        run.id, run.version, run.started = event.run, event.version, _whole_seconds(event.time)
        run.query = self._texts.add(self._whole(event.query_ref, event.query))
        run.model, run.sub_model = event.model, event.sub_model
        run.max_cost = event.limits.get("max_cost")

    def _end(self, event: RunEnded) -> None:
        run = self._record
        run.status, run.type = event.stop_reason, event.answer_type
        run.answer = self._texts.add(self._whole(event.answer_ref, event.answer))
        run.error = self._texts.add(event.error)
        run.ended = {
            "calls": event.calls,
            "nodes": event.nodes,
            "prompt": event.prompt_tokens,
            "completion": event.completion_tokens,
            "cached": event.cached_tokens,
            "thought": event.reasoning_tokens,
            "cost": event.cost,
            "seconds": event.seconds,
        }


def _whole_seconds(time: float) -> int:
    """Give a time that a browser can have a date of; 0 where there is none."""
    return int(time) if 0 < time < 2**40 else 0
