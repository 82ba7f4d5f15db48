"""The line at the top: which run it is, what became of it, what it has spent."""

from __future__ import annotations

from rich.text import Text
from textual.widgets import Static

from rlm_runtime._printable import one_line
from rlm_runtime._tui.view import View


class Header(Static):
    """The run, at the moment."""

    def show(self, view: View) -> None:
        """Show the run at a moment."""
        record = view.record
        ended = record.ended(view.position)
        state = one_line(ended.stop_reason) if ended else _word(view)
        tokens = record.total.tokens(view.position)
        cost = record.total.cost(view.position)
        spent = "cost unknown" if cost is None else f"${cost:.4f}"
        self.update(
            Text(
                f" {one_line(record.run, 60)}  {state}  {view.seconds:.1f} s"
                f"  {tokens:,} tokens  {spent}",
                no_wrap=True,
                overflow="ellipsis",
            )
        )


def _word(view: View) -> str:
    if view.damage:
        return "damaged"
    if view.is_over:
        return "crashed"
    return "reading" if view.state == "reading" else "running"
