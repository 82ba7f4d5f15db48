"""The pane that tells of the selected entry."""

from __future__ import annotations

from rich.text import Text
from textual.containers import VerticalScroll
from textual.widgets import Static

from rlm_runtime._tui.view import View


class Details(VerticalScroll, inherit_bindings=False):
    """The selected entry at the moment."""

    def compose(self):  # type: ignore[no-untyped-def]
        """Lay out the pane."""
        yield Static(id="page")

    def show(self, view: View) -> None:
        """Show the selected entry at a moment."""
        event = view.record.events[view.position] if view.position >= 0 else None
        kind = getattr(event, "kind", "")
        query = view.entry.query if view.entry else ""
        self.query_one("#page", Static).update(Text(f"{kind}\n{query}"))
