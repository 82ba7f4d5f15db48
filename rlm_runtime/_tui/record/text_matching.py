"""Finding texts, or lines of them, in a context of any size, in about linear time."""

from __future__ import annotations

import os
import re
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence

from rlm_runtime._tui.record.context_map import Interval, merge

SHORTEST = 20
"""Shorter texts are found anywhere, and mean nothing."""
_AT_ONCE = 2**20
_MOST_PLACES = 64
_MOST_EDGE = 20_000
_MOST_SCANNED = 10**9
_LEAST_SCANNED = 500
"""What it costs to look into a short part, as if it were so long."""
_MOST_FRAGMENTS = 40
_BETWEEN = re.compile(r"\\n|\\t|['\"]")

_SMALL = 2 * 2**20
_MOST_WIDENED = 200

Placed = tuple[int, int, int]
"""A line: where it is in its text and in the context, and how long it is."""

Check = Callable[[], None]
"""Called every now and then; what it raises ends the work."""


class Matcher:
    """Finds texts in the parts of a context; feed it all texts once to be fast."""

    def __init__(self, parts: Sequence[str], texts: Sequence[str], check: Check) -> None:
        """Look through the context once, for the lines of all texts.

        Args:
            parts: The texts of the context.
            texts: What will be looked for.
            check: Ends the work.
        """
        self._parts, self._check = parts, check
        self._starts = [0]
        self._by_length: dict[int, list[int]] = defaultdict(list)
        for number, part in enumerate(parts):
            self._by_length[len(part)].append(number)
            self._starts.append(self._starts[-1] + len(part))
        self._left = _MOST_SCANNED
        self._places: dict[str, list[int]] = {}
        for text in texts:
            check()
            for _, line in _lines(text, check):
                self._places.setdefault(line, [])
        self._note_lines()

    def find(self, text: str) -> tuple[Interval, ...]:
        """Find a text in the context: as a whole, or its lines, or pieces of these."""
        whole = text.strip()
        for number in self._by_length.get(len(text), ()):
            if self._parts[number] == text:
                return merge([(self._starts[number], self._starts[number + 1])])
        if len(whole) < SHORTEST:
            return ()
        if self._starts[-1] <= _SMALL and (found := self._scan(whole)):
            return (found,)
        placed, missed = self._place_lines(text)
        intervals = [(start, start + length) for _, start, length in placed]
        intervals += self._widen(text, placed)
        if not placed and "\n" in whole and (found := self._scan(whole)):
            return (found,)
        for line in missed[:_MOST_FRAGMENTS]:
            intervals += self._find_fragments(line)
        return merge(intervals)

    def _place_lines(self, text: str) -> tuple[list[Placed], list[str]]:
        """Place the lines of a text in the context; give also those that are not in it."""
        placed: list[Placed] = []
        missed: list[str] = []
        after = 0
        for at, line in _lines(text, self._check):
            places = self._places.get(line)
            if not places:
                missed.append(line)
                continue
            # A line that is there several times is most likely the one below what came before
            number = bisect_left(places, after)
            start = places[number if number < len(places) else 0]
            placed.append((at, start, len(line)))
            after = start + len(line)
        return placed, missed

    def _widen(self, text: str, placed: list[Placed]) -> list[Interval]:
        """Widen matches to both sides, where lines of which only a piece is there may be."""
        widened: list[Interval] = []
        before = None
        for number, (at, start, length) in enumerate(placed):
            goes_on = before == start - at
            before = start - at
            is_last = (
                number + 1 == len(placed) or placed[number + 1][1] - placed[number + 1][0] != before
            )
            if goes_on and not is_last:
                continue
            if len(widened) >= _MOST_WIDENED:
                return widened
            widened.append(self._widened(text, at, start, length))
        return widened

    def _find_fragments(self, line: str) -> Iterator[Interval]:
        """Find a line, or what is between quotes in it, within longer lines."""
        for piece in [line, *_BETWEEN.split(line, maxsplit=_MOST_FRAGMENTS)]:
            if len(piece.strip()) >= SHORTEST:
                found = self._scan(piece.strip())
                if found:
                    yield found
                    if piece is line:
                        return

    def _widened(self, text: str, at: int, start: int, length: int) -> Interval:
        """Widen a match to both sides as far as text and context are the same."""
        number = bisect_left(self._starts, start + 1) - 1
        part, place = self._parts[number], start - self._starts[number]
        before_a = text[max(0, at - _MOST_EDGE) : at][::-1]
        before_b = part[max(0, place - _MOST_EDGE) : place][::-1]
        after_a = text[at + length : at + length + _MOST_EDGE]
        after_b = part[place + length : place + length + _MOST_EDGE]
        left = len(os.path.commonprefix([before_a, before_b]))
        right = len(os.path.commonprefix([after_a, after_b]))
        return start - left, start + length + right

    def _scan(self, piece: str) -> Interval | None:
        """Find a piece as it is, as long as there has not been too much to look through."""
        for number, part in enumerate(self._parts):
            # In slices: to look through 100 MB at once would hold the interpreter's lock
            for low in range(0, len(part), _AT_ONCE):
                if self._left < 0:
                    return None
                self._check()
                high = low + _AT_ONCE + len(piece)
                self._left -= max(_LEAST_SCANNED, min(len(part), high) - low)
                at = part.find(piece, low, high)
                if at >= 0:
                    return self._starts[number] + at, self._starts[number] + at + len(piece)
        return None

    def _note_lines(self) -> None:
        """Note where the lines are that are looked for."""
        for number, part in enumerate(self._parts):
            for at, line in _lines(part, self._check):
                places = self._places.get(line)
                if places is not None and len(places) < _MOST_PLACES:
                    places.append(self._starts[number] + at)


def _lines(text: str, check: Check) -> Iterator[tuple[int, str]]:
    """Give the lines of a text that are long enough, without the space around them."""
    low = 0
    while low < len(text):
        check()
        high = low + _AT_ONCE
        if high < len(text):
            # A line that is longer than this is cut: pieces of it may be found all the same
            newline = text.rfind("\n", low, high)
            high = newline + 1 if newline >= 0 else high
        at = low
        for line in text[low:high].split("\n"):
            stripped = line.strip()
            if len(stripped) >= SHORTEST:
                yield at + line.index(stripped[0]), stripped
            at += len(line) + 1
        low = high
