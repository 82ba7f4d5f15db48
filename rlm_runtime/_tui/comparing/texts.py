"""Two texts line by line: which line of one is which of the other, and which words differ."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections import Counter
from collections.abc import Hashable, Sequence
from dataclasses import dataclass

from rlm_runtime._printable import printable

MOST_CHARS = 200_000
MOST_LINES = 20_000
_DEPTH = 30
_LINE_FOR_WORDS = 4000
_WORD = re.compile(r"\w+|\s+|.", re.DOTALL)
_TAB = 4

Marks = tuple[tuple[int, int], ...]
"""Where in a line it differs: begins and ends."""


@dataclass(frozen=True, slots=True)
class LinePair:
    """A line of each text; None where only the other one has it."""

    a: str | None
    b: str | None

    @property
    def is_same(self) -> bool:
        """Tell whether both have the line."""
        return self.a == self.b


def pair_lines(a: str | None, b: str | None) -> list[LinePair]:
    """Pair the lines of two texts, safe to be drawn, in about linear time whatever is in them.

    A text that is None has no line; an empty one has one.
    """
    lines_a = [] if a is None else _lines(a)
    lines_b = [] if b is None else _lines(b)
    pairs: list[LinePair] = []
    at_a = at_b = 0
    for start_a, start_b, length in [*match(lines_a, lines_b), (len(lines_a), len(lines_b), 0)]:
        pairs += _changed(lines_a[at_a:start_a], lines_b[at_b:start_b])
        pairs += [LinePair(line, line) for line in lines_a[start_a : start_a + length]]
        at_a, at_b = start_a + length, start_b + length
    return pairs


def mark_words(a: str, b: str) -> tuple[Marks, Marks]:
    """Tell where two lines differ, word by word."""
    if max(len(a), len(b)) > _LINE_FOR_WORDS:
        return ((0, len(a)),), ((0, len(b)),)
    words_a, words_b = _WORD.findall(a), _WORD.findall(b)
    blocks = match(words_a, words_b)
    same_a = [(start, length) for start, _, length in blocks]
    same_b = [(start, length) for _, start, length in blocks]
    return _marks(words_a, same_a), _marks(words_b, same_b)


def match(a: Sequence[Hashable], b: Sequence[Hashable]) -> list[tuple[int, int, int]]:
    """Find what two sequences share in the same order: where it is in each, and how long.

    Whatever occurs once in both is what the rest is lined up by; so the time does not grow with
    the product of the lengths, as it does for other ways to compare.
    """
    found: list[tuple[int, int, int]] = []
    stack = [(0, len(a), 0, len(b), 0)]
    while stack:
        low_a, high_a, low_b, high_b, depth = stack.pop()
        start_a, start_b = low_a, low_b
        while low_a < high_a and low_b < high_b and a[low_a] == b[low_b]:
            low_a, low_b = low_a + 1, low_b + 1
        found.append((start_a, start_b, low_a - start_a))
        end = high_a
        while low_a < high_a and low_b < high_b and a[high_a - 1] == b[high_b - 1]:
            high_a, high_b = high_a - 1, high_b - 1
        found.append((high_a, high_b, end - high_a))
        if depth < _DEPTH:
            corners = _anchors(a, b, low_a, high_a, low_b, high_b)
            for anchor_a, anchor_b in corners:
                stack.append((low_a, anchor_a, low_b, anchor_b, depth + 1))
                low_a, low_b = anchor_a, anchor_b
            if corners:
                stack.append((low_a, high_a, low_b, high_b, depth + 1))
    return sorted(block for block in found if block[2])


def _anchors(
    a: Sequence[Hashable], b: Sequence[Hashable], low_a: int, high_a: int, low_b: int, high_b: int
) -> list[tuple[int, int]]:
    """Find the most items that are there once in each part and in the same order in both."""
    counts_a = Counter(a[low_a:high_a])
    counts_b = Counter(b[low_b:high_b])
    places_b = {b[at]: at for at in range(low_b, high_b) if counts_b[b[at]] == 1}
    shared = [
        (at, places_b[a[at]])
        for at in range(low_a, high_a)
        if counts_a[a[at]] == 1 and a[at] in places_b
    ]
    tops: list[int] = []
    chain: list[int] = []
    before: list[int] = []
    for number, (_, at_b) in enumerate(shared):
        pile = bisect_left(tops, at_b)
        before.append(chain[pile - 1] if pile else -1)
        tops[pile : pile + 1] = [at_b]
        chain[pile : pile + 1] = [number]
    longest: list[tuple[int, int]] = []
    number = chain[-1] if chain else -1
    while number >= 0:
        longest.append(shared[number])
        number = before[number]
    return longest[::-1]


def _lines(text: str) -> list[str]:
    """Cut a text into lines, and say where not all of it is there."""
    lines = printable(text[:MOST_CHARS]).expandtabs(_TAB).split("\n")
    if len(text) > MOST_CHARS or len(lines) > MOST_LINES:
        lines = [*lines[:MOST_LINES], f"… the rest of {len(text):,} characters is not compared"]
    return lines


def _changed(a: list[str], b: list[str]) -> list[LinePair]:
    """Pair lines that differ, in order."""
    both = min(len(a), len(b))
    pairs = [LinePair(*lines) for lines in zip(a, b, strict=False)]
    pairs += [LinePair(line, None) for line in a[both:]]
    return pairs + [LinePair(None, line) for line in b[both:]]


def _marks(words: list[str], same: list[tuple[int, int]]) -> Marks:
    """Turn what is the same into the places of all that is not."""
    ends = [0]
    for word in words:
        ends.append(ends[-1] + len(word))
    marks = []
    at = 0
    for start, length in [*same, (len(words), 0)]:
        if start > at:
            marks.append((ends[at], ends[start]))
        at = start + length
    return tuple(marks)
