"""Writing amounts in few characters, so that columns of them are narrow."""

from __future__ import annotations

import math

_STEPS = "kMGTPEZYRQ"
_MOST_COUNT = 1e32
_MOST_DOLLARS = 1e15


def short_count(count: float) -> str:
    """Write a count in at most five characters: `812`, `1.2k`, `13.4M`."""
    if count < 1000:
        return str(int(count))
    if count > _MOST_COUNT:
        return "lots"
    for step in _STEPS:
        count /= 1000
        # As it would be written: 999.96k is 1.0M
        if round(count, 1) < 100:
            return f"{count:.1f}{step}"
        if round(count) < 1000:
            return f"{count:.0f}{step}"
    return "lots"


def short_money(dollars: float) -> str:
    """Write US dollars in at most seven characters: `$0.0004`, `$1.2345`, `$13.40`, `$12.3k`."""
    if not dollars > 0:
        return "$0"
    if dollars < 0.00005:
        return "<$.0001"
    for most, digits in ((10, 4), (1000, 2), (10_000, 0)):
        text = f"{dollars:.{digits}f}"
        if float(text) < most:
            return f"${text}"
    return f"${short_count(min(dollars, _MOST_DOLLARS))}"


def short_cost(cost: float | None, known: float) -> str:
    """Write a cost in at most seven characters.

    Args:
        cost: In US dollars; None where a part of it is not known.
        known: The part of it that is known.
    """
    if cost is not None:
        return short_money(cost)
    return f"{short_money(known)[:6]}+" if known >= 0.00005 else "?"


def short_time(seconds: float) -> str:
    """Write a time in at most six characters: `3.4 s`, `2m05`, `1h02m`, `3d04h`."""
    if not math.isfinite(seconds) or seconds < 0:
        return "?"
    if round(seconds, 1) < 60:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 3600:
        return f"{whole // 60}m{whole % 60:02}"
    minutes = whole // 60
    if minutes < 24 * 60:
        return f"{minutes // 60}h{minutes % 60:02}m"
    days, hours = divmod(minutes // 60, 24)
    return f"{days}d{hours:02}h" if days < 100 else f"{short_count(days)}d"
