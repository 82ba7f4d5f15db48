"""Which parts of a context were printed by a node's code or sent to its children, to scale."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

Interval = tuple[int, int]
"""Begin and end of a stretch of the context, in characters of all its parts in sequence."""

Use = Literal["printed", "sent"]

SENT, PRINTED, UNTOUCHED = "█", "▓", "·"


@dataclass(frozen=True, slots=True)
class Part:
    """A text of the context: all of it, or one value of a dict or a list."""

    name: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Found:
    """What of the context was found in one text."""

    position: int
    """The event that has the text."""
    use: Use
    name: str
    """Where the text came from; empty where it was sent, as its node may be numbered later."""
    intervals: tuple[Interval, ...]
    """In order, none touching another."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ContextMap:
    """What became of the context of a node."""

    parts: tuple[Part, ...]
    found: tuple[Found, ...]
    """In the order of time."""
    events: int
    """How many events and children of the node were looked at."""
    left_out: int = 0
    """How many texts there were too many, or too large, to be looked at."""

    @property
    def size(self) -> int:
        """The characters of the whole context."""
        return self.parts[-1].end if self.parts else 0

    def until(self, position: int) -> tuple[Found, ...]:
        """Give what was found up to a position."""
        return self.found[: bisect_right(self.found, position, key=lambda one: one.position)]


def merge(intervals: Iterable[Interval]) -> tuple[Interval, ...]:
    """Put stretches in order, and those that overlap or touch together."""
    merged: list[Interval] = []
    for start, end in sorted(intervals):
        if merged and start <= merged[-1][1]:
            merged[-1] = merged[-1][0], max(end, merged[-1][1])
        elif end > start:
            merged.append((start, end))
    return tuple(merged)


def length_of(intervals: Iterable[Interval]) -> int:
    """Give how many characters stretches have that do not overlap."""
    return sum(end - start for start, end in intervals)


def clip(intervals: tuple[Interval, ...], start: int, end: int) -> tuple[Interval, ...]:
    """Give what of some stretches, in order, lies between two places."""
    first = bisect_right(intervals, start, key=lambda one: one[1])
    last = bisect_left(intervals, end, key=lambda one: one[0])
    return tuple((max(a, start), min(b, end)) for a, b in intervals[first:last])


def draw(
    printed: tuple[Interval, ...],
    sent: tuple[Interval, ...],
    start: int,
    end: int,
    width: int,
) -> str:
    """Draw a stretch of the context to scale: a cell is marked if anything in it is."""
    edges = [start + (end - start) * cell // width for cell in range(width + 1)]
    cells = []
    for low, high in pairwise(edges):
        # Where there are more cells than characters, a character is in several of them
        high = max(high, low + 1)
        if clip(sent, low, high):
            cells.append(SENT)
        else:
            cells.append(PRINTED if clip(printed, low, high) else UNTOUCHED)
    return "".join(cells)


def gaps(intervals: tuple[Interval, ...], start: int, end: int) -> list[Interval]:
    """Give the stretches between two places that are in none of some others, largest first."""
    edges = [start]
    for low, high in clip(intervals, start, end):
        edges += [low, high]
    edges.append(end)
    free = [(a, b) for a, b in zip(edges[::2], edges[1::2], strict=True) if b > a]
    return sorted(free, key=lambda one: (one[0] - one[1], one[0]))
