"""A pane in which the mouse chooses the moment."""

from __future__ import annotations

from textual import events

from rlm_runtime._tui.laid_out import LaidOut
from rlm_runtime._tui.messages import Sought
from rlm_runtime._tui.timescale import TimeScale
from rlm_runtime._tui.view import View


class Scrubber(LaidOut):
    """A pane with a scale of time: a click goes to a moment, and dragging goes on from there."""

    ALLOW_SELECT = False

    def __init__(self, *, id: str) -> None:
        super().__init__(id=id)
        self.shown: View | None = None
        self._is_seeking = False

    def scale_at(self, y: int) -> tuple[int, TimeScale] | None:
        """Give the first column and the scale of a line; None where it has none, as here."""
        return None

    def on_mouse_down(self, event: events.MouseDown) -> None:
        """Go to the moment under the mouse, and on as it is dragged."""
        x, y = event.get_content_offset_capture(self)
        found = self.scale_at(y)
        if event.button == 1 and found is not None and x >= found[0]:
            self._is_seeking = True
            self.capture_mouse()
            self._seek(x, y)

    def on_mouse_move(self, event: events.MouseMove) -> None:
        """Drag the moment."""
        if self._is_seeking:
            self._seek(*event.get_content_offset_capture(self))

    def on_mouse_up(self) -> None:
        """Stop dragging."""
        if self._is_seeking:
            self._is_seeking = False
            self.capture_mouse(False)

    def _seek(self, x: int, y: int) -> None:
        # While it is dragged the mouse may be anywhere
        found = self.scale_at(y) or self.scale_at(0)
        if self.shown is None or self.shown.record.last < 0 or found is None:
            return
        first, scale = found
        column = min(max(0, x - first), scale.width - 1)
        seconds = scale.seconds(column + 1) - 1e-9 * scale.length
        self.post_message(Sought(max(0, self.shown.record.position_at(seconds))))
