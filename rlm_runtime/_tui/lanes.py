"""The timeline: what each row of the tree did when, to scale."""

from __future__ import annotations

from rich.segment import Segment
from textual.geometry import Size
from textual.scroll_view import ScrollView
from textual.strip import Strip

from rlm_runtime._tui.view import View


class Lanes(ScrollView, can_focus=True):
    """One lane for each row of the tree, beside it."""

    def __init__(self, *, id: str) -> None:
        super().__init__(id=id)
        self._view: View | None = None

    def show(self, view: View) -> None:
        """Show the lanes of a moment."""
        self._view = view
        self.virtual_size = Size(self.size.width, len(view.rows))
        self.refresh()

    def render_line(self, y: int) -> Strip:
        """Draw a lane."""
        width = self.size.width
        number = y + round(self.scroll_y)
        view = self._view
        if view is None or number >= len(view.rows):
            return Strip.blank(width)
        entry = view.rows[number].entry
        whole = view.record.time(view.record.last) or 1.0
        start = int(view.record.time(entry.began) / whole * (width - 1))
        ended = entry.ended(view.position)
        now = view.record.time(view.position if ended is None else ended)
        length = max(1, int(now / whole * width) - start)
        return Strip([Segment(" " * start + "─" * length)]).crop_extend(0, width, None)
