"""Playing a run in its own time; without a terminal, and without a clock."""

from __future__ import annotations

from bisect import bisect_right

from rlm_runtime._tui.record.record import Record

SPEEDS = (0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0)
IDLE_SECONDS = 1.0
"""A gap between two events that is longer than this is idle time."""
SKIPPED_SECONDS = 0.3
"""So long takes any idle gap where idle time is skipped, at speed 1."""


class Playback:
    """Where a run is that is being played: after an event, and some time on towards the next."""

    def __init__(self, record: Record, position: int) -> None:
        self.position = position
        self._record = record
        self._now = record.time(position)

    @property
    def is_at_end(self) -> bool:
        """Whether it has come to the last event there is."""
        return self.position >= self._record.last

    def advance(self, elapsed: float, *, skip_idle: bool = False) -> int:
        """Go on for some seconds of the run; give the position then.

        It waits at the last event, and goes on from there if more come.

        Args:
            elapsed: The seconds that went by, times the speed; not negative.
            skip_idle: Whether an idle gap passes as if it were short.
        """
        while elapsed > 0 and not self.is_at_end:
            gap = self._idle_gap(elapsed) if skip_idle else None
            if gap is None:
                self._go_to(self._now + elapsed)
                break
            elapsed = self._cross(gap, elapsed)
        return self.position

    def _idle_gap(self, elapsed: float) -> int | None:
        """Find the event before the first idle gap that begins within some seconds."""
        seconds = self._record.seconds
        for at in range(self.position, self._record.last):
            if seconds[at] > self._now + elapsed:
                break
            if seconds[at + 1] - seconds[at] > IDLE_SECONDS:
                return at
        return None

    def _cross(self, gap: int, elapsed: float) -> float:
        """Go up to a gap and through as much of it as there is time for; give what is left."""
        seconds = self._record.seconds
        start = max(self._now, seconds[gap])
        left = elapsed - (start - self._now)
        length = seconds[gap + 1] - seconds[gap]
        needed = SKIPPED_SECONDS * (seconds[gap + 1] - start) / length
        if left < needed:
            self._go_to(start + left / SKIPPED_SECONDS * length)
            return 0.0
        self._go_to(seconds[gap + 1])
        return left - needed

    def _go_to(self, now: float) -> None:
        record = self._record
        self._now = min(now, record.time(record.last))
        self.position = record.position_at(self._now)


def next_speed(speed: float, by: int) -> float:
    """Give the next faster speed, or the next slower one if `by` is negative."""
    at = bisect_right(SPEEDS, speed) - 1 + (1 if by > 0 else -1)
    return SPEEDS[min(max(0, at), len(SPEEDS) - 1)]
