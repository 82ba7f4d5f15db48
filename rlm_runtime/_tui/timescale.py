"""Time to scale: which column shows which seconds, where ticks go, how seconds are written."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

_SHORTEST = 1e-3
_STEPS = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 21600, 43200, 86400)
_ROOM = (1.0, 1.25, 1.6, 2.0, 2.5, 3.2, 4.0, 5.0, 6.4, 8.0)


@dataclass(frozen=True, slots=True)
class TimeScale:
    """So many columns that show a stretch of time."""

    start: float
    """The seconds at the left edge."""
    length: float
    """The seconds of all columns together; never 0."""
    width: int

    def place(self, seconds: float) -> float:
        """Give where a time is, in columns and parts of them; it may be outside."""
        return (seconds - self.start) / self.length * self.width

    def column(self, seconds: float) -> int:
        """Give the column of a time; the first or last one where it is outside."""
        return min(max(0, int(self.place(seconds))), max(0, self.width - 1))

    def seconds(self, column: float) -> float:
        """Give the time at the left edge of a column."""
        return self.start + column / max(1, self.width) * self.length

    @property
    def end(self) -> float:
        """The seconds at the right edge."""
        return self.start + self.length

    def ticks(self, room: int = 10) -> Iterator[tuple[int, str]]:
        """Give columns with a round time and what it is, each with some room to the next."""
        if self.width < 1:
            return
        step = round_step(self.length * room / self.width)
        first = math.ceil(self.start / step - 1e-9)
        for number in range(first, first + self.width):
            column = int(self.place(number * step) + 1e-6)
            if column >= self.width:
                return
            yield column, tell_time(number * step, step)


def scale_to(whole: float, width: int, *, growing: bool = False) -> TimeScale:
    """Give the scale for a whole run; one that grows gets room, so that it seldom changes."""
    whole = max(whole, _SHORTEST)
    if growing:
        power = 10.0 ** math.floor(math.log10(whole))
        whole = power * next((one for one in _ROOM if one * power >= whole), 10.0)
    return TimeScale(0.0, whole, width)


def round_step(least: float) -> float:
    """Give a round number of seconds that is not less than this."""
    if least >= _STEPS[-1]:
        return _STEPS[-1] * math.ceil(least / _STEPS[-1])
    if least > 0.5:
        return next(float(step) for step in _STEPS if step >= least)
    power = 10.0 ** math.floor(math.log10(max(least, 1e-9)))
    return next(step * power for step in (1.0, 2.0, 5.0, 10.0) if step * power >= least * 0.999)


def tell_time(seconds: float, step: float = 1.0) -> str:
    """Write a time of the run, as exactly as steps of so many seconds need it."""
    digits = 0 if step >= 1 else min(6, max(0, math.ceil(-math.log10(step) - 1e-9)))
    seconds = round(seconds, digits)
    if seconds < 60 and digits:
        return f"{seconds:.{digits}f}s"
    minutes, rest = divmod(seconds, 60)
    hours, minutes = divmod(int(minutes), 60)
    if digits and not hours:
        return f"{minutes}m{rest:0{3 + digits}.{digits}f}"
    if hours:
        return f"{hours}h{minutes:02d}" if step >= 60 else f"{hours}h{minutes:02d}:{int(rest):02d}"
    if minutes:
        return f"{minutes}m{int(rest):02d}"
    return f"{int(rest)}s"


def tell_duration(seconds: float) -> str:
    """Write how long something took."""
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 100:
        return f"{seconds:.2f} s"
    return tell_time(seconds)
