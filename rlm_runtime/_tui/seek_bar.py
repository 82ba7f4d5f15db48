"""The line at the bottom: where the moment is in the run."""

from __future__ import annotations

from rich.text import Text
from textual.widgets import Static

from rlm_runtime._tui.view import View


class SeekBar(Static):
    """The whole run in one line."""

    def show(self, view: View) -> None:
        """Show where a moment is."""
        whole = view.record.time(view.record.last)
        self.update(
            Text(
                f" {view.seconds:.2f} / {whole:.2f} s"
                f"   event {view.position + 1:,} of {view.record.last + 1:,}"
            )
        )
