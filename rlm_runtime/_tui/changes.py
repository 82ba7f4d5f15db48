"""Drawing anew only what has changed of a pane: a step changes little, and a line may be slow."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import takewhile

from rich.cells import cell_len
from rich.segment import Segment
from textual.geometry import Region
from textual.strip import Strip
from textual.widget import Widget


class Changes:
    """The lines of a pane as they were drawn last."""

    def __init__(self, pane: Widget, make_line: Callable[[int], Strip]) -> None:
        self._pane = pane
        self._make_line = make_line
        self._drawn: dict[int, Strip] = {}
        self._changed: dict[int, tuple[int, int]] = {}

    def line(self, y: int) -> Strip:
        """Give a line that is drawn now."""
        strip = self._drawn[y] = self._make_line(y)
        first, end = self._changed.pop(y, (0, 0))
        if not first < end:
            return strip
        if end - first >= strip.cell_length:
            return strip
        # Segments are written whole: cut there, those beside what has changed are not
        parts = [strip.crop(0, first), strip.crop(first, end), strip.crop(end)]
        return Strip([segment for part in parts for segment in part], strip.cell_length)

    def refresh(self) -> None:
        """Have all be drawn that is not as it was drawn last."""
        regions = list(self._find())
        if regions:
            self._pane.refresh(*regions)

    def _find(self) -> Iterator[Region]:
        width, height = self._pane.size
        self._changed.clear()
        for y in range(height):
            drawn = self._drawn.get(y)
            first, end = (0, width) if drawn is None else difference(drawn, self._make_line(y))
            if first < end:
                self._changed[y] = first, end
                yield Region(first, y, end - first, 1)


def difference(before: Strip, after: Strip) -> tuple[int, int]:
    """Give the first column where two strips differ, and the one after the last.

    Both are 0 where they are the same.
    """
    old, new = list(before), list(after)
    if old == new:
        return 0, 0
    width = max(before.cell_length, after.cell_length)
    first = _same(old, new, 1)
    if before.cell_length != after.cell_length:
        return first, width
    return first, max(first + 1, width - _same(old[::-1], new[::-1], -1))


def _same(old: list[Segment], new: list[Segment], by: int) -> int:
    """Count the cells at the beginning that are the same; `by` -1: of segments from the end."""
    same = 0
    for one, other in zip(old, new, strict=False):
        if one == other:
            same += one.cell_length
            continue
        if one.style == other.style:
            same += _same_of_text(one.text[::by], other.text[::by])
        break
    return same


def _same_of_text(one: str, other: str) -> int:
    pairs: Iterable[tuple[str, str]] = zip(one, other, strict=False)
    count = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))
    # What takes no cell belongs to what is beside it
    while count and not all(map(cell_len, one[count - 1 : count + 1] + other[count : count + 1])):
        count -= 1
    return cell_len(one[:count])
