"""Making text from models and files safe to show on a terminal."""

from __future__ import annotations

import re

_ESCAPE_SEQUENCE = re.compile(
    r"\x1b[\]PX^_][^\x07\x1b\x9c\n]{0,1000}(?:\x07|\x1b\\|\x9c)"  # titles, links, clipboard
    r"|(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]"  # colours, cursor
    r"|\x1b[ -/]*[0-~]"
)
_CONTROL = re.compile(
    r"[\x00-\x08\x0b-\x1f\x7f-\x9f"
    r"\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"  # these reorder the text around them
    r"\ud800-\udfff]"
)


def printable(text: str) -> str:
    """Take out escape sequences and control characters, but for newlines and tabs."""
    return _CONTROL.sub("", _ESCAPE_SEQUENCE.sub("", text))


def reason(text: str) -> str:
    """Give an error on one line, long enough to hold what went wrong behind model and endpoint."""
    return one_line(text, 240)


def one_line(text: str, width: int = 80) -> str:
    """Give the beginning of a text on one line."""
    # Cut first: a preview of 100 MB must cost nothing
    line = " ".join(printable(text[: 8 * width].replace("\r", "\n")).split())
    return line if len(line) <= width else f"{line[: width - 1]}…"
