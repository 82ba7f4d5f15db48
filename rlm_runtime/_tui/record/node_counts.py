"""How many nodes there were, and how many of them ran, at any moment."""

from __future__ import annotations

from array import array
from bisect import bisect_right

from rlm_runtime._events import NodeEnded, NodeRebuilt, NodeStarted, ReplayDiverged
from rlm_runtime._tui.record.record import Record

_TELLING = frozenset({NodeStarted, NodeEnded, NodeRebuilt, ReplayDiverged})


class NodeCounts:
    """Counts the nodes of a record, which may grow."""

    def __init__(self, record: Record) -> None:
        self.record = record
        self._done = 0
        self._at = array("q")
        self._begun = array("q")
        self._running = array("q")
        self._ids_begun: set[int] = set()
        self._ids_running: set[int] = set()
        self._asides_done = 0

    def at(self, position: int) -> tuple[int, int]:
        """Give how many nodes have begun at a position, and how many of them run then."""
        self._catch_up()
        last = bisect_right(self._at, position)
        return (self._begun[last - 1], self._running[last - 1]) if last else (0, 0)

    def _catch_up(self) -> None:
        events = self.record.events
        for position in range(self._done, len(events)):
            if type(events[position]) in _TELLING:
                self._take(position)
        self._done = len(events)

    def _take(self, position: int) -> None:
        entry = self.record.owners[position]
        if entry is None:
            return
        self._ids_begun.add(entry.id)
        if entry.state(position) == "running" and not entry.is_aside(position):
            self._ids_running.add(entry.id)
        else:
            self._ids_running.discard(entry.id)
        for one in self.record.asides[self._asides_done :]:
            if one.aside is None or one.aside > position:
                break
            self._ids_running.discard(one.id)
            self._asides_done += 1
        self._at.append(position)
        self._begun.append(len(self._ids_begun))
        self._running.append(len(self._ids_running))
