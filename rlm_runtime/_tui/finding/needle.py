"""What is looked for in texts."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterator
from typing import Protocol

from rlm_runtime._answer_types.patterns import Pattern

PATTERN = "re:"
"""What a pattern begins with."""
_MOST_MATCHED = 200
_OVERLAP = 400
_SLICES = 75
"""Into so many parts is the work cut that a pattern may take: each a few milliseconds."""
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
    """A pattern, looked for in each line; its case counts if there is any upper case in it."""

    def __init__(self, pattern: str) -> None:
        plain = _ESCAPE.sub("", pattern)
        flags = "(?m)" if plain != plain.lower() else "(?im)"
        self._pattern = Pattern(pattern, flags=flags)
        self._whole = Pattern(rf"\A(?:{pattern})\z", flags=flags)
        self._piece = min(_PIECE, max(_OVERLAP, self._pattern.most_chars // _SLICES))

    def search(self, text: str) -> Iterator[int]:
        """Look through a text."""
        for start, piece in self._pieces(text):
            if self._pattern.is_found_in(piece):
                at = 0
                for line in piece.split("\n"):
                    if self._pattern.is_found_in(line):
                        yield start + at + self._begin(line)
                        return
                    at += len(line) + 1
            yield -1

    def matched(self, text: str, at: int) -> str:
        """Give the match that begins at a place, or as much of it as one wants to see."""
        line = text[at : at + _MOST_MATCHED].partition("\n")[0]
        line = _readable(line)
        for end in range(len(line), -1, -1):
            if self._whole.is_found_in(line[:end]):
                return line[:end]
        return ""

    def _pieces(self, text: str) -> Iterator[tuple[int, str]]:
        """Cut a text into pieces of whole lines; only a very long line is cut, too."""
        start = 0
        while True:
            end = start + self._piece
            if end >= len(text):
                yield start, _readable(text[start:])
                return
            line_end = text.rfind("\n", start, end)
            yield start, _readable(text[start : end if line_end < 0 else line_end])
            # What begins at the end of a cut line may end in the next piece
            start = end - _OVERLAP // 2 if line_end < 0 else line_end + 1

    def _begin(self, line: str) -> int:
        """Find where the match that ends first begins in a line."""
        found = self._pattern.is_found_in
        end = bisect_left(range(len(line)), True, key=lambda n: found(line[:n]))
        for start in range(max(0, end - _MOST_MATCHED), end):
            if self._whole.is_found_in(line[start:end]):
                return start
        return end


def _readable(text: str) -> str:
    """Give a text of the same length that is UTF-8."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode()


def make_needle(text: str) -> Needle | None:
    """Make what is looked for from what was typed; None where that is nothing yet.

    Raises:
        ConfigError: It is a pattern that cannot be read.
    """
    if text.startswith(PATTERN):
        pattern = text.removeprefix(PATTERN)
        return PatternNeedle(pattern) if pattern else None
    return PlainNeedle(text) if text else None
