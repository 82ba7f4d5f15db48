"""Selecting, folding and heating the rows of the tree."""

from __future__ import annotations

from textual.binding import Binding

from rlm_runtime._tui.base import ViewerBase
from rlm_runtime._tui.lanes import Lanes
from rlm_runtime._tui.messages import Toggled
from rlm_runtime._tui.node_tree import ROW_BINDINGS, NodeTree
from rlm_runtime._tui.rows import Row
from rlm_runtime._tui.view import Heat

_NEXT_HEAT: dict[Heat, Heat] = {"off": "cost", "cost": "time", "time": "off"}


class TreeActions(ViewerBase):
    """Selecting, folding and heating the rows of the tree."""

    BINDINGS = [
        *ROW_BINDINGS,
        Binding("m", "next_heat", "Heat", id="tree.heat", show=False),
    ]

    def show(self) -> None:
        """Draw the panes anew, and then the lanes beside their rows."""
        super().show()
        tree = self.query_one(NodeTree)
        # Where the tree gives way to large lanes, they scroll on their own
        self.query_one(Lanes).show(self.view, top=tree.scroll_y if tree.size.height else None)

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
