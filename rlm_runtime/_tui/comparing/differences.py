"""The list of what two runs have: run A at the left, run B at the right, one row for each step."""

from __future__ import annotations

from rich.segment import Segment
from rich.style import Style
from textual.binding import Binding
from textual.events import Click
from textual.geometry import Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip

from rlm_runtime._tui.comparing.described import SIGNS, Compared, describe


class Differences(ScrollView, can_focus=True):
    """Entries and steps of both runs; it reports the row that the user goes to."""

    COMPONENT_CLASSES = {
        "differences--same",
        "differences--different",
        "differences--only-a",
        "differences--only-b",
        "differences--cursor",
    }
    BINDINGS = [
        Binding("up", "move(-1)", "Up", id="differences.up", show=False),
        Binding("down", "move(1)", "Down", id="differences.down", show=False),
        Binding("pageup", "move_page(-1)", "Page up", id="differences.page_up", show=False),
        Binding("pagedown", "move_page(1)", "Page down", id="differences.page_down", show=False),
        Binding("g", "go(0)", "Top", id="differences.top", show=False),
        Binding("G", "go(-1)", "Bottom", id="differences.bottom", show=False),
    ]

    class Moved(Message):
        """The user went to a row."""

        def __init__(self, number: int) -> None:
            self.number = number
            super().__init__()

    def __init__(self, *, id: str) -> None:
        super().__init__(id=id)
        self._compared: Compared | None = None
        self.number = 0

    def show(self, compared: Compared, number: int) -> None:
        """Show a comparison, with one of its rows selected."""
        self._compared, self.number = compared, number
        self.virtual_size = Size(self.size.width, len(compared.lines))
        top, height = round(self.scroll_y), max(1, self.size.height)
        if not top <= number < top + height:
            self.scroll_to(y=max(0, number - height // 3), animate=False)
        self.refresh()

    def action_move(self, by: int) -> None:
        """Go some rows up or down."""
        if self._compared is not None and self._compared.lines:
            number = min(max(0, self.number + by), len(self._compared.lines) - 1)
            self.post_message(self.Moved(number))

    def action_move_page(self, by: int) -> None:
        """Go a page up or down."""
        self.action_move(by * max(1, self.size.height - 1))

    def action_go(self, number: int) -> None:
        """Go to the first row, or to the last."""
        self.action_move(-self.number if number == 0 else 2**31)

    def on_click(self, event: Click) -> None:
        """Go to the row that was clicked."""
        number = event.y + round(self.scroll_y)
        if self._compared is not None and number < len(self._compared.lines):
            self.post_message(self.Moved(number))

    def on_resize(self) -> None:
        """Keep the rows as wide as the pane."""
        if self._compared is not None:
            self.show(self._compared, self.number)

    def render_line(self, y: int) -> Strip:
        """Draw a row."""
        width = self.size.width
        number = y + round(self.scroll_y)
        if self._compared is None or number >= len(self._compared.lines):
            return Strip.blank(width, self.rich_style)
        line = self._compared.lines[number]
        name = "cursor" if number == self.number else line.verdict.replace(" ", "-")
        style = self.get_component_rich_style(f"differences--{name}")
        label, text_a, text_b = describe(self._compared, line, width)
        of_label = min(34, max(18, width // 3))
        half = (width - of_label - 5) // 2
        cells = [(f"{SIGNS[line.verdict]} {label}", of_label), (text_a, half), (text_b, half)]
        segments: list[Segment] = []
        for count, (text, cell) in enumerate(cells):
            if count:
                segments.append(Segment(" │ " if count == 2 else "  ", style))
            segments += _cell(text, cell, style)
        return Strip(segments).crop_extend(0, width, style)


def _cell(text: str, width: int, style: Style) -> list[Segment]:
    return list(Strip([Segment(text, style)]).crop_extend(0, width, style))
