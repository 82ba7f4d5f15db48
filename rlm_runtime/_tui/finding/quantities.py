"""Reading the numbers of a filter, with their units."""

from __future__ import annotations

import re

_COUNT = re.compile(r"([0-9]{1,18}(?:\.[0-9]{0,18})?)([kmgKMG]?)")
_DOLLARS = re.compile(r"\$?([0-9]{0,18}\.?[0-9]{0,18})")
_PART = re.compile(r"([0-9]{1,18}(?:\.[0-9]{0,18})?)(ms|min|s|m|h|)")
_FACTORS = {"": 1.0, "k": 1e3, "m": 1e6, "g": 1e9}
_SECONDS = {"ms": 1e-3, "s": 1.0, "": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0}


def read_count(text: str) -> float | None:
    """Read `12`, `1.5k` or `2M`; None where it is no such number."""
    found = _COUNT.fullmatch(text)
    return None if found is None else float(found[1]) * _FACTORS[found[2].lower()]


def read_dollars(text: str) -> float | None:
    """Read `0.01` or `$0.01`; None where it is no such number."""
    found = _DOLLARS.fullmatch(text)
    return None if found is None or found[1] in ("", ".") else float(found[1])


def read_seconds(text: str) -> float | None:
    """Read `90`, `1.5s`, `300ms`, `2m` or `1h2m05`; None where it is no such time."""
    seconds, at = 0.0, 0
    while at < len(text):
        found = _PART.match(text, at)
        if found is None:
            return None
        seconds += float(found[1]) * _SECONDS[found[2]]
        at = found.end()
    return seconds if at else None
