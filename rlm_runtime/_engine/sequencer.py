"""The order in which the code of a node that is rebuilt gets what it got before."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import anyio

Name = tuple[str, int, int]
"""What a milestone is of: a kind, and two numbers."""


@dataclass(frozen=True, slots=True)
class Milestone:
    """Something that the node did, or got."""

    seq: int
    """Its place in the order."""
    name: Name
    patience: float
    """Seconds after the last one in which it should come; inf where it is certain to come."""


class Sequencer:
    """Holds each outcome back until all has passed that came before it.

    Where the code goes another way than it went, what it does not do again holds nothing back for
    longer than it took the first time, and a little more.
    """

    def __init__(
        self,
        milestones: Iterable[Milestone] = (),
        *,
        clock: Callable[[], float] = anyio.current_time,
    ) -> None:
        self._left = {one.name: one for one in sorted(milestones, key=lambda one: one.seq)}
        self._clock = clock
        self._moved = -math.inf
        self._news: anyio.Event | None = None
        self._waiting: list[float] = []

    @property
    def is_over(self) -> bool:
        """Whether all has passed."""
        return not self._left

    def pass_by(self, name: Name) -> None:
        """Note that something has happened again; what is not in the record does not matter."""
        if self._left.pop(name, None) is not None:
            self._move()

    def end(self) -> None:
        """Hold nothing back any more."""
        self._left.clear()
        self._move()

    async def wait_turn(self, name: Name) -> None:
        """Wait until all has passed that came before; then this has passed, too."""
        if (milestone := self._left.get(name)) is not None:
            await self._wait(milestone.seq)
            self.pass_by(name)

    async def wait_over(self) -> None:
        """Wait until all has passed."""
        await self._wait(math.inf)

    async def _wait(self, seq: float) -> None:
        if self._moved == -math.inf:
            self._moved = self._clock()
        self._waiting.append(seq)
        try:
            while (first := self._first()) is not None and first.seq < seq:
                if self._news is None:
                    self._news = anyio.Event()
                with anyio.CancelScope(deadline=self._moved + first.patience):
                    await self._news.wait()
                    continue
                if self._is_stalled(first) and min(self._waiting) == seq:
                    self._skip(seq)
        finally:
            self._waiting.remove(seq)
            # Another one may be the first of those that wait now
            self._tell()

    def _first(self) -> Milestone | None:
        return next(iter(self._left.values()), None)

    def _is_stalled(self, first: Milestone) -> bool:
        return first is self._first() and self._clock() >= self._moved + first.patience

    def _skip(self, seq: float) -> None:
        """Give up what did not come again before its time."""
        self._left = {name: one for name, one in self._left.items() if one.seq >= seq}
        self._move()

    def _move(self) -> None:
        self._moved = self._clock()
        self._tell()

    def _tell(self) -> None:
        if self._news is not None:
            self._news.set()
            self._news = None
