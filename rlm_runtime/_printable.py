"""Making text from models, files and endpoints safe to show on a terminal."""

from __future__ import annotations

import re

_HIDDEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f"  # control characters: all that starts an escape sequence
    "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"  # these reorder the text around them
    "\u2028\u2029"  # other ends of a line
    "\u200b\u2060-\u2065\ufeff\U000e0000-\U000e007f"  # nobody sees these; joiners of emoji stay
    "\ud800-\udfff]"  # no UTF-8
)


def printable(text: str) -> str:
    r"""Write what a terminal obeys or hides as visible escapes, such as `\x1b`; LF and tab stay."""
    return _HIDDEN.sub(_escape, text.replace("\r\n", "\n"))


def reason(text: str) -> str:
    """Give an error on one line, long enough to hold what went wrong behind model and endpoint."""
    return one_line(text, 240)


def one_line(text: str, width: int = 80) -> str:
    """Give the beginning of a text on one line."""
    # Cut first: a preview of 100 MB must cost nothing
    line = " ".join(printable(text[: 8 * width].replace("\r", "\n")).split())
    return line if len(line) <= width else f"{line[: width - 1]}…"


def _escape(found: re.Match[str]) -> str:
    code = ord(found[0])
    if code < 0x20:
        return f"\\x{code:02x}"
    # As JSON has it, so that JSON on a terminal stays JSON
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"
