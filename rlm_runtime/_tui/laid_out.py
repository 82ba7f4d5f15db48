"""Panes whose size follows from the layout alone: to get another one asks for no second layout."""

from __future__ import annotations

from rich.text import Text
from textual.containers import Container
from textual.geometry import Size
from textual.reactive import Reactive
from textual.scroll_view import ScrollView
from textual.widget import Widget
from textual.widgets import Static


class LaidOut(Widget):
    """A widget of which nothing depends on how large what it holds is.

    The toolkit lays out and draws all of the screen once more when that has changed.
    """

    virtual_size = Reactive(Size(0, 0), layout=False, repaint=False)


class Frame(Container, LaidOut):
    """Holds panes, and never scrolls them."""


class ScrolledLines(ScrollView, LaidOut):
    """Scrolls through lines; only a scrollbar that comes or goes asks for a layout."""

    def measure(self, width: int, height: int) -> None:
        """Set how many cells and lines there are.

        Args:
            width: Of the widest line; there is room for it beside a scrollbar.
            height: The number of the lines.
        """
        self.virtual_size = Size(width, height)
        room = self.container_size.height
        if not room:
            return
        # The toolkit finds out only after a layout, and does another one
        is_needed = height > room
        if is_needed or self.show_vertical_scrollbar:
            bar = self.vertical_scrollbar
            bar.window_virtual_size, bar.window_size = height, room
            bar.display = self.show_vertical_scrollbar = is_needed
        self.scroll_y = self.validate_scroll_y(self.scroll_y)


def update(line: Static, text: Text) -> None:
    """Let a line say something, if it says something else: that lays out the whole screen."""
    if line.content != text:
        line.update(text)
