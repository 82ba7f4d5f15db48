"""What is looked for in texts."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Protocol

from rlm_runtime._tui.finding.automaton import Automaton
from rlm_runtime._tui.finding.patterns import read_pattern

PATTERN = "re:"
"""What a pattern begins with."""
_MOST_MATCHED = 200
_PATTERN_PIECE = 4 * 2**10
_ESCAPE = re.compile(r"\\.", re.DOTALL)
_PIECE = 64 * 2**10
"""So many characters are looked through at once: a part of a millisecond."""


class Needle(Protocol):
    """What is looked for."""

    def search(self, text: str) -> Iterator[int]:
        """Look through a text, piece by piece.

        It gives -1 for each piece with nothing in it, and, as the last one, where it was found: a
        place in the match, or its end.
        """
        ...

    def matched(self, text: str, at: int) -> str:
        """Give what was found at a place of a text."""
        ...


class PlainNeedle:
    """A text; its case counts if there is any upper case in it."""

    def __init__(self, text: str) -> None:
        self._is_exact = text != text.lower()
        self._text = text

    def search(self, text: str) -> Iterator[int]:
        """Look through a text."""
        for start in range(0, max(1, len(text)), _PIECE):
            # What begins in one piece may end in the next
            piece = text[start : start + _PIECE + len(self._text) - 1]
            at = (piece if self._is_exact else piece.lower()).find(self._text)
            if at >= 0:
                yield start + at
                return
            yield -1

    def matched(self, text: str, at: int) -> str:
        """Give what was looked for."""
        return self._text


class PatternNeedle:
    """A pattern; its case counts if there is any upper case in it."""

    def __init__(self, pattern: str) -> None:
        plain = _ESCAPE.sub("", pattern)
        self._automaton = Automaton(*read_pattern(pattern, exact=plain != plain.lower()))

    def search(self, text: str) -> Iterator[int]:
        """Look through a text."""
        state = self._automaton.start
        for start in range(0, len(text), _PATTERN_PIECE):
            state, at = self._automaton.ends(state, text[start : start + _PATTERN_PIECE])
            if at >= 0:
                yield start + at
                return
            yield -1
        yield len(text) if self._automaton.is_found_at_end(state) else -1

    def matched(self, text: str, at: int) -> str:
        """Give the match that goes over a place, or as much of it as one wants to see."""
        for start in range(max(0, at - _MOST_MATCHED), at + 1):
            end = self._automaton.longest(text, start, _MOST_MATCHED)
            if end >= at:
                return text[start:end]
        return ""


def make_needle(text: str) -> Needle | None:
    """Make what is looked for from what was typed; None where that is nothing yet.

    Raises:
        PatternError: It is a pattern that cannot be read.
    """
    if text.startswith(PATTERN):
        pattern = text.removeprefix(PATTERN)
        return PatternNeedle(pattern) if pattern else None
    return PlainNeedle(text) if text else None
