"""The columns of the tree: which ones there is room for, and what stands in them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from rlm_runtime._tui.amounts import short_cost, short_count, short_time
from rlm_runtime._tui.record.entry import Entry
from rlm_runtime._tui.tree.figures import Figures

ColumnName = Literal[
    "heat", "critical", "model", "depth", "own_cost", "cost", "own_tokens", "tokens", "time"
]

_LEAST_NAME = 30
"""So many cells the names keep where a column is wanted that can be left out."""
_LEAST_NAME_OF_ALL = 16


@dataclass(frozen=True, slots=True)
class Column:
    """One column, right of the names."""

    name: ColumnName
    title: str
    width: int
    is_left: bool = False


_COLUMNS = (
    Column("heat", "heat", 5, is_left=True),
    Column("critical", "critical", 8),
    Column("model", "model", 13, is_left=True),
    Column("depth", "depth", 5),
    Column("own_cost", "own $", 7),
    Column("cost", "cost", 7),
    Column("own_tokens", "own tok", 7),
    Column("tokens", "tokens", 6),
    Column("time", "time", 6),
)
"""In the order in which they stand."""
_WANTED: tuple[ColumnName, ...] = ("tokens", "model", "own_cost", "own_tokens", "depth")
"""In the order in which they come as the pane gets wider."""


@dataclass(frozen=True, slots=True)
class Columns:
    """The columns that there is room for."""

    name_width: int
    chosen: tuple[Column, ...]


@lru_cache(maxsize=32)
def choose_columns(width: int, *, heat: bool, critical: bool) -> Columns:
    """Choose the columns for a pane.

    Args:
        width: Of the pane, in cells.
        heat: Whether shares of the run are shown.
        critical: Whether the critical path is shown.
    """
    widths = {column.name: column.width + 1 for column in _COLUMNS}
    needed: list[ColumnName] = ["time", "cost"]
    needed += ["heat"] if heat else []
    needed += ["critical"] if critical else []
    names: set[ColumnName] = set()
    left = width
    for name in needed:
        if left - widths[name] >= _LEAST_NAME_OF_ALL:
            names.add(name)
            left -= widths[name]
    for name in _WANTED:
        if left - widths[name] < _LEAST_NAME:
            break
        names.add(name)
        left -= widths[name]
    return Columns(left, tuple(column for column in _COLUMNS if column.name in names))


def cell_text(column: Column, entry: Entry, figures: Figures) -> str:
    """Tell what stands in a column; nothing for `heat`, which is drawn."""
    match column.name:
        case "critical":
            return f"◆{short_time(figures.critical)}" if figures.critical > 0 else ""
        case "model":
            return entry.model.rsplit("/", 1)[-1]
        case "depth":
            return short_count(entry.depth)
        case "own_cost":
            return short_cost(figures.own_cost, figures.own_known)
        case "cost":
            return short_cost(figures.cost, figures.known)
        case "own_tokens":
            return short_count(figures.own_tokens)
        case "tokens":
            return short_count(figures.tokens)
        case "time":
            return short_time(figures.seconds)
    return ""
