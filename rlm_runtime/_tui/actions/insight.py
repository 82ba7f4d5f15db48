"""Comparing the run with another one."""

from __future__ import annotations

from pathlib import Path

from textual.binding import Binding

from rlm_runtime._tui.actions.going import GoActions
from rlm_runtime._tui.comparing.asking import AskRun, forked_from
from rlm_runtime._tui.comparing.screen import Comparing


class InsightActions(GoActions):
    """Comparing the run with another one."""

    BINDINGS = [Binding("d", "compare", "Compare with another run", id="compare", show=False)]

    other: Path | None = None
    """The trace that the run is compared with as soon as the viewer is open."""

    def on_mount(self) -> None:
        """Compare at once, if that is asked for."""
        if self.other is not None:
            self.compare_with(self.other)

    def action_compare(self) -> None:
        """Ask which run to compare with, and do."""
        ask = AskRun(
            self.source.path.parent.parent,
            default=forked_from(self.record),
            this=self.source.path.parent.name,
        )
        self.push_screen(ask, self._compare_if_named)

    def compare_with(self, other: Path) -> None:
        """Show this run and another one side by side."""
        screen = Comparing(self.record, self.source, other, is_read=lambda: self.state != "reading")
        self.push_screen(screen, self._show_found)

    def _compare_if_named(self, path: Path | None) -> None:
        if path is not None:
            self.compare_with(path)

    def _show_found(self, position: int | None) -> None:
        if position is not None:
            self.move_to(position, track=False)
            owner = self.record.owners[position]
            if owner is not None:
                self.select_in_sight(owner)
