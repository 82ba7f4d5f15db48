"""A line for what is wrong with the trace, or with the run that wrote it."""

from __future__ import annotations

from collections.abc import Callable

from rich.text import Text
from textual.widgets import Static

from rlm_runtime._events import TraceFailed
from rlm_runtime._printable import one_line
from rlm_runtime._tui.laid_out import update
from rlm_runtime._tui.view import View
from rlm_runtime._types import StopReason


class Notice(Static):
    """Says what must not be missed, for as long as it is so; else it takes no place."""

    def __init__(self, how_to_resume: Callable[[StopReason | None], str], *, id: str) -> None:
        super().__init__(id=id, markup=False)
        self._how_to_resume = how_to_resume

    def show(self, view: View) -> None:
        """Show what is so now, wherever in the run the moment is."""
        text = describe(view, self._how_to_resume)
        self.display = bool(text)
        update(self, Text(text))


def describe(view: View, how_to_resume: Callable[[StopReason | None], str]) -> str:
    """Say what is wrong; nothing where all is well."""
    record = view.record
    if view.damage:
        return f"✗ {one_line(view.damage, 400)}; what could be read is shown"
    if record.events and isinstance(record.events[-1], TraceFailed):
        return "✗ The trace could not be written any more; the run may have gone on without it"
    if view.state == "still" and record.ended(record.last) is None:
        return f"☠ The run crashed: its process is gone{how_to_resume(None)}"
    if view.state == "growing" and not record.events:
        return "○ Waiting for the first event"
    return ""
