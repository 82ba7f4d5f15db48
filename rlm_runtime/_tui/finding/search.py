"""Looking for a text in all events of a record, in small steps."""

from __future__ import annotations

import time
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Generator
from dataclasses import dataclass

import anyio

from rlm_runtime._errors import TraceError
from rlm_runtime._events import Event
from rlm_runtime._tui.finding.needle import Needle
from rlm_runtime._tui.finding.texts import texts_of
from rlm_runtime._tui.record.record import Record
from rlm_runtime._tui.source import Source

_SLICE = 0.004
"""So many seconds may pass before the keys have their turn."""
_PAUSE = 0.001
_BEFORE, _AFTER = 40, 160


@dataclass(frozen=True, slots=True)
class Hit:
    """Something that was found in an event."""

    name: str
    """What the text is called."""
    around: str
    """Some of the text, with what was looked for in it."""
    matched: str
    """What was found, word for word."""


_Place = tuple[str, str, int]
"""What a text is called, the text, and where in it something was found."""


class Search:
    """One search through one record, that goes on as the record grows."""

    def __init__(self, record: Record, needle: Needle) -> None:
        self.found: list[int] = []
        """The positions of the events that it is in."""
        self.entries: dict[int, int] = {}
        """By id of each entry that it is in: the first position."""
        self._record = record
        self._needle = needle
        self._next = 0
        self._far: dict[int, Hit] = {}
        """What was found further on than the record has of an event."""

    @property
    def is_done(self) -> bool:
        """Whether all events were looked through that there are so far."""
        return self._next > self._record.last

    def place(self, position: int) -> int:
        """Tell where in the file an event begins."""
        return self._record.places[position]

    def steps(self) -> Generator[int | None, Event | None, None]:
        """Look through what there is: one step for each event, and several for a long one.

        A step gives the position of an event whose whole texts are needed, else None, and is sent
        that event, or None where there is none.
        """
        record = self._record
        while self._next <= record.last:
            position = self._next
            hit = yield from self._look(record.events[position])
            if hit is None and position in record.cut:
                event = yield position
                if event is not None:
                    hit = yield from self._look(event)
                    if hit is not None:
                        self._far[position] = self._tell(*hit)
            if hit is not None:
                self._note(position)
            self._next = position + 1

    def next(self, position: int, by: int) -> int | None:
        """Give the next position where it is, after one or before it; around the end too."""
        if not self.found:
            return None
        if by > 0:
            return self.found[bisect_right(self.found, position) % len(self.found)]
        return self.found[bisect_left(self.found, position) - 1]

    def number(self, position: int) -> int:
        """Tell which match is at a position, from 1; 0 where there is none."""
        number = bisect_right(self.found, position)
        return number if number and self.found[number - 1] == position else 0

    def hit(self, position: int) -> Hit | None:
        """Tell what was found at a position."""
        if not self.number(position):
            return None
        if position in self._far:
            return self._far[position]
        steps = self._look(self._record.events[position])
        while True:
            try:
                next(steps)
            except StopIteration as end:
                return None if end.value is None else self._tell(*end.value)

    def _look(self, event: Event) -> Generator[None, Event | None, _Place | None]:
        for name, text in texts_of(event):
            for at in self._needle.search(text):
                if at >= 0:
                    return name, text, at
                yield
        return None

    def _tell(self, name: str, text: str, at: int) -> Hit:
        start = max(0, at - _BEFORE)
        around = ("…" if start else "") + text[start : at + _AFTER]
        return Hit(name, around, self._needle.matched(text, at))

    def _note(self, position: int) -> None:
        self.found.append(position)
        owner = self._record.owners[position]
        if owner is not None:
            self.entries.setdefault(owner.id, position)


async def look_through(search: Search, source: Source, tell: Callable[[], None]) -> None:
    """Look through all that there is, and give others their turn every few milliseconds.

    Args:
        search: It.
        source: Where the whole texts are.
        tell: Called whenever others have their turn.
    """
    steps = search.steps()
    answer: Event | None = None
    until = time.monotonic() + _SLICE
    while True:
        try:
            asked = steps.send(answer)
        except StopIteration:
            return
        answer = None
        if asked is not None:
            tell()
            answer = await _whole(search, source, asked)
            until = time.monotonic() + _SLICE
        elif time.monotonic() > until:
            tell()
            await anyio.sleep(_PAUSE)
            until = time.monotonic() + _SLICE


async def _whole(search: Search, source: Source, position: int) -> Event | None:
    try:
        return await source.event(search.place(position))
    except TraceError:
        return None
