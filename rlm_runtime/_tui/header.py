"""The line at the top: which run it is, what became of it, what it has spent."""

from __future__ import annotations

from rich.segment import Segment
from textual.strip import Strip

from rlm_runtime._tui.laid_out import LaidOut
from rlm_runtime._tui.record.node_counts import NodeCounts
from rlm_runtime._tui.run_line import GAP, Part, fit, tell_run
from rlm_runtime._tui.view import View


class Header(LaidOut):
    """The run, at the moment."""

    ALLOW_SELECT = False
    COMPONENT_CLASSES = {
        "header--answered",
        "header--running",
        "header--queued",
        "header--limit",
        "header--error",
        "header--interrupted",
        "header--crashed",
    }
    DEFAULT_CSS = """
    Header {
        .header--answered { color: $text-success; text-style: bold; }
        .header--running { color: $text-primary; text-style: bold; }
        .header--queued { color: $text-muted; }
        .header--limit, .header--interrupted { color: $text-warning; text-style: bold; }
        .header--error, .header--crashed { color: $text-error; text-style: bold; }
    }
    """

    def __init__(self, *, id: str) -> None:
        super().__init__(id=id)
        self._view: View | None = None
        self._counts: NodeCounts | None = None

    def show(self, view: View) -> None:
        """Show the run at a moment."""
        self._view = view
        if self._counts is None or self._counts.record is not view.record:
            self._counts = NodeCounts(view.record)
        self.refresh()

    def render_line(self, y: int) -> Strip:
        """Draw as much as there is room for."""
        width, back = self.size.width, self.rich_style
        segments = [Segment(" ", back)]
        if self._view is not None and self._counts is not None:
            for part in fit(tell_run(self._view, self._counts), width):
                segments += [self._draw(part), Segment(GAP, back)]
        return Strip(segments).crop_extend(0, width, back)

    def _draw(self, part: Part) -> Segment:
        style = self.rich_style
        if part.kind is not None:
            style += self.get_component_rich_style(f"header--{part.kind}", partial=True)
        return Segment(part.text, style)
