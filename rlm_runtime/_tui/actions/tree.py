"""Selecting, folding and heating the rows of the tree."""

from __future__ import annotations

from textual.binding import Binding

from rlm_runtime._tui.base import ViewerBase
from rlm_runtime._tui.messages import Scrolled, Toggled
from rlm_runtime._tui.node_tree import NodeTree
from rlm_runtime._tui.rows import Row
from rlm_runtime._tui.view import Heat

_NEXT_HEAT: dict[Heat, Heat] = {"off": "cost", "cost": "time", "time": "off"}


class TreeActions(ViewerBase):
    """Selecting, folding and heating the rows of the tree."""

    BINDINGS = [
        Binding("up", "select_row(-1)", "Row above", id="tree.up", show=False),
        Binding("down", "select_row(1)", "Row below", id="tree.down", show=False),
        Binding("pageup", "select_page(-1)", "Page up", id="tree.page_up", show=False),
        Binding("pagedown", "select_page(1)", "Page down", id="tree.page_down", show=False),
        Binding("g", "select_end(0)", "First row", id="tree.top", show=False),
        Binding("G", "select_end(-1)", "Last row", id="tree.bottom", show=False),
        Binding("enter", "toggle_row", "Fold", id="tree.fold", show=False),
        Binding("m", "next_heat", "Heat", id="tree.heat"),
    ]

    def action_select_row(self, by: int) -> None:
        """Select the row that is so many further down."""
        rows = self.rows()
        if rows:
            # Of the rows as they are now: keys may come faster than they are shown
            number = rows.find(self.entry, self.group) + by
            self._select_row(rows[min(max(0, number), len(rows) - 1)])

    def action_select_page(self, by: int) -> None:
        """Select the row that is so many pages further down."""
        self.action_select_row(by * self.query_one(NodeTree).page)

    def action_select_end(self, number: int) -> None:
        """Select the first row, or the last one."""
        rows = self.rows()
        if rows:
            self._select_row(rows[number])

    def action_toggle_row(self) -> None:
        """Fold the selected row, or open it."""
        rows = self.rows()
        if rows:
            self._toggle(rows[rows.find(self.entry, self.group)])

    def action_next_heat(self) -> None:
        """Show the shares of cost in the tree, or of time, or neither."""
        self.heat = _NEXT_HEAT[self.heat]
        self.show_soon()

    def on_toggled(self, message: Toggled) -> None:
        """Fold the row that a pane names, or open it."""
        self._toggle(message.row)

    def on_scrolled(self, message: Scrolled) -> None:
        """Show other rows."""
        self.query_one(NodeTree).scroll_rows(message.by)

    def _select_row(self, row: Row) -> None:
        self.select(row.member(self.entry) or row.entry, row.key)

    def _toggle(self, row: Row) -> None:
        if row.key is not None:
            self.opened ^= {row.key}
            # The row itself stays selected, not the member that it opens on
            self.entry, self.group = row.member(self.entry) or row.entry, row.key
        elif row.has_below:
            self.folded ^= {row.entry.id}
        self.show_soon()
