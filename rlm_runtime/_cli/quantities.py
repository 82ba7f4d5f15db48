"""Times and sizes as users type them, and sizes as they are shown."""

from __future__ import annotations

import re
import time
from datetime import datetime

import click

_DURATION = re.compile(r"(\d+(?:\.\d+)?) ?([smhdw])", re.ASCII)
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
_SIZE = re.compile(r"(\d+(?:\.\d+)?) ?([kmgt]?)(i?)b?", re.ASCII | re.IGNORECASE)
_UNITS = ("", "k", "m", "g", "t")


def read_moment(ctx: click.Context, param: click.Parameter, value: str | None) -> float | None:
    """Read a time, given by how long ago it was or as an ISO date, in seconds since the epoch.

    It is the callback of an option.
    """
    if value is None:
        return None
    text = value.strip()
    try:
        if found := _DURATION.fullmatch(text.lower()):
            return time.time() - float(found[1]) * _SECONDS[found[2]]
        # Without an offset it is local time
        return datetime.fromisoformat(text).timestamp()
    except (ValueError, OverflowError, OSError) as exc:
        raise click.BadParameter(
            f"{text!r} is neither a duration such as 2h or 7d nor an ISO date", ctx, param
        ) from exc


def read_size(ctx: click.Context, param: click.Parameter, value: str | None) -> int | None:
    """Read a number of bytes, such as `2GB` or `500 MiB`; it is the callback of an option."""
    if value is None:
        return None
    found = _SIZE.fullmatch(value.strip())
    if found is None or (found[3] and not found[2]):
        raise click.BadParameter(f"{value!r} is no size such as 500MB or 2GiB", ctx, param)
    base = 1024 if found[3] else 1000
    return int(float(found[1]) * base ** _UNITS.index(found[2].lower()))


def describe_size(size: int) -> str:
    """Write a number of bytes with three digits or so."""
    if size < 1000:
        return f"{size} B"
    amount = float(size)
    for unit in ("kB", "MB", "GB"):
        amount /= 1000
        if amount < 999.5:
            return f"{amount:.3g} {unit}"
    return f"{amount / 1000:,.1f} TB"
