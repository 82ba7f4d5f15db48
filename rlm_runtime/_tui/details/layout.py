"""A document as lines of a width; each is made when it is seen."""

from __future__ import annotations

from bisect import bisect_right
from itertools import accumulate

from rlm_runtime._tui.details.document import (
    Block,
    Code,
    Document,
    Heading,
    Pairs,
    Pieces,
    Rule,
    Table,
    Words,
)
from rlm_runtime._tui.details.lines import Line, Lines, TableLines, heading, pairs, pieces, rule
from rlm_runtime._tui.details.text_lines import TextLines

_MOST_BLOCKS = 1_000


class Layout:
    """The lines of a document for a width."""

    def __init__(
        self, document: Document, width: int, *, wrapped: bool = True, before: Layout | None = None
    ) -> None:
        """Lay out a document.

        Args:
            document: What the page says.
            width: Of the pane, in cells.
            wrapped: Whether long lines go on below themselves.
            before: What was shown before: the texts that both have are taken over from it.
        """
        self.document, self.width, self.wrapped = document, width, wrapped
        self._kept: dict[Words | Code, TextLines] = {}
        known = before._kept if before and before._fits(width, wrapped) else {}
        self._parts = [self._lay_out(one, known) for one in document.blocks[:_MOST_BLOCKS]]
        self._count()

    @property
    def height(self) -> int:
        """How many lines there are; an estimate for those that were not seen yet."""
        return self._ends[-1] if self._ends else 0

    def line(self, y: int) -> Line | None:
        """Make a line; None below the last one."""
        at = bisect_right(self._ends, y)
        if at >= len(self._parts):
            return None
        part = self._parts[at]
        height = part.height
        line = part.line(y - self._ends[at] + height)
        if part.height != height:
            self._count()
        return line

    def target_at(self, y: int) -> int | None:
        """Tell which entry a line leads to, by its id."""
        at = bisect_right(self._ends, y)
        part = self._parts[at] if 0 <= y and at < len(self._parts) else None
        if not isinstance(part, TableLines):
            return None
        return part.target(y - self._ends[at] + part.height)

    def find(self, needle: str, y: int, *, forward: bool = True) -> int | None:
        """Find the nearest line that holds a text, from a line on; None where there is none."""
        if not needle or not self._parts:
            return None
        at = min(bisect_right(self._ends, max(0, y)), len(self._parts) - 1)
        for number in range(at, len(self._parts)) if forward else range(at, -1, -1):
            part = self._parts[number]
            begin = self._ends[number] - part.height
            start = max(0, y - begin) if forward else min(part.height - 1, y - begin)
            # Of a part that ends above the line nothing is left to be looked at
            found = part.find(needle, start, forward=forward) if start < part.height else None
            self._count()
            if found is not None:
                return self._ends[number] - part.height + found
        return None

    def _count(self) -> None:
        self._ends = list(accumulate(part.height for part in self._parts))

    def _fits(self, width: int, wrapped: bool) -> bool:
        return (self.width, self.wrapped) == (width, wrapped)

    def _lay_out(self, block: Block, known: dict[Words | Code, TextLines]) -> Lines:
        match block:
            case Words() | Code():
                lines = known.get(block) or TextLines(block, self.width, wrapped=self.wrapped)
                self._kept[block] = lines
                return lines
            case Heading():
                return heading(block, self.width)
            case Pairs():
                return pairs(block, self.width)
            case Table():
                return TableLines(block, self.width)
            case Pieces():
                return pieces(block)
            case Rule():
                return rule(block, self.width)
