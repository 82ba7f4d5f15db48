"""Looking at the timeline more closely."""

from __future__ import annotations

from textual.binding import Binding

from rlm_runtime._tui.base import ViewerBase
from rlm_runtime._tui.lanes import Lanes
from rlm_runtime._tui.messages import Scrolled
from rlm_runtime._tui.node_tree import NodeTree


class TimelineActions(ViewerBase):
    """Looking at the timeline more closely."""

    BINDINGS = [
        Binding("plus,equals_sign", "zoom_time(0.5)", "Less time", id="time.in", show=False),
        Binding("minus", "zoom_time(2)", "More time", id="time.out", show=False),
        Binding("0", "whole_time", "Whole run", id="time.whole", show=False),
    ]

    def on_mount(self) -> None:
        """Let the lanes stay beside the rows of the tree."""
        self.watch(self.query_one(NodeTree), "scroll_y", self.query_one(Lanes).scroll_with)

    def on_scrolled(self, message: Scrolled) -> None:
        """Scroll the tree, and with it the lanes."""
        self.query_one(NodeTree).scroll_relative(y=message.by, animate=False)

    def action_zoom_time(self, factor: float) -> None:
        """Show so many times as much time in the timeline."""
        self.query_one(Lanes).zoom_time(factor)

    def action_whole_time(self) -> None:
        """Show the whole run in the timeline."""
        self.query_one(Lanes).zoom_time(None)
