"""What a lane of the timeline looks like: which glyph stands in which column."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Literal

from rlm_runtime._events import Event, NodeEnded, SubCallEnded
from rlm_runtime._tui.record.activity import Activity, Overlap, SpansOfKind
from rlm_runtime._tui.record.entry import Entry
from rlm_runtime._tui.record.record import Record
from rlm_runtime._tui.timescale import TimeScale

Look = Literal[
    "blank", "model", "tool", "code", "sandbox", "children", "wait", "life", "load", "error"
]
"""What a cell shows; `children` is code that waits for its sub-calls."""

GLYPHS: dict[Look, str] = {
    "model": "█",
    "tool": "▒",
    "code": "▓",
    "sandbox": "░",
    "children": "╌",
    "wait": "·",
    "life": "─",
    "blank": " ",
}
_HALVES: dict[Look, tuple[str, str]] = {"model": ("▌", "▐"), "life": ("╴", "╶")}
_FAINT = frozenset[Look](("blank", "life", "wait", "children"))
_STRENGTH: dict[Look, int] = {look: -n for n, look in enumerate(GLYPHS)}
_LEVELS = "▁▂▃▄▅▆▇█"
_LOOKS: dict[str, Look] = {"queued": "wait", "running": "life"}
_BACK = 64
"""So many spans that began before a window are looked at, as they may reach into it."""
_ERROR_REASONS = ("model_error", "sandbox_error", "error")


@dataclass(slots=True)
class Mark:
    """Something that went wrong, in its column."""

    column: int
    position: int
    glyph: str


@dataclass(slots=True)
class Lane:
    """The cells of a lane; those before the moment are the same whatever happens later."""

    looks: list[Look]
    glyphs: list[str]
    marks: list[Mark] = field(default_factory=list)
    """In order, at most one for each column."""


def paint_entry(activity: Activity, entry: Entry, scale: TimeScale, position: int) -> Lane:
    """Paint the lane of an entry.

    Only the end of a start of a sandbox is told, so it is left out before that position.
    """
    halves = _Halves(scale)
    lives = _lives(activity.record, entry)
    work = activity.spans(entry)
    # It may do something again that had ended: a run that goes on starts its sandbox first
    halves.limit(lives, max((spans.end for spans in work.values()), default=0.0))
    amounts: dict[Look, list[float]] = {}
    for kind, spans in work.items():
        number = spans.told(position) if kind == "sandbox" else len(spans.spans)
        amounts[kind] = halves.measure(spans, number)
    if "code" in amounts:
        waits = activity.waits(entry)
        _subtract(amounts, halves.average(waits) if waits else [0.0] * halves.count)
    for look, begin, end in lives:
        halves.fill(amounts.setdefault(look, [0.0] * halves.count), begin, end)
    lane = halves.lane(amounts)
    lane.marks = _marks(activity.record, activity.errors(entry), scale)
    return lane


def paint_group(activity: Activity, group: Sequence[Entry], scale: TimeScale) -> Lane:
    """Paint the lane of a group: how many of its members are at work."""
    record = activity.record
    lives = [life for entry in group for life in _lives(record, entry) if life[0] == "life"]
    at_work = Overlap(
        (life[1] for life in lives), (life[2] for life in lives if life[2] < math.inf)
    )
    lane = paint_load(at_work, scale)
    errors = sorted(position for entry in group for position in activity.errors(entry))
    lane.marks = _marks(record, errors, scale)
    return lane


def paint_load(load: Overlap, scale: TimeScale) -> Lane:
    """Paint how many things were under way: each level stands for twice as many."""
    looks: list[Look] = ["blank"] * scale.width
    glyphs = [" "] * scale.width
    for column in range(scale.width):
        number = load.between(scale.seconds(column), scale.seconds(column + 1))
        if number > 1e-9:
            looks[column], glyphs[column] = "load", level_of(number)
    return Lane(looks, glyphs)


def level_of(number: float) -> str:
    """Give the bar for a number: 1, 2, up to 4, up to 8, and so on."""
    level = math.ceil(math.log2(max(1.0, number)) - 1e-9)
    return _LEVELS[min(level, len(_LEVELS) - 1)]


class _Halves:
    """Measures how much of each half of a column things take."""

    def __init__(self, scale: TimeScale) -> None:
        self._scale = scale
        self._per_second = 2 * max(1, scale.width) / scale.length
        self._first = 0
        self.count = 2 * scale.width

    def limit(self, lives: list[tuple[Look, float, float]], end: float) -> None:
        """Look only at the columns in which an entry was there, or did something."""
        begin = min((life[1] for life in lives), default=0.0)
        end = max((end, *(life[2] for life in lives)))
        first = int(min(max(0.0, self._at(begin)), self.count - 1))
        last = min(max(0.0, self._at(end)), self.count)
        self._first = first
        self.count = min(self.count - first, math.floor(last - first) + 1)

    def _at(self, seconds: float) -> float:
        return (seconds - self._scale.start) * self._per_second - self._first

    def fill(self, amounts: list[float], begin: float, end: float) -> None:
        """Count a stretch of time."""
        start, stop = max(0.0, self._at(begin)), min(self._at(end), float(self.count))
        if start >= self.count or stop < start:
            return
        low, high = int(start), min(int(stop), self.count - 1)
        # So that what took no time is there, where nothing else is
        amounts[low] += 1e-9
        if low == high:
            amounts[low] += stop - start
            return
        amounts[low] += low + 1 - start
        for half in range(low + 1, high):
            amounts[half] += 1.0
        amounts[high] += stop - high

    def measure(self, kind: SpansOfKind, number: int) -> list[float]:
        """Count the first so many spans."""
        edge = self._scale.start + self._first / self._per_second
        first = max(0, kind.first(edge) - _BACK)
        last = min(kind.first(edge + self.count / self._per_second), number)
        most, exact = max(_BACK, 2 * self._scale.width), self.count
        if last - first > most:
            # Not all at once: what comes later would change what was there before
            last = first + most
            exact = min(max(0, int(self._at(kind.spans[last].start))), exact)
        amounts = [0.0] * self.count
        for span in kind.spans[first:last]:
            self.fill(amounts, span.start, math.inf if span.end is None else span.end)
        return amounts[:exact] + self.average(kind.load, exact)

    def average(self, load: Overlap, first: int = 0) -> list[float]:
        """Count many things at once, from one of the halves on."""
        edges = [
            self._scale.start + (self._first + half) / self._per_second
            for half in range(first, self.count + 1)
        ]
        return [min(1.0, load.between(*each)) for each in pairwise(edges)]

    def lane(self, amounts: dict[Look, list[float]]) -> Lane:
        """Make the cells: each half shows what took most of it."""
        width = self._scale.width
        halves: list[Look] = ["blank"] * (2 * width)
        best = [0.0] * self.count
        busy = [0.0] * self.count
        for look in sorted(amounts, key=_STRENGTH.__getitem__, reverse=True):
            row = amounts[look]
            if look == "life":
                row = [
                    max(1e-12, one - two) if one else 0.0
                    for one, two in zip(row, busy, strict=True)
                ]
            for half, amount in enumerate(row):
                busy[half] += amount
                if amount > best[half]:
                    best[half] = amount
                    halves[self._first + half] = look
        looks: list[Look] = []
        glyphs: list[str] = []
        for left, right in zip(halves[::2], halves[1::2], strict=True):
            look, glyph = _cell(left, right)
            looks.append(look)
            glyphs.append(glyph)
        return Lane(looks, glyphs)


def _cell(left: Look, right: Look) -> tuple[Look, str]:
    """Put the halves of a column together."""
    if left == right:
        return left, GLYPHS[left]
    look, other = sorted((left, right), key=_STRENGTH.__getitem__, reverse=True)
    if look in _HALVES and other in _FAINT:
        return look, _HALVES[look][look == right]
    return look, GLYPHS[look]


def _subtract(amounts: dict[Look, list[float]], open_children: list[float]) -> None:
    """Tell code that runs from code that waits for its sub-calls, or its tools."""
    code = amounts["code"]
    tool = amounts.get("tool", [0.0] * len(code))
    waiting = [min(one, other) for one, other in zip(code, open_children, strict=True)]
    amounts["children"] = waiting
    amounts["code"] = [
        max(0.0, one - two - three) for one, two, three in zip(code, waiting, tool, strict=True)
    ]


def _lives(record: Record, entry: Entry) -> list[tuple[Look, float, float]]:
    """Give when an entry waited to begin, and when it was at work."""
    lives: list[tuple[Look, float, float]] = []
    look: Look | None = "wait"
    begin = record.time(entry.began)
    for position, state in entry.states:
        after = _LOOKS.get(state)
        if after == look:
            continue
        now = record.time(position)
        if look is not None:
            lives.append((look, begin, now))
        look, begin = after, now
    if look is not None:
        lives.append((look, begin, math.inf))
    return lives


def _marks(record: Record, errors: Sequence[int], scale: TimeScale) -> list[Mark]:
    """Give the first error of each column."""
    marks: list[Mark] = []
    number = bisect_left(errors, scale.start, key=record.time)
    while number < len(errors):
        position = errors[number]
        seconds = record.time(position)
        if seconds > scale.end:
            break
        column = scale.column(seconds)
        marks.append(Mark(column, position, glyph_of(record.events[position])))
        number = bisect_left(
            errors, column + 1, number + 1, key=lambda one: scale.column(record.time(one))
        )
    return marks


def glyph_of(error: Event) -> str:
    """Give the glyph of something that went wrong."""
    if isinstance(error, NodeEnded | SubCallEnded) and error.stop_reason not in _ERROR_REASONS:
        return "■"
    return "✗"
