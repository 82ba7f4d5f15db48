"""The line in which the user types a moment to go to."""

from __future__ import annotations

from textual.binding import Binding
from textual.events import Blur
from textual.message import Message
from textual.widget import Widget
from textual.widgets import Input


class MomentTyped(Message):
    """The user typed a moment."""

    def __init__(self, asked_by: GoTo, text: str) -> None:
        self.asked_by = asked_by
        self.text = text
        super().__init__()


class GoTo(Input):
    """Asks for a moment; it goes away when it is left."""

    BINDINGS = [Binding("escape", "close", "Close", id="goto.close", show=False)]

    def __init__(self, *, back_to: Widget | None) -> None:
        super().__init__(
            placeholder="Go to 12.5 (seconds), 1m30, 50% or #1234 (event)",
            id="go-to",
            compact=True,
            max_length=40,
        )
        self._back_to = back_to

    def on_input_submitted(self, message: Input.Submitted) -> None:
        """Tell what was typed."""
        message.stop()
        self.post_message(MomentTyped(self, self.value))

    def on_blur(self, event: Blur) -> None:
        """Go away when something else has the focus."""
        self.remove()

    def action_close(self) -> None:
        """Go away."""
        self.close()

    def close(self) -> None:
        """Go away, and give the focus back."""
        if self._back_to is not None and self._back_to.is_attached:
            self._back_to.focus()
        self.remove()
