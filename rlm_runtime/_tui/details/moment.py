"""What a page is made of: the selected entry at the moment, and the whole of its events."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, field

from rlm_runtime._events import Event
from rlm_runtime._tui.details.again import shared_events
from rlm_runtime._tui.record.context_map import ContextMap
from rlm_runtime._tui.record.entry import Entry
from rlm_runtime._tui.view import View

_MOST_EVENTS = 5_000
"""So many events of an iteration are told of; a forged one may have any number."""
_FIRST_EVENTS = 1_000
"""So many of these are its first ones, which tell of its messages and its code; the others are the
latest."""
_MOST_KEPT = 48
_MOST_WANTED = 24
_MOST_MAPS = 8

MAP_OF = "map of "
"""What is wanted is the map of an entry's context, whose id follows; no value has such a name."""


@dataclass(frozen=True, slots=True)
class Value:
    """A value of the trace, written out: text as it is, everything else as JSON."""

    text: str
    is_json: bool


class Loaded:
    """What was read from the trace in addition to the record; the oldest is forgotten."""

    def __init__(self) -> None:
        self.events: dict[int, Event] = {}
        self.values: dict[str, Value] = {}
        self.maps: dict[int, ContextMap] = {}
        """What became of the contexts of entries, by their ids."""
        self.failed: dict[int | str, str] = {}
        """What cannot be read, and why."""

    def add_event(self, position: int, event: Event) -> None:
        """Keep the whole event at a position."""
        self.events[position] = event
        if len(self.events) > _MOST_KEPT:
            del self.events[next(iter(self.events))]

    def add_value(self, ref: str, value: Value) -> None:
        """Keep a value."""
        self.values[ref] = value
        if len(self.values) > 4:
            del self.values[next(iter(self.values))]

    def add_map(self, entry: int, found: ContextMap) -> None:
        """Keep the map of an entry's context."""
        self.maps[entry] = found
        if len(self.maps) > _MOST_MAPS:
            del self.maps[next(iter(self.maps))]


@dataclass(slots=True)
class Moment:
    """The selected entry at a position, for the pages; it notes what they miss."""

    view: View
    entry: Entry
    loaded: Loaded = field(default_factory=Loaded)
    wanted: list[int | str] = field(default_factory=list)
    """The positions of events and the names of values that are not loaded yet."""
    missed: list[int | str] = field(default_factory=list)
    """Those that cannot be read."""

    @property
    def position(self) -> int:
        """The position that is shown."""
        return self.view.position

    @property
    def has_begun(self) -> bool:
        """Whether the entry is there already."""
        return self.entry.began <= self.position

    @property
    def count(self) -> int:
        """How many events of the entry there have been."""
        return bisect_right(self.entry.events, self.position)

    @property
    def iteration(self) -> int:
        """The number of the iteration that the entry is in; 0 before the first."""
        return self.entry.iteration(self.position)

    @property
    def seconds(self) -> float:
        """The seconds of the run at the moment."""
        return self.view.seconds

    def name(self, entry: Entry | None = None) -> str:
        """Say which entry it is."""
        one = entry or self.entry
        if one.kind == "node":
            number = one.number_at(self.position)
            return "node" if number is None else f"node {number}"
        return "completion" if one.sub_call is None else f"completion {one.sub_call}"

    def events_of_iteration(self) -> Iterator[tuple[int, Event]]:
        """Give the events of the iteration so far, with positions; their texts may be cut.

        Where it was run again differently, what it shares with how it ran before comes first.
        """
        last = bisect_right(self.entry.iterations, self.position, key=lambda one: one[0])
        begin = self.entry.iterations[last - 1][0] if last else 0
        first = bisect_left(self.entry.events, begin)
        if last:
            record = self.view.record
            for position in shared_events(record, self.entry, last - 1):
                yield position, record.events[position]
        yield from self._events(first)

    def events(self) -> Iterator[tuple[int, Event]]:
        """Give the events of the entry so far, the first and the latest thousands of them."""
        yield from self._events(0)

    def event(self, position: int) -> Event:
        """Give an event with its whole texts, or with cut ones until they are loaded."""
        if position in self.loaded.events:
            return self.loaded.events[position]
        if position in self.view.record.cut:
            self._want(position)
        return self.view.record.events[position]

    def value(self, ref: str) -> Value | None:
        """Give the value that an event names; None until it is loaded, or where there is none."""
        if ref and ref not in self.loaded.values:
            self._want(ref)
        return self.loaded.values.get(ref)

    def context_map(self) -> ContextMap | None:
        """Give the map of the entry's context; None until it is made."""
        found = self.loaded.maps.get(self.entry.id)
        children = bisect_right(self.entry.children, self.position, key=lambda one: one.began)
        if found is None or found.events < self.count + children:
            self._want(f"{MAP_OF}{self.entry.id}")
        return found

    def _want(self, one: int | str) -> None:
        if one in self.loaded.failed:
            self.missed.append(one)
        elif one not in self.wanted and len(self.wanted) < _MOST_WANTED:
            self.wanted.append(one)

    def _events(self, first: int) -> Iterator[tuple[int, Event]]:
        events = self.view.record.events
        positions, end = self.entry.events, self.count
        some = min(end, first + _FIRST_EVENTS)
        for position in positions[first:some]:
            yield position, events[position]
        for position in positions[max(some, end - _MOST_EVENTS + _FIRST_EVENTS) : end]:
            yield position, events[position]
