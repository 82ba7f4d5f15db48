"""What all events have."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """What all events have."""

    seq: int = -1
    """Number of the event in its run, from 0."""
    time: float = 0.0
    """Seconds since the epoch."""
    mono: float = 0.0
    """Seconds on a clock that never goes back."""
