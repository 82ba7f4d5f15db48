"""The line in which the user types a moment to go to."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Horizontal
from textual.message import Message
from textual.widget import Widget
from textual.widgets import Input, Static

_CHARACTERS = r"[\d.:%#hms ]*"


class MomentTyped(Message):
    """The user typed a moment."""

    def __init__(self, asked_by: GoTo, text: str) -> None:
        self.asked_by = asked_by
        self.text = text
        super().__init__()


class GoTo(Horizontal):
    """Asks for a moment; it goes away when it is left."""

    BINDINGS = [Binding("escape", "close", "Close", id="goto.close", show=False)]

    def __init__(self, *, back_to: Widget | None) -> None:
        super().__init__(id="go-to")
        self._back_to = back_to

    def compose(self) -> ComposeResult:
        """Lay out the line."""
        yield Static("Go to ", markup=False)
        # What is pasted could hold anything
        yield Input(
            placeholder="12.5 (seconds), 1m30, 50% or #1234 (event)",
            compact=True,
            max_length=40,
            restrict=_CHARACTERS,
        )

    def on_input_submitted(self, message: Input.Submitted) -> None:
        """Tell what was typed."""
        message.stop()
        self.post_message(MomentTyped(self, message.value))

    def on_input_blurred(self, message: Input.Blurred) -> None:
        """Go away, unless it is the whole terminal that lost the focus."""
        message.stop()
        if self.app.app_focus:
            self.remove()

    def action_close(self) -> None:
        """Go away."""
        self.close()

    def close(self) -> None:
        """Go away, and give the focus back."""
        if self._back_to is not None and self._back_to.is_attached:
            self._back_to.focus()
        self.remove()
