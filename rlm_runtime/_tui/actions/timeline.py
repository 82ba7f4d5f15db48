"""Looking at the timeline more closely, and finding what made the run as long as it was."""

from __future__ import annotations

from itertools import islice

from anyio import to_thread
from anyio.lowlevel import checkpoint
from textual.binding import Binding

from rlm_runtime._tui.base import ViewerBase
from rlm_runtime._tui.lanes import Lanes
from rlm_runtime._tui.messages import Scrolled, TreeResized
from rlm_runtime._tui.node_tree import NodeTree
from rlm_runtime._tui.record.critical_path import CriticalPath, Ends, Segment, make_path, walk
from rlm_runtime._tui.view import View

_EVENTS_AT_ONCE = 5000
_SEGMENTS_AT_ONCE = 500


class TimelineActions(ViewerBase):
    """Zooming in time, and the critical path."""

    BINDINGS = [
        Binding("plus", "zoom_time(0.5)", "Less time", id="time.in", show=False),
        Binding("minus", "zoom_time(2)", "More time", id="time.out", show=False),
        Binding("equals_sign", "whole_time", "Whole run", id="time.whole", show=False),
        Binding("x", "toggle_critical", "Critical path", id="critical", show=False),
    ]

    _ends: Ends | None = None
    """None where the critical path is not asked for."""
    _path_at = -1
    _is_walking = False

    def on_mount(self) -> None:
        """Let the lanes stay beside the rows of the tree."""
        self.watch(self.query_one(NodeTree), "scroll_y", self._scroll_lanes)

    def _scroll_lanes(self, top: float) -> None:
        lanes = self.query_one(Lanes)
        # While the tree is shown anew they show what was before, and will be drawn after it
        if lanes.shown is self.view:
            lanes.scroll_with(top)

    def on_tree_resized(self, _: TreeResized) -> None:
        """Put the lanes beside the rows again, which were elsewhere while the tree was away."""
        tree = self.query_one(NodeTree)
        if tree.size.height:
            self._scroll_lanes(tree.scroll_y)

    def on_scrolled(self, message: Scrolled) -> None:
        """Scroll the tree, and with it the lanes."""
        self.query_one(NodeTree).scroll_relative(y=message.by, animate=False)

    def action_zoom_time(self, factor: float) -> None:
        """Show so many times as much time in the timeline."""
        self.query_one(Lanes).zoom_time(factor)

    def action_whole_time(self) -> None:
        """Show the whole run in the timeline."""
        self.query_one(Lanes).zoom_time(None)

    def action_toggle_critical(self) -> None:
        """Show the critical path, or no more."""
        self._ends = Ends(self.record) if self._ends is None else None
        self._path_at = -1
        self.path, self.critical = CriticalPath(), {}
        self.show_soon()

    def make_view(self) -> View:
        """Put together what the panes show, with the critical path of the moment."""
        if self._ends is not None and self._path_at != self.position and not self._is_walking:
            self._find_path(self._ends)
        return super().make_view()

    def _find_path(self, ends: Ends) -> None:
        """Find the path at once, where it is short; else beside what the user does."""
        if ends.catch_up(_EVENTS_AT_ONCE):
            segments = list(islice(walk(ends, self.position), _SEGMENTS_AT_ONCE))
            if len(segments) < _SEGMENTS_AT_ONCE:
                self._set_path(self.position, make_path(segments))
                return
        self._is_walking = True
        self.run_worker(self._walk(ends), group="critical", exclusive=True)

    async def _walk(self, ends: Ends) -> None:
        """Find the path in small parts; where the moment goes back meanwhile, of no use."""
        try:
            while not ends.catch_up(_EVENTS_AT_ONCE):
                await checkpoint()
            position = self.position
            steps, segments = walk(ends, position), list[Segment]()
            while part := list(islice(steps, _SEGMENTS_AT_ONCE)):
                segments += part
                await checkpoint()
            path = await to_thread.run_sync(make_path, segments)
            if self._ends is ends and position <= self.position:
                self._set_path(position, path)
        finally:
            self._is_walking = False
        self.show_soon()

    def _set_path(self, position: int, path: CriticalPath) -> None:
        self._path_at = position
        self.path, self.critical = path, path.seconds
