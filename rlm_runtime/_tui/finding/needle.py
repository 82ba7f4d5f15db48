"""What is looked for in texts."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

_PIECE = 64 * 2**10
"""So many characters are looked through at once: a part of a millisecond."""


class Needle(Protocol):
    """What is looked for."""

    def search(self, text: str) -> Iterator[int]:
        """Look through a text, piece by piece.

        It gives -1 for each piece with nothing in it, and, as the last one, where it was found.
        """
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


def make_needle(text: str) -> Needle:
    """Make what is looked for from what was typed."""
    return PlainNeedle(text)
