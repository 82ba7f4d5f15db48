"""Keeping the garbage collector away from a record: so many objects that all stay."""

from __future__ import annotations

import gc

_MOST_EVENTS = 2_000


class Collector:
    """The garbage collector, that looks at what is new alone.

    To look at all events of a large run would keep the keys waiting for a quarter of a second.
    """

    def __init__(self) -> None:
        self._events = 0

    def take(self, events: int, *, is_last: bool = False) -> None:
        """Put aside what there is, when there are many more events.

        Args:
            events: How many more there are.
            is_last: Whether no more are to come for now.
        """
        self._events += events
        if self._events >= _MOST_EVENTS or (is_last and self._events):
            self._events = 0
            # What is garbage already would stay for good
            gc.collect(1)
            gc.freeze()
