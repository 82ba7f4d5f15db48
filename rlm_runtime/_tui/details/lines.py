"""The lines that a page is made of when the pane's width is known."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Protocol

from rich.cells import cell_len, set_cell_size

from rlm_runtime._printable import printable
from rlm_runtime._tui.details.document import (
    Cell,
    Heading,
    Pairs,
    Pieces,
    Rule,
    Style,
    Table,
)
from rlm_runtime._tui.details.wrapping import wrap

Span = tuple[int, int, Style]
"""Where a piece of a line begins and ends, and how it looks."""

_MOST_OF_VALUE = 2_000
_MOST_KEY = 22
_MOST_ROWS = 20_000


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the pane: printable text, and how the pieces of it look."""

    text: str
    spans: tuple[Span, ...] = ()
    whole: str = ""
    """The line of the document that this is a part of; empty where it is all of it."""
    at: int = 0
    """Where in the whole line the part begins."""
    indent: int = 0
    """So many characters of the text are no part of the document's line."""

    def marks(self, needle: str) -> list[tuple[int, int]]:
        """Find where a text occurs in it, also where the text begins or ends on another line."""
        whole = self.whole or self.text[self.indent :]
        found = []
        for match in re.finditer(re.escape(needle), whole, re.IGNORECASE):
            start = max(0, match.start() - self.at) + self.indent
            end = min(match.end() - self.at + self.indent, len(self.text))
            if start < end:
                found.append((start, end))
        return found


class Lines(Protocol):
    """The lines of one block."""

    @property
    def height(self) -> int:
        """How many they are; what is not seen yet may be an estimate."""
        ...

    def line(self, number: int) -> Line:
        """Make one of them."""
        ...

    def find(self, needle: str, start: int, *, forward: bool) -> int | None:
        """Find the nearest line that holds a text, from a line on."""
        ...


class MadeLines:
    """Few lines, all made at once."""

    def __init__(self, lines: list[Line]) -> None:
        self._lines = lines

    @property
    def height(self) -> int:
        """How many they are."""
        return len(self._lines)

    def line(self, number: int) -> Line:
        """Give one of them."""
        return self._lines[number]

    def find(self, needle: str, start: int, *, forward: bool) -> int | None:
        """Find the nearest line that holds a text, from a line on."""
        return _find(self, needle, start, forward=forward)


class TableLines:
    """The lines of a table, made as they are seen."""

    def __init__(self, table: Table, width: int) -> None:
        self._table = table
        taken = sum(column.width + 1 for column in table.columns) - 1
        shares = sum(not column.width for column in table.columns)
        share = max(6, (width - taken) // shares) if shares else 0
        self._widths = [column.width or share for column in table.columns]
        self._left_out = max(0, len(table.rows) - _MOST_ROWS)

    @property
    def height(self) -> int:
        """How many they are."""
        return 1 + min(len(self._table.rows), _MOST_ROWS) + bool(self._left_out)

    def line(self, number: int) -> Line:
        """Make one of them."""
        if number == 0:
            return self._row([(column.name, "key") for column in self._table.columns])
        if number > _MOST_ROWS:
            return styled(f"… {self._left_out:,} rows more", "dim")
        return self._row(self._table.rows[number - 1])

    def target(self, number: int) -> int | None:
        """Tell which entry a line leads to."""
        table = self._table
        is_row = 0 < number <= min(len(table.leads_to), _MOST_ROWS)
        return table.leads_to[number - 1] if is_row else None

    def find(self, needle: str, start: int, *, forward: bool) -> int | None:
        """Find the nearest row that holds a text, from a row on."""
        return _find(self, needle, start, forward=forward)

    def _row(self, cells: object) -> Line:
        pieces: list[tuple[str, Style]] = []
        assert isinstance(cells, list | tuple)
        for cell, column, width in zip(cells, self._table.columns, self._widths, strict=False):
            text, style = _cell(cell)
            pieces.append((fit(text, width, right=column.right), style))
            pieces.append((" ", "text"))
        return joined(pieces[:-1])


def heading(block: Heading, width: int) -> MadeLines:
    """Lay out a heading."""
    pieces: list[tuple[str, Style]] = [(clean(block.text, width), block.style)]
    if block.note:
        pieces.append((f"  {clean(block.note, 4 * width)}", "dim"))
    return MadeLines([joined(pieces)])


def pairs(block: Pairs, width: int) -> MadeLines:
    """Lay out names and what they are; a long value goes on below itself."""
    names = [clean(name, _MOST_KEY) for name, _ in block.rows]
    side = max((cell_len(name) for name in names), default=0) + 2
    lines = []
    for name, (_, cell) in zip(names, block.rows, strict=True):
        text, style = _cell(cell)
        shown = clean(text, _MOST_OF_VALUE)
        for row, (start, end) in enumerate(wrap(shown, max(8, width - side))):
            label = fit("" if row else name, side)
            piece = shown[start:end]
            spans: list[Span] = [(len(label), len(label) + len(piece), style)]
            if not row:
                spans.insert(0, (0, len(label), "key"))
            lines.append(Line(label + piece, tuple(spans)))
    return MadeLines(lines)


def pieces(block: Pieces) -> MadeLines:
    """Lay out a line of pieces."""
    return MadeLines(
        [joined([(clean(text, _MOST_OF_VALUE), style) for text, style in block.pieces])]
    )


def rule(block: Rule, width: int) -> MadeLines:
    """Lay out a rule."""
    return MadeLines([Line("") if block.is_empty else styled("─" * width, "dim")])


def clean(text: str, most: int) -> str:
    """Make the beginning of a text printable, on one line; spaces stay as they are."""
    shown = printable(text[:most].replace("\r\n", "\n")).replace("\n", "⏎").replace("\t", "    ")
    return shown if len(text) <= most else f"{shown}…"


def fit(text: str, width: int, *, right: bool = False) -> str:
    """Give a text exactly so many cells."""
    shown = clean(text, 4 * width)
    cells = cell_len(shown)
    if cells > width:
        return f"{set_cell_size(shown, width - 1)}…"
    gap = " " * (width - cells)
    return gap + shown if right else shown + gap


def styled(text: str, style: Style) -> Line:
    """Make a line of one style."""
    return Line(text, ((0, len(text), style),))


def joined(pieces: list[tuple[str, Style]]) -> Line:
    """Make a line of printable pieces."""
    spans: list[Span] = []
    at = 0
    for text, style in pieces:
        spans.append((at, at + len(text), style))
        at += len(text)
    return Line("".join(text for text, _ in pieces), tuple(spans))


def _cell(cell: Cell) -> tuple[str, Style]:
    return (cell, "text") if isinstance(cell, str) else cell


def _find(lines: Lines, needle: str, start: int, *, forward: bool) -> int | None:
    numbers = range(start, lines.height) if forward else range(min(start, lines.height - 1), -1, -1)
    return next((number for number in numbers if lines.line(number).marks(needle)), None)
