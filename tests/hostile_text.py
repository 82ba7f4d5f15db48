"""Texts that try to steer a terminal, and what must not be in anything that is shown on one."""

from __future__ import annotations

import re

HOSTILE = {
    "colour": "\x1b[31mred\x1b[0m",
    "screen": "\x1b[2J\x1b[H\x1bc",
    "title": "\x1b]0;pwned\x07",
    "clipboard": "\x1b]52;c;Y3VybA==\x1b\\",
    "link": "\x1b]8;;http://evil.example\x1b\\click\x1b]8;;\x1b\\",
    "device": "\x1bP$q\x1b\\\x1b[6n\x1b[5i",
    "c1": "\x9b31m\x90q\x9c\x9d0;t\x9c\x85",
    "controls": "\x00\x07\x08\x0b\x0c\x0e\x7f",
    "return": "safe\rrm -rf",
    "bidi": "\u202egnp.exe\u202c\u2066x\u2069\u200e\u200f\u061c",
    "lines": "a\u2028b\u2029c",
    "unseen": "\ufeffa\u200bb\u2060c\U000e0041",
    "nested": "\x1b\x1b[[31m\x1b]\x1b[0m\x1b",
    "markup": "[bold]x[/b] {0} %s",
}
ALL = " ".join(HOSTILE.values())
"""All of them as UTF-8 holds them."""

OBEYED = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ufeff"
    "\ud800-\udfff\U000e0000-\U000e007f]"
)
"""What a terminal obeys, or does not show."""
