"""Keeping the lanes that are painted, as long as nothing in them changes."""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections.abc import Iterable

from rlm_runtime._tui.lane_cells import Lane, paint_entry, paint_group, paint_load
from rlm_runtime._tui.record.activity import Activity
from rlm_runtime._tui.record.critical_path import CriticalPath
from rlm_runtime._tui.record.entry import Entry
from rlm_runtime._tui.record.record import Record
from rlm_runtime._tui.rows import Row
from rlm_runtime._tui.timescale import TimeScale

_MOST_LANES = 1000


class LaneStore:
    """The lanes of one record."""

    def __init__(self, record: Record) -> None:
        self.activity = Activity(record)
        self._lanes: dict[tuple[object, ...], Lane] = {}
        self._groups: dict[tuple[object, ...], tuple[tuple[Entry, ...], Lane | None]] = {}

    def lane(self, row: Row, scale: TimeScale, position: int) -> Lane:
        """Give the lane of a row as it is up to a position."""
        entry = row.entry
        if row.group:
            return self._group(row.group, scale)
        sandboxes = self.activity.spans(entry).get("sandbox")
        told = sandboxes.told(position) if sandboxes else 0
        key = (*self._size(entry), told, scale)
        lane = self._lanes.pop(key, None) or paint_entry(self.activity, entry, scale, position)
        self._keep(key, lane)
        return lane

    def _group(self, group: tuple[Entry, ...], scale: TimeScale) -> Lane:
        """Give the lane of a group, also if it has been painted with later members."""
        key = "group", group[0].id, self.activity.record.last, scale
        painted, lane = self._groups.pop(key, ((), None))
        if lane is None or painted[: len(group)] != group:
            painted, lane = group, paint_group(self.activity, group, scale)
        self._groups[key] = painted, lane
        while len(self._groups) > _MOST_LANES:
            del self._groups[next(iter(self._groups))]
        return lane

    def load(self, scale: TimeScale) -> Lane:
        """Give the lane of all model calls in flight."""
        key = "load", self.activity.record.last, scale
        lane = self._lanes.pop(key, None) or paint_load(self.activity.calls, scale)
        self._keep(key, lane)
        return lane

    def _size(self, entry: Entry) -> tuple[int, ...]:
        """Tell how much of an entry has happened."""
        waits = self.activity.waits(entry)
        waited = 0 if waits is None else waits.size
        # Where the run goes on after a crash, what was under way then has ended
        sessions = len(self.activity.record.sessions)
        return entry.id, len(entry.spans), len(entry.events), len(entry.states), waited, sessions

    def _keep(self, key: tuple[object, ...], lane: Lane) -> None:
        # The newest are last, so that those go first that nobody has looked at for long
        self._lanes[key] = lane
        while len(self._lanes) > _MOST_LANES:
            del self._lanes[next(iter(self._lanes))]


class PathColumns:
    """Which columns of each lane the critical path goes through."""

    def __init__(self, path: CriticalPath) -> None:
        self.path = path
        self._ids = sorted(path.stretches)

    def columns(self, row: Row, scale: TimeScale) -> bytearray:
        """Give a 1 for each column of a row that the path goes through."""
        covered = bytearray(scale.width)
        for number in self._on_path(row):
            _cover(covered, self.path.stretches[number], scale)
        return covered

    def _on_path(self, row: Row) -> Iterable[int]:
        if not row.group:
            return [row.entry.id] if row.entry.id in self.path.stretches else []
        first = bisect_left(self._ids, row.group[0].id)
        found = self._ids[first : bisect_right(self._ids, row.group[-1].id)]
        if not found:
            return []
        members = {entry.id for entry in row.group}
        return [number for number in found if number in members]


def _cover(covered: bytearray, stretches: list[tuple[float, float]], scale: TimeScale) -> None:
    number = max(0, bisect_right(stretches, (scale.start,)) - 1)
    while number < len(stretches):
        start, end = stretches[number]
        if start >= scale.end:
            return
        number += 1
        if end <= scale.start:
            continue
        first = scale.column(start)
        last = max(first, min(math.ceil(scale.place(end) - 1e-9), scale.width) - 1)
        covered[first : last + 1] = b"\x01" * (last + 1 - first)
        if first == last:
            # Of many in one column, only the last one may reach into the next
            edge = bisect_left(stretches, (scale.seconds(last + 1),))
            number = max(number, edge - 1)
