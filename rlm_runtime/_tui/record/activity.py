"""When things were under way in a run: model calls, the children of entries, and errors."""

from __future__ import annotations

import math
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterable
from itertools import accumulate
from operator import attrgetter

from rlm_runtime._events import (
    ModelAttemptFailed,
    ModelAttemptStarted,
    ModelFailed,
    ModelReplied,
    ModelRequested,
    NodeEnded,
    NodeRebuilt,
    NodeStarted,
    ReplayDiverged,
    RunResumed,
    SubCallEnded,
)
from rlm_runtime._tui.record.entry import Entry, Span, SpanKind
from rlm_runtime._tui.record.record import Record

_START = attrgetter("start")
_BEGAN = attrgetter("began")


class _Times:
    """Times in order, and their sums from the first one on."""

    def __init__(self, times: list[float]) -> None:
        self.times = times
        self._sums = [0.0]

    def add(self, time: float) -> None:
        """Put a time in its place."""
        place = bisect_right(self.times, time)
        self.times.insert(place, time)
        del self._sums[place + 1 :]

    def seconds_until(self, time: float) -> float:
        """Give the seconds from each one to a time, together."""
        before = bisect_right(self.times, time)
        if len(self._sums) <= before:
            more = accumulate(self.times[len(self._sums) - 1 :], initial=self._sums[-1])
            self._sums[-1:] = more
        return before * time - self._sums[before]


class Overlap:
    """How many of some things were under way when, from when they began and ended."""

    def __init__(self, begins: Iterable[float] = (), ends: Iterable[float] = ()) -> None:
        self._begins = _Times(sorted(begins))
        self._ends = _Times(sorted(ends))

    @property
    def size(self) -> int:
        """How many begins and ends there are."""
        return len(self._begins.times) + len(self._ends.times)

    def begin(self, seconds: float) -> None:
        """Take in that one more began."""
        self._begins.add(seconds)

    def end(self, seconds: float) -> None:
        """Take in that one of them ended."""
        self._ends.add(seconds)

    def between(self, start: float, end: float) -> float:
        """Give how many there were between two times, on average."""
        if end <= start:
            return 0.0
        begun = self._begins.seconds_until(end) - self._begins.seconds_until(start)
        ended = self._ends.seconds_until(end) - self._ends.seconds_until(start)
        return max(0.0, (begun - ended) / (end - start))


class SpansOfKind:
    """The spans of one kind of an entry."""

    def __init__(self) -> None:
        self.spans: list[Span] = []
        """In the order in which they began."""
        self.load = Overlap()
        self._open: list[Span] = []
        self._end = 0.0

    def add(self, span: Span) -> None:
        """Take in the next one."""
        self.spans.append(span)
        self._open.append(span)
        self.load.begin(span.start)

    def catch_up(self) -> None:
        """Learn which ones have ended."""
        for span in self._open:
            if span.end is not None:
                self.load.end(span.end)
                self._end = max(self._end, span.end)
        self._open = [span for span in self._open if span.end is None]

    @property
    def end(self) -> float:
        """When all have ended; infinite as long as one has not."""
        return math.inf if self._open else self._end

    def told(self, position: int) -> int:
        """Give how many are known of at a position; of a sandbox only its end is told."""
        return bisect_right(self.spans, position, key=_BEGAN)

    def first(self, seconds: float) -> int:
        """Find the first one that began at a time or later."""
        return bisect_left(self.spans, seconds, key=_START)


class Activity:
    """What happened when in a record; `catch_up` takes in what is new in it."""

    def __init__(self, record: Record) -> None:
        self.record = record
        self.calls = Overlap()
        """The attempts of model calls."""
        self._done = 0
        self._errors_done = 0
        self._open_calls: set[int] = set()
        self._asides_done = 0
        self._errors: dict[int, array[int]] = {}
        self._open: set[int] = set()
        self._at_work: dict[int, int] = {}
        self._waits: dict[int, Overlap] = {}
        self._spans: dict[int, dict[SpanKind, SpansOfKind]] = {}
        self._spans_done: dict[int, int] = {}

    def catch_up(self) -> None:
        """Take in the new events."""
        record = self.record
        end = len(record.events)
        for position in range(self._done, end):
            entry = record.owners[position]
            if entry is not None:
                self._add(entry, position)
            elif isinstance(record.events[position], RunResumed):
                self._break_off(record.time(position))
        self._done = end
        errors = record.marks.errors
        for position in errors[self._errors_done :]:
            owner = record.owners[position]
            if owner is not None:
                self._errors.setdefault(owner.id, array("q")).append(position)
        self._errors_done = len(errors)

    def errors(self, entry: Entry) -> array[int]:
        """Give the positions where something went wrong in an entry."""
        return self._errors.get(entry.id, _NO_POSITIONS)

    def waits(self, entry: Entry) -> Overlap | None:
        """Give when any children of an entry were at work; None where it never had one."""
        return self._waits.get(entry.id)

    def spans(self, entry: Entry) -> dict[SpanKind, SpansOfKind]:
        """Give the spans of an entry by their kind."""
        kinds = self._spans.setdefault(entry.id, {})
        for span in entry.spans[self._spans_done.get(entry.id, 0) :]:
            if span.kind not in kinds:
                kinds[span.kind] = SpansOfKind()
            kinds[span.kind].add(span)
        self._spans_done[entry.id] = len(entry.spans)
        for kind in kinds.values():
            kind.catch_up()
        return kinds

    def _add(self, entry: Entry, position: int) -> None:
        event, now = self.record.events[position], self.record.seconds[position]
        if entry.began == position:
            self._begin(entry, now)
        match event:
            case ModelAttemptStarted():
                self._end_call(event.call, now)
                self._open_calls.add(event.call)
                self.calls.begin(now)
            case ModelReplied() | ModelFailed() | ModelAttemptFailed():
                self._end_call(event.call, now)
            case NodeEnded() | SubCallEnded() if entry.ended(position) is not None:
                self._end(entry, now)
            case ReplayDiverged():
                self._put_aside(position, now)
                self._begin(entry, now)
            case NodeRebuilt() | NodeStarted():
                # It may have been given up before it began
                self._begin(entry, now)
            case ModelRequested() if entry.kind == "completion":
                # It may have been given up before, in a session that was interrupted
                self._begin(entry, now)

    def _begin(self, entry: Entry, now: float) -> None:
        if entry.parent is None or entry.id in self._open:
            return
        self._open.add(entry.id)
        count = self._at_work.get(entry.parent.id, 0)
        self._at_work[entry.parent.id] = count + 1
        if not count:
            self._waits.setdefault(entry.parent.id, Overlap()).begin(now)

    def _end(self, entry: Entry, now: float) -> None:
        if entry.parent is None or entry.id not in self._open:
            return
        self._open.remove(entry.id)
        self._at_work[entry.parent.id] -= 1
        if not self._at_work[entry.parent.id]:
            self._waits[entry.parent.id].end(now)

    def _put_aside(self, position: int, now: float) -> None:
        """End what was still at work of that which counts no more."""
        for one in self.record.asides[self._asides_done :]:
            if one.aside is None or one.aside > position:
                return
            self._end(one, now)
            self._asides_done += 1

    def _end_call(self, call: int, now: float) -> None:
        if call in self._open_calls:
            self._open_calls.remove(call)
            self.calls.end(now)

    def _break_off(self, now: float) -> None:
        """End the calls that were under way when the run crashed."""
        for _ in self._open_calls:
            self.calls.end(now)
        self._open_calls.clear()


_NO_POSITIONS: array[int] = array("q")
