"""How many calls at once one model takes, as its endpoint lets it be known. No I/O, no clock."""

from __future__ import annotations

import math


class Width:
    """Narrows by half when the endpoint is congested, and widens by one a round of successes.

    It has no bound before the first congestion: what was never refused is not held back.
    """

    def __init__(self) -> None:
        self.in_flight = 0
        self.has_answered = False
        """Whether the model ever did."""
        self.resumes_at = -math.inf
        """When the pause ends that the endpoint asked for."""
        self._width = math.inf
        self._narrowed_at = -math.inf

    def __repr__(self) -> str:
        return f"Width({self._width:.1f}, in_flight={self.in_flight})"

    @property
    def most(self) -> float:
        """The most attempts that may be in flight now."""
        return self._width

    def has_room(self, now: float) -> bool:
        """Tell whether one more attempt may begin."""
        return now >= self.resumes_at and self.in_flight + 1 <= self._width

    def widen(self) -> None:
        """Learn that an attempt succeeded; it counts while the width holds others back."""
        self.has_answered = True
        if self.in_flight + 1 > self._width:
            self._width += 1 / self._width

    def narrow(self, *, began: float, now: float) -> None:
        """Learn that an attempt that began then was refused.

        The attempts that were under way when the width last narrowed say nothing new: a burst
        of refusals is one.
        """
        if began < self._narrowed_at:
            return
        self._width = max(1.0, min(self._width, self.in_flight) / 2)
        self._narrowed_at = now

    def pause(self, until: float) -> None:
        """Let nothing begin until then."""
        self.resumes_at = max(self.resumes_at, until)
