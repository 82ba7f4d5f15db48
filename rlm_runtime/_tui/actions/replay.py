"""Moving through time."""

from __future__ import annotations

from textual.binding import Binding

from rlm_runtime._tui.base import ViewerBase


class ReplayActions(ViewerBase):
    """Stepping, seeking and following."""

    BINDINGS = [
        Binding("right", "step(1)", "Next event", id="step.next", show=False),
        Binding("left", "step(-1)", "Previous event", id="step.previous", show=False),
        Binding("home", "seek_start", "Start", id="seek.start", show=False),
        Binding("end", "seek_end", "End", id="seek.end", show=False),
        Binding("f", "toggle_follow", "Follow", id="follow"),
    ]

    def action_step(self, by: int) -> None:
        """Go to the next event, or to the one before."""
        self.move_to(self.position + by)

    def action_seek_start(self) -> None:
        """Go to the first event."""
        self.move_to(0)

    def action_seek_end(self) -> None:
        """Go to the last event."""
        self.move_to(self.record.last)

    def action_toggle_follow(self) -> None:
        """Stay at the newest event, or no more."""
        self.follow(not self.following)
