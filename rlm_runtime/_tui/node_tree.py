"""The tree of nodes and completions."""

from __future__ import annotations

from rich.segment import Segment
from rich.style import Style
from textual.binding import Binding
from textual.events import Click
from textual.geometry import Size
from textual.scroll_view import ScrollView
from textual.strip import Strip

from rlm_runtime._tui.messages import Selected, Toggled
from rlm_runtime._tui.view import View


class NodeTree(ScrollView, can_focus=True, inherit_bindings=False):
    """One row for each entry that has begun at the moment."""

    BINDINGS = [
        Binding("up", "move(-1)", "Up", id="tree.up", show=False),
        Binding("down", "move(1)", "Down", id="tree.down", show=False),
        Binding("enter", "toggle_row", "Fold", id="tree.fold"),
    ]

    def __init__(self, *, id: str) -> None:
        super().__init__(id=id)
        self._view: View | None = None

    def show(self, view: View) -> None:
        """Show the rows of a moment."""
        self._view = view
        self.virtual_size = Size(self.size.width, len(view.rows))
        self.scroll_to_row(view.row)
        self.refresh()

    def scroll_to_row(self, row: int) -> None:
        """Bring a row into sight."""
        top, height = round(self.scroll_y), max(1, self.size.height)
        if not top <= row < top + height:
            self.scroll_to(y=max(0, row - height // 2), animate=False)

    def render_line(self, y: int) -> Strip:
        """Draw a line."""
        number = y + round(self.scroll_y)
        view = self._view
        if view is None or number >= len(view.rows):
            return Strip.blank(self.size.width)
        row = view.rows[number]
        text = f"{'  ' * row.level}{view.state_of(row.entry)} {row.entry.query}"
        style = Style(reverse=number == view.row)
        return Strip([Segment(text, style)]).crop_extend(0, self.size.width, style)

    def action_move(self, by: int) -> None:
        """Select the next row, or the one before."""
        if self._view is not None and self._view.rows:
            number = min(max(0, self._view.row + by), len(self._view.rows) - 1)
            self.post_message(Selected(self._view.rows[number].entry))

    def action_toggle_row(self) -> None:
        """Fold the selected row, or open it."""
        if self._view is not None and self._view.rows:
            self.post_message(Toggled(self._view.rows[self._view.row]))

    def on_click(self, event: Click) -> None:
        """Select the row that was clicked."""
        number = event.y + round(self.scroll_y)
        if self._view is not None and number < len(self._view.rows):
            self.post_message(Selected(self._view.rows[number].entry))
