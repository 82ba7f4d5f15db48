"""Text cut to its head and its tail, with a line in between that says how much is missing.

This file also runs inside of the sandbox, so it may import the standard library only.
"""

from __future__ import annotations

import re

_GAP = re.compile(r"\n… (\d{1,15}) characters left out …\n")
_GAP_CHARS = 50


def gap(count: int) -> str:
    """Write the line that stands for so many characters."""
    return f"\n… {count} characters left out …\n"


def excerpt(text: str, most: int) -> str:
    """Cut a text to about `most` characters; what earlier cuts left out of the middle counts."""
    if len(text) <= most:
        return text
    half = max(0, most - _GAP_CHARS) // 2
    end = len(text) - half
    middle = text[half:end]
    earlier = sum(int(match[1]) - len(match[0]) for match in _GAP.finditer(middle))
    return f"{text[:half]}{gap(len(middle) + earlier)}{text[end:]}"
