"""Where to go from a moment: the next event, iteration, error, and so on; without a terminal."""

from __future__ import annotations

import math
import re
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Sequence
from typing import TypeVar

from rlm_runtime._tui.record.entry import Entry
from rlm_runtime._tui.record.record import Record

_T = TypeVar("_T")
_MOMENT = re.compile(
    r"(?:(?P<event>#\d+)|(?P<part>[\d.]+) ?%"
    r"|(?:(?P<h>\d+) ?h ?)?(?:(?P<m>\d+) ?m ?)?(?:(?P<s>\d*\.?\d+) ?s?)?"
    r"|(?P<clock>\d+(?::\d+){1,2}(?:\.\d+)?))",
    re.ASCII | re.IGNORECASE,
)
_LONGEST_MOMENT = 40


class Subtree:
    """The positions of an entry and all below it, in a record that may grow."""

    def __init__(self, record: Record, top: Entry) -> None:
        self.top = top
        self._record = record
        self._seen = top.began
        self._ids = {top.id}
        self._positions = array("q")

    @property
    def positions(self) -> Sequence[int]:
        """All of them so far, in order."""
        self._catch_up()
        return self._positions

    def holds(self, entry: Entry | None) -> bool:
        """Tell whether an entry is the one at its top, or below it."""
        self._catch_up()
        return entry is not None and entry.id in self._ids

    def _catch_up(self) -> None:
        owners, ids = self._record.owners, self._ids
        for position in range(self._seen, len(owners)):
            owner = owners[position]
            if owner is None:
                continue
            if owner.id not in ids:
                # A parent's first event comes before those of its children
                if owner.parent is None or owner.parent.id not in ids:
                    continue
                ids.add(owner.id)
            self._positions.append(position)
        self._seen = len(owners)


def neighbour(positions: Sequence[int], position: int, by: int) -> int | None:
    """Find the first of some positions after one, or the last before it if `by` is negative.

    Args:
        positions: All that count, in order.
        position: Where to look from; it need not be one of them.
        by: Its sign is the direction.
    """
    return _neighbour(positions, position, by, lambda one: one)


def step(record: Record, position: int, by: int, within: Subtree | None = None) -> int | None:
    """Find the next event, or the one before; of a subtree, if one is given."""
    if within is not None:
        return neighbour(within.positions, position, by)
    found = min(position + 1, len(record.events)) if by > 0 else min(position, record.last + 1) - 1
    return found if 0 <= found <= record.last else None


def step_in_entry(entry: Entry, position: int, by: int) -> int | None:
    """Find the next event of an entry, or the one before."""
    return neighbour(entry.events, position, by)


def step_iteration(entry: Entry, position: int, by: int) -> int | None:
    """Find where the next iteration of an entry begins, or the one before.

    Its first and its last event count too: so all of it is seen, also where there is none.
    """
    ends = entry.events[:1] + entry.events[-1:]
    found = [neighbour(ends, position, by)]
    began = _neighbour(entry.iterations, position, by, lambda iteration: iteration[0])
    found.append(None if began is None else began[0])
    return (min if by > 0 else max)((at for at in found if at is not None), default=None)


def step_mark(
    record: Record, marks: Sequence[int], position: int, by: int, within: Subtree | None = None
) -> int | None:
    """Find the next mark, or the one before; of a subtree, if one is given.

    Args:
        record: The run.
        marks: One of the lists of its marks.
        position: Where to look from.
        by: Its sign is the direction.
        within: What the marks are to be of.
    """
    found = neighbour(marks, position, by)
    while found is not None and within is not None and not within.holds(record.owners[found]):
        found = neighbour(marks, found, by)
    return found


def read_moment(record: Record, text: str) -> int | None:
    """Read a moment as users type it; None if it is none.

    Args:
        record: The run.
        text: Seconds (`12.5`), a time (`1m30`, `1:30`), a part of the run (`50%`), or the number
            of an event, from 1 (`#1234`). What is beyond the run is its last moment.
    """
    text = text.strip()
    found = _MOMENT.fullmatch(text) if 0 < len(text) <= _LONGEST_MOMENT else None
    if found is None or record.last < 0:
        return None
    if found["event"]:
        return min(max(1, int(found["event"][1:])), record.last + 1) - 1
    try:
        seconds = _seconds(found, record.time(record.last))
    except ValueError:
        return None
    return max(0, record.position_at(seconds))


def _seconds(found: re.Match[str], whole: float) -> float:
    """Give the seconds that a text means.

    Raises:
        ValueError: A part of it is no number.
    """
    if found["part"]:
        part = float(found["part"]) / 100
        return math.inf if part >= 1 else part * whole
    if found["clock"]:
        total = 0.0
        for part_of_clock in found["clock"].split(":"):
            total = total * 60 + float(part_of_clock)
        return total
    hours, minutes, seconds = (float(found[name] or 0) for name in "hms")
    return hours * 3600 + minutes * 60 + seconds


def _neighbour(
    items: Sequence[_T], position: int, by: int, place: Callable[[_T], int]
) -> _T | None:
    if by > 0:
        at = bisect_right(items, position, key=place)
        return items[at] if at < len(items) else None
    at = bisect_left(items, position, key=place)
    return items[at - 1] if at else None
