"""Where a record comes from: a trace, whole or growing, read in batches beside the event loop."""

from __future__ import annotations

import os
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from threading import Lock
from typing import Literal, TypeVar

import anyio
import anyio.to_thread

from rlm_runtime._errors import TraceError
from rlm_runtime._events import Event
from rlm_runtime._trace.places import is_being_written
from rlm_runtime._trace.reader import Trace, open_trace
from rlm_runtime._tui.record.shortening import Shortener

_AT_ONCE = 500
_FOLLOW_SECONDS = 0.1
_WATCH_SECONDS = 1.0
_MOST_VALUE = 256 * 2**20

State = Literal["reading", "growing", "still"]
"""What is on disk is being read; the run goes on; nobody writes the trace (any more)."""

_R = TypeVar("_R")


@dataclass(frozen=True, slots=True)
class Batch:
    """Some more events, and what is known of the trace after them."""

    events: Sequence[tuple[Event, int, bool]]
    """Each with the place in the file, and whether its texts are shortened."""
    state: State
    damage: str = ""
    """Why nothing more can be read."""


class Source:
    """A trace that is open for the viewer; `open_source` makes it."""

    def __init__(self, path: Path, trace: Trace) -> None:
        self.path = path
        self._trace = trace
        self._shortener = Shortener()
        # One trace for the reader of batches and for those who look things up
        self._lock = Lock()
        self.part_read = 0.0
        """How much of what is on disk has been read; from 0 to 1."""
        self._was = os.stat(path)
        self._is_growing = False

    async def batches(self) -> AsyncGenerator[Batch, None]:
        """Give the events as they come, and an empty batch whenever there are no more for now.

        It never ends: a run that stopped or crashed can be resumed, and goes on in its trace.
        """
        state: State = "reading"
        while True:
            # Asked first: what a writer that ends meanwhile has written is then read
            growing, lost = await anyio.to_thread.run_sync(self._look)
            while True:
                events, damage = await anyio.to_thread.run_sync(self._take)
                if damage:
                    yield Batch(events, "still", damage)
                    return
                if not events:
                    break
                yield Batch(events, state, lost)
            state = "growing" if growing else "still"
            yield Batch((), state, lost)
            await anyio.sleep(_FOLLOW_SECONDS if growing else _WATCH_SECONDS)

    async def event(self, place: int) -> Event:
        """Read the event at a place in the file, with its whole texts.

        Raises:
            TraceError: It cannot be read any more.
        """
        return await self._look_up(lambda trace: trace.event_at(place))

    async def value(self, ref: str) -> object:
        """Read the value that an event names.

        Raises:
            TraceError: It is not there, damaged, or too large to be shown.
        """
        return await self._look_up(lambda trace: trace.value(ref))

    async def _look_up(self, find: Callable[[Trace], _R]) -> _R:
        def look_up() -> _R:
            with self._lock:
                return find(self._trace)

        return await anyio.to_thread.run_sync(look_up)

    def _look(self) -> tuple[bool, str]:
        """Tell whether the run goes on, and what became of the file if it is not there."""
        try:
            is_same = os.path.samestat(os.stat(self.path), self._was)
        except OSError as exc:
            return self._is_growing, f"The file of the trace is gone: {exc.strerror}"
        if not is_same:
            return self._is_growing, "Another file has taken the place of this trace"
        self._is_growing = is_being_written(self.path)
        return self._is_growing, ""

    def _take(self) -> tuple[list[tuple[Event, int, bool]], str]:
        """Read some of the new events, and tell what is wrong with those after them."""
        taken: list[tuple[Event, int, bool]] = []
        with self._lock:
            try:
                for place, event in islice(self._trace.new_placed_events(), _AT_ONCE):
                    short, cut = self._shortener.shorten(event)
                    taken.append((short, place, cut))
            except TraceError as exc:
                return taken, str(exc)
        if taken:
            # A file that is gone is still read to its end
            with suppress(OSError):
                self.part_read = min(1.0, taken[-1][1] / max(1, self.path.stat().st_size))
        return taken, ""


@asynccontextmanager
async def open_source(path: Path) -> AsyncIterator[Source]:
    """Open a trace for the viewer, for the length of the block.

    Raises:
        TraceError: It cannot be read, or is no trace that this release understands.
    """
    with open_trace(path, max_value=_MOST_VALUE) as trace:
        try:
            source = Source(path, trace)
        except OSError as exc:
            raise TraceError(f"Cannot read trace {str(path)!r}: {exc.strerror}") from exc
        yield source
