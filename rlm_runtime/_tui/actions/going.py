"""Going from an entry to those around it, and looking at a part of the tree only."""

from __future__ import annotations

from bisect import bisect_left

from textual.binding import Binding

from rlm_runtime._tui.base import ViewerBase
from rlm_runtime._tui.messages import Followed
from rlm_runtime._tui.record.entry import Entry


class GoActions(ViewerBase):
    """Parent, child, sibling, and zoom."""

    BINDINGS = [
        Binding("p", "go_parent", "Parent", id="go.parent", show=False),
        Binding("P", "go_child", "First child", id="go.child", show=False),
        Binding("J,shift+down", "go_sibling(1)", "Next sibling", id="go.next", show=False),
        Binding("K,shift+up", "go_sibling(-1)", "Previous sibling", id="go.previous", show=False),
        Binding("z", "zoom_in", "Zoom in", id="zoom.in", show=False),
        Binding("Z", "zoom_out", "Zoom out", id="zoom.out", show=False),
    ]

    def action_go_parent(self) -> None:
        """Select what asked for the selected entry."""
        if self.entry is not None and self.entry.parent is not None:
            self.select_in_sight(self.entry.parent)

    def action_go_child(self) -> None:
        """Select the first that the selected entry asked for."""
        if self.entry is not None:
            self._select_next(self.entry.children, 0, 1)

    def action_go_sibling(self, by: int) -> None:
        """Select the next one that the same code asked for, or the one before."""
        if self.entry is not None:
            parent = self.entry.parent
            siblings = self.record.roots if parent is None else parent.children
            # In the order in which they began, which their ids tell
            number = bisect_left(siblings, self.entry.id, key=lambda one: one.id)
            self._select_next(siblings, number + by, by)

    def action_zoom_in(self) -> None:
        """Show only the selected entry, and all below it."""
        self.zoom = self.entry
        self.show_soon()

    def action_zoom_out(self) -> None:
        """Show one level more."""
        parent = None if self.zoom is None else self.zoom.parent
        if parent is not None and parent.parent is None and len(self.record.roots) == 1:
            parent = None
        self.zoom = parent
        self.show_soon()

    def on_followed(self, message: Followed) -> None:
        """Select the entry that a pane names, and show its row."""
        self.select_in_sight(message.entry)

    def select_in_sight(self, entry: Entry) -> None:
        """Select an entry, and open or leave what hides it."""
        is_in_zoom = self.zoom is None or entry is self.zoom
        above = entry.parent
        while above is not None:
            self.folded.discard(above.id)
            is_in_zoom = is_in_zoom or above is self.zoom
            above = above.parent
        if not is_in_zoom:
            self.zoom = None
        self.select(entry)

    def _select_next(self, entries: list[Entry], number: int, by: int) -> None:
        """Select the first of some entries, from one on, that is there at the moment."""
        while 0 <= number < len(entries) and entries[number].began <= self.position:
            if self.matches is None or entries[number].id in self.matches:
                self.select_in_sight(entries[number])
                return
            number += by
