"""Drawing one row of the tree."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from rich.cells import cell_len, set_cell_size
from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip

from rlm_runtime._tui.record.entry import Entry
from rlm_runtime._tui.rows import Row
from rlm_runtime._tui.states import look_of
from rlm_runtime._tui.tree.columns import Column, Columns, cell_text
from rlm_runtime._tui.tree.figures import Figures
from rlm_runtime._tui.tree.heat import heat_bar, heat_level
from rlm_runtime._tui.tree.members import tell_members
from rlm_runtime._tui.view import Heat

_NULL = Style()
_LEAST_FOR_WORDS = 34
"""Where names have fewer cells, the glyph alone tells of the state."""

Styles = Callable[[str], Style]
"""Gives the style of a part, by the name of its component class without the widget's."""


@dataclass(frozen=True, slots=True)
class Line:
    """What one row of the tree shows."""

    row: Row
    figures: Figures
    guides: Sequence[bool]
    """For it and those above it, as many as are drawn: whether a sibling follows."""
    shares: tuple[float, float] = (0.0, 0.0)
    heat: Heat = "off"
    chosen: Entry | None = None
    """The member of a group that is selected."""
    is_selected: bool = False
    position: int = sys.maxsize
    """The moment: a node has its number from where it begins."""
    is_found: bool = False
    """Whether what is looked for is in it."""


def most_guides(name_width: int) -> int:
    """Tell how many levels of guides there is room for."""
    return max(2, min(12, name_width // 6))


def arrow_column(line: Line) -> int:
    """Tell in which cell the arrow is that folds a row."""
    return 1 + cell_len(_guides(line))


def draw_line(line: Line, columns: Columns, styles: Styles) -> Strip:
    """Draw a row, as wide as its columns are."""
    segments = [*_fit(_name(line, columns.name_width, styles), columns.name_width)]
    for column in columns.chosen:
        segments.append(Segment(" "))
        if column.name == "heat":
            segments += _heat(line, column.width, styles)
        else:
            text = _aligned(cell_text(column, line.row.entry, line.figures), column)
            segments.append(Segment(text, _column_style(column, line, styles)))
    if line.figures.state != "aside":
        return Strip(segments)
    faint = styles("aside")
    return Strip([Segment(one.text, (one.style or _NULL) + faint) for one in segments])


def draw_titles(columns: Columns, name: str, styles: Styles, *, heat: Heat = "off") -> Strip:
    """Draw the line that names the columns."""
    parts = [set_cell_size(f" {name}", columns.name_width)]
    for column in columns.chosen:
        title = f"{heat}%" if column.name == "heat" else column.title
        parts.append(f" {_aligned(title, column)}")
    return Strip([Segment("".join(parts), styles("titles"))])


def _name(line: Line, width: int, styles: Styles) -> list[Segment]:
    row, look = line.row, look_of(line.figures.state)
    arrow = ("▸" if row.is_folded else "▾") if row.has_below else "─" if row.level else " "
    segments = [
        Segment("▌" if line.is_selected else " ", styles("edge")),
        Segment(_guides(line), styles("guides")),
        Segment(arrow, styles("arrow" if row.has_below else "guides")),
        Segment(f"{look.glyph} ", styles(look.kind)),
    ]
    found = [Segment("•", styles("found"))] if line.is_found else []
    if row.group:
        room = width - sum(one.cell_length for one in segments + found)
        title, *counts = _members(line, room, styles)
        return [*segments, title, *found, *counts]
    segments += [Segment(_title(line), styles("title")), *found]
    if look.kind != "answered" and width >= _LEAST_FOR_WORDS:
        segments.append(Segment(f" {look.word}", styles(look.kind)))
    return [*segments, Segment(f"  {row.entry.query}", styles("query"))]


def _title(line: Line) -> str:
    entry = line.row.entry
    if entry.kind == "completion":
        return "llm_query"
    number = entry.number_at(line.position)
    return f"{'–' if number is None else number} {'node' if entry.parent else 'root'}"


def _members(line: Line, room: int, styles: Styles) -> list[Segment]:
    word = "llm_query" if line.row.entry.kind == "completion" else "node"
    told = tell_members(word, len(line.row.group), line.figures.counts, room)
    segments = [Segment(text, styles(name)) for text, name in told]
    if line.chosen is not None and line.row.is_folded:
        known = line.chosen.number_at(line.position)
        number = "" if known is None else f"{known} "
        segments.append(Segment(f"  → {number}{line.chosen.query}", styles("query")))
    return segments


def _guides(line: Line) -> str:
    """Draw the lines that join a row to those above it; the innermost ones where it is deep."""
    if not line.guides:
        return ""
    above = "".join("│ " if follows else "  " for follows in line.guides[:-1])
    hidden = line.row.level - len(line.guides)
    return f"{f'⋯{hidden} ' if hidden else ''}{above}{'├─' if line.guides[-1] else '└─'}"


def _heat(line: Line, width: int, styles: Styles) -> list[Segment]:
    own, below = heat_bar(*line.shares, width)
    level = heat_level(line.shares[1])
    return [
        Segment(own, styles(f"heat-{level}")),
        Segment(below, styles("heat-below")),
        Segment(" " * (width - len(own) - len(below))),
    ]


def _column_style(column: Column, line: Line, styles: Styles) -> Style:
    if column.name == "critical":
        return styles("critical")
    if column.name == line.heat:
        return styles(f"heat-{heat_level(line.shares[1])}")
    return styles("model" if column.is_left else "number")


def _aligned(text: str, column: Column) -> str:
    if column.is_left:
        if cell_len(text) > column.width:
            text = f"{set_cell_size(text, column.width - 1)}…"
        return set_cell_size(text, column.width)
    return set_cell_size(text.rjust(column.width), column.width)


def _fit(segments: list[Segment], width: int) -> Strip:
    strip = Strip(segments)
    if strip.cell_length <= width:
        return strip.extend_cell_length(width)
    last = next((one.style for one in reversed(segments) if one.text), None)
    return Strip([*strip.crop(0, max(0, width - 1)), Segment("…", last)])
