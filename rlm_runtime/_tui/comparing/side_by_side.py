"""Two texts side by side with their differences; one below the other where there is little room."""

from __future__ import annotations

from functools import lru_cache

from rich.segment import Segment
from rich.style import Style
from textual.binding import Binding
from textual.geometry import Size
from textual.scroll_view import ScrollView
from textual.strip import Strip

from rlm_runtime._tui.comparing.texts import LinePair, Marks, mark_words
from rlm_runtime._tui.details.wrapping import wrap

_SIDE_BY_SIDE_FROM = 100
_CHARS_PER_CELL = 8

Piece = tuple[int, str, int, int]
"""A row of a text: the index of the pair, `a` or `b`, and where in the line it begins and ends."""


class SideBySide(ScrollView, can_focus=True):
    """The lines of two texts; those that differ are marked, and their words too."""

    COMPONENT_CLASSES = {
        "side-by-side--same",
        "side-by-side--a",
        "side-by-side--b",
        "side-by-side--word",
    }
    BINDINGS = [
        Binding("g", "scroll_home", "Top", id="side_by_side.top", show=False),
        Binding("G", "scroll_end", "Bottom", id="side_by_side.bottom", show=False),
    ]

    def __init__(self, *, id: str) -> None:
        super().__init__(id=id)
        self._pairs: list[LinePair] = []
        self._rows: list[tuple[Piece | None, Piece | None]] = []
        self._wrapped_for = 0
        self._marks = lru_cache(maxsize=500)(self._find_marks)

    def show(self, pairs: list[LinePair]) -> None:
        """Show two texts, from the first difference on if it is far down."""
        self._pairs = pairs
        self._marks.cache_clear()
        self._wrap()
        first = next((n for n, pair in enumerate(pairs) if not pair.is_same), 0)
        row = next((n for n, pieces in enumerate(self._rows) if _pair_of(pieces) == first), 0)
        height = max(1, self.size.height)
        self.scroll_to(y=row - 2 if row >= height else 0, animate=False)
        self.refresh()

    def on_resize(self) -> None:
        """Wrap the lines anew."""
        if self.size.width != self._wrapped_for:
            self._wrap()

    def _wrap(self) -> None:
        self._wrapped_for = width = max(10, self.size.width)
        if width >= _SIDE_BY_SIDE_FROM:
            self._rows = _beside(self._pairs, (width - 3) // 2 - 2)
        else:
            self._rows = _below(self._pairs, width - 2)
        self.virtual_size = Size(self.size.width, len(self._rows))

    def render_line(self, y: int) -> Strip:
        """Draw a row."""
        width = self.size.width
        number = y + round(self.scroll_y)
        if number >= len(self._rows):
            return Strip.blank(width, self.rich_style)
        left, right = self._rows[number]
        if width < _SIDE_BY_SIDE_FROM:
            return self._strip(left or right, width).crop_extend(0, width, self.rich_style)
        half = (width - 3) // 2
        middle = Strip([Segment(" │ ", self.get_component_rich_style("side-by-side--same"))])
        strips = [self._strip(left, half), middle, self._strip(right, half)]
        return Strip.join(strips).crop_extend(0, width, self.rich_style)

    def _strip(self, piece: Piece | None, width: int) -> Strip:
        if piece is None:
            return Strip.blank(width, self.rich_style)
        number, side, start, end = piece
        pair = self._pairs[number]
        line = (pair.a if side == "a" else pair.b) or ""
        if pair.is_same:
            style = self.get_component_rich_style("side-by-side--same")
            return Strip([Segment(f"  {line[start:end]}", style)]).crop_extend(0, width, style)
        style = self.get_component_rich_style(f"side-by-side--{side}")
        word = style + self.get_component_rich_style("side-by-side--word", partial=True)
        marks = self._marks(number)[side == "b"]
        sign = " " if start else ("−" if side == "a" else "+")
        segments = [Segment(f"{sign} ", style), *_marked(line, start, end, marks, style, word)]
        return Strip(segments).crop_extend(0, width, style)

    def _find_marks(self, number: int) -> tuple[Marks, Marks]:
        pair = self._pairs[number]
        return mark_words(pair.a, pair.b) if pair.a and pair.b else ((), ())


def _beside(pairs: list[LinePair], width: int) -> list[tuple[Piece | None, Piece | None]]:
    rows: list[tuple[Piece | None, Piece | None]] = []
    for number, pair in enumerate(pairs):
        left, right = _pieces(number, "a", pair.a, width), _pieces(number, "b", pair.b, width)
        for at in range(max(len(left), len(right))):
            rows.append(
                (left[at] if at < len(left) else None, right[at] if at < len(right) else None)
            )
    return rows


def _below(pairs: list[LinePair], width: int) -> list[tuple[Piece | None, Piece | None]]:
    """Put what run A has above what run B has, for each stretch of lines that differ."""
    rows: list[tuple[Piece | None, Piece | None]] = []
    waiting: list[tuple[Piece | None, Piece | None]] = []
    for number, pair in enumerate(pairs):
        if pair.is_same:
            rows += waiting
            waiting = []
        rows += [(piece, None) for piece in _pieces(number, "a", pair.a, width)]
        if not pair.is_same:
            waiting += [(None, piece) for piece in _pieces(number, "b", pair.b, width)]
    return rows + waiting


def _pieces(number: int, side: str, line: str | None, width: int) -> list[Piece]:
    if line is None:
        return []
    pieces: list[Piece] = []
    most = _CHARS_PER_CELL * width
    for start, end in wrap(line, max(1, width)):
        # A row may hold any number of characters that take no room
        for at in range(start, max(end, start + 1), most):
            pieces.append((number, side, at, min(at + most, end)))
    return pieces


def _marked(
    line: str, start: int, end: int, marks: Marks, style: Style, word: Style
) -> list[Segment]:
    segments: list[Segment] = []
    at = start
    for begin, until in marks:
        if until <= at or begin >= end:
            continue
        segments.append(Segment(line[at : max(at, begin)], style))
        segments.append(Segment(line[max(at, begin) : min(until, end)], word))
        at = min(until, end)
    segments.append(Segment(line[at:end], style))
    return [segment for segment in segments if segment.text]


def _pair_of(pieces: tuple[Piece | None, Piece | None]) -> int:
    piece = pieces[0] or pieces[1]
    return piece[0] if piece else -1
