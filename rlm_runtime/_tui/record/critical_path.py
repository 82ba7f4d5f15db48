"""The critical path: which chain of entries made a run as long as it was."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, field
from operator import itemgetter

from rlm_runtime._events import (
    ModelRequested,
    NodeEnded,
    NodeRebuilt,
    NodeStarted,
    ReplayDiverged,
    SubCallEnded,
)
from rlm_runtime._tui.record.activity import Activity, SpansOfKind
from rlm_runtime._tui.record.entry import Entry, SpanKind
from rlm_runtime._tui.record.record import Record

_BACK = 64
"""So many spans are looked through for one that ended: those of tools may overlap."""
_OTHERS: tuple[SpanKind, ...] = ("model", "tool", "wait", "sandbox")
_POSITION = itemgetter(0)
_OF_WORK = (NodeStarted, NodeRebuilt, ReplayDiverged, ModelRequested)
_TURNS = (NodeEnded, SubCallEnded, *_OF_WORK)
"""What may end an entry, or let one that had ended go on."""


@dataclass(frozen=True, slots=True)
class Segment:
    """A part of the critical path."""

    entry: Entry | None
    """Whose time it was; None for the run's own, before and after all entries."""
    kind: SpanKind | None
    """What the entry did; None where nothing is on record."""
    start: float
    end: float


@dataclass(frozen=True, slots=True)
class CriticalPath:
    """The critical path up to a moment."""

    segments: tuple[Segment, ...] = ()
    """From the start of the run to the moment, without a gap."""
    seconds: dict[int, float] = field(default_factory=dict)
    """Of each entry on it, by its id."""
    kinds: dict[SpanKind | None, float] = field(default_factory=dict)
    """The seconds that all entries on it did what."""
    stretches: dict[int, list[tuple[float, float]]] = field(default_factory=dict)
    """From when to when each entry is on it, by its id."""


def make_path(backwards: list[Segment]) -> CriticalPath:
    """Make a path of its segments, from the last to the first."""
    path = CriticalPath(tuple(reversed(backwards)))
    for segment in path.segments:
        took = segment.end - segment.start
        path.kinds[segment.kind] = path.kinds.get(segment.kind, 0.0) + took
        if segment.entry is None:
            continue
        number = segment.entry.id
        path.seconds[number] = path.seconds.get(number, 0.0) + took
        stretches = path.stretches.setdefault(number, [])
        if stretches and stretches[-1][1] == segment.start:
            stretches[-1] = stretches[-1][0], segment.end
        else:
            stretches.append((segment.start, segment.end))
    return path


@dataclass(frozen=True, slots=True)
class _Work:
    """A child or a span that may be on the path."""

    child: Entry | None
    kind: SpanKind | None
    """None for a child."""
    start: float
    end: float


class Ends:
    """When the children of each entry ended, in that order; `catch_up` takes in what is new."""

    def __init__(self, record: Record) -> None:
        self.record = record
        self.activity = Activity(record)
        self._done = 0
        self._ends: dict[int, list[tuple[int, Entry]]] = {}
        self._again: dict[int, list[int]] = {}
        """By id of a parent: where a child that had ended was at work again."""

    def catch_up(self, most: int) -> bool:
        """Take in so many new events; tell whether there are no more."""
        record = self.record
        stop = min(len(record.events), self._done + most)
        for position in range(self._done, stop):
            entry, event = record.owners[position], record.events[position]
            if entry is None or not isinstance(event, _TURNS):
                continue
            if isinstance(event, _OF_WORK):
                if entry.ended(position - 1) is not None and entry.ended(position) is None:
                    self._again.setdefault(_id(entry.parent), []).append(position)
            elif entry.ended(position) == position:
                self._ends.setdefault(_id(entry.parent), []).append((position, entry))
        self._done = stop
        return stop == len(record.events)

    def last(self, above: Entry | None, before: float, position: int) -> _Work | None:
        """Find the child that ended last, up to a time, and to a position."""
        ends = self._ends.get(_id(above), [])
        known = min(position, self.record.position_at(before))
        for number in range(bisect_right(ends, known, key=_POSITION) - 1, -1, -1):
            ended, entry = ends[number]
            start = self.record.time(entry.began)
            if start < before:
                return _Work(entry, None, start, self.record.time(ended))
        return None

    def still_open(self, above: Entry | None, position: int) -> Entry | None:
        """Find the newest child that is at work at a position, and was at the moment before."""
        ended = bisect_right(self._ends.get(_id(above), []), position, key=_POSITION)
        ended -= bisect_right(self._again.get(_id(above), []), position)
        children = self.record.roots if above is None else above.children
        begun = bisect_right(children, position, key=lambda one: one.began)
        if begun <= ended:
            return None
        now = self.record.time(position)
        newest = (children[number] for number in range(begun - 1, -1, -1))
        at_work = (one for one in newest if one.ended(position) is None)
        return next((one for one in at_work if self.record.time(one.began) < now), None)


def walk(ends: Ends, position: int) -> Iterator[Segment]:
    """Give the segments of the critical path up to a position, from the last to the first.

    What ended last is what was waited for; before it began, what had ended last by then; and so
    on. A step takes about the same time in a record of any size.

    Args:
        ends: The record's, caught up with it.
        position: The moment.
    """
    return _Walk(ends, position).segments()


class _Walk:
    """One walk from a moment back to the start of the run."""

    def __init__(self, ends: Ends, position: int) -> None:
        self._ends = ends
        self._record = ends.record
        self._position = position
        self._now = self._time = self._record.time(position)
        # A stack of its own: a trace from elsewhere may be as deep as it likes
        self._path: list[Entry] = []
        self._spans: dict[int, dict[SpanKind, SpansOfKind]] = {}

    def segments(self) -> Iterator[Segment]:
        """Walk; each segment ends where the one before it begins."""
        while self._time > 0:
            entry = self._path[-1] if self._path else None
            begin = 0.0 if entry is None else self._record.time(entry.began)
            if begin >= self._time:
                self._path.pop()
                continue
            code = None if entry is None else self._span(entry, "code")
            if code is not None and code.end >= self._time:
                begin = max(begin, code.start)
                segment = self._step(entry, "code", begin, self._last_inside(entry))
            else:
                segment = self._step(entry, None, begin, self._last_of_all(entry, code))
            if segment is not None:
                self._time = segment.start
                yield segment

    def _step(
        self, entry: Entry | None, kind: SpanKind | None, begin: float, work: _Work | None
    ) -> Segment | None:
        """Go back to the end of some work; from there to its begin, or into a child."""
        if work is None or work.end <= begin:
            return Segment(entry, kind, begin, self._time)
        if work.end < self._time:
            return Segment(entry, kind, work.end, self._time)
        if work.child is None:
            return Segment(entry, work.kind, max(begin, work.start), self._time)
        self._path.append(work.child)
        return None

    def _last_inside(self, entry: Entry | None) -> _Work | None:
        """Find what ended last of what code asked for."""
        tool = None if entry is None else self._span(entry, "tool")
        return _later(self._child(entry), tool)

    def _last_of_all(self, entry: Entry | None, code: _Work | None) -> _Work | None:
        """Find what ended last in an entry, or in the run."""
        found = _later(self._child(entry), code)
        if entry is not None:
            for kind in _OTHERS:
                found = _later(found, self._span(entry, kind))
        return found

    def _child(self, above: Entry | None) -> _Work | None:
        if self._time == self._now:
            child = self._ends.still_open(above, self._position)
            if child is not None:
                return _Work(child, None, self._record.time(child.began), self._now)
        return self._ends.last(above, self._time, self._position)

    def _span(self, entry: Entry, kind: SpanKind) -> _Work | None:
        """Find the span of a kind that ended last; what goes on longer ends now."""
        if entry.id not in self._spans:
            self._spans[entry.id] = self._ends.activity.spans(entry)
        spans = self._spans[entry.id].get(kind)
        if spans is None:
            return None
        found: _Work | None = None
        last = spans.first(self._time)
        for number in range(last - 1, max(-1, last - _BACK), -1):
            span = spans.spans[number]
            if span.start >= self._time or span.began > self._position:
                continue
            end = self._time if span.end is None else min(span.end, self._time)
            found = _later(found, _Work(None, kind, span.start, end))
            if kind != "tool" and found is not None:
                break
        return found


def _later(one: _Work | None, other: _Work | None) -> _Work | None:
    """Choose what ended later; the first of two that ended at once."""
    if one is None or (other is not None and other.end > one.end):
        return other
    return one


def _id(entry: Entry | None) -> int:
    return -1 if entry is None else entry.id
