"""The viewer of a run: its layout, and what its panes report."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.widgets import Static

from rlm_runtime._tui.actions.details import DetailsActions
from rlm_runtime._tui.actions.finding import FindActions
from rlm_runtime._tui.actions.following import FollowActions
from rlm_runtime._tui.actions.habits import HabitActions
from rlm_runtime._tui.actions.insight import InsightActions
from rlm_runtime._tui.actions.replay import ReplayActions
from rlm_runtime._tui.actions.timeline import TimelineActions
from rlm_runtime._tui.actions.tree import TreeActions
from rlm_runtime._tui.base import Pane
from rlm_runtime._tui.details.pane import Details
from rlm_runtime._tui.finding.lines import FindLines
from rlm_runtime._tui.footer import KeyLine
from rlm_runtime._tui.header import Header
from rlm_runtime._tui.laid_out import Frame
from rlm_runtime._tui.lanes import Lanes
from rlm_runtime._tui.messages import Selected, Sought
from rlm_runtime._tui.node_tree import NodeTree
from rlm_runtime._tui.notice import Notice
from rlm_runtime._tui.seek_bar import SeekBar


# The keys of the last one come first in the footer
class Viewer(
    FollowActions,
    HabitActions,
    InsightActions,
    DetailsActions,
    TimelineActions,
    TreeActions,
    FindActions,
    ReplayActions,
):
    """Shows one run: its tree, its timeline and the details of one moment."""

    CSS_PATH = "app.tcss"
    TITLE = "rlm view"
    HORIZONTAL_BREAKPOINTS = [
        (0, "-tiny"),
        (30, "-slim"),
        (70, "-narrow"),
        (100, "-wide"),
        (160, "-huge"),
        (240, "-vast"),
    ]
    VERTICAL_BREAKPOINTS = [(0, "-flat"), (6, "-low"), (14, "-high")]

    def compose(self) -> ComposeResult:
        """Lay out the screen."""
        yield Static("Too small a terminal", id="too-small", markup=False)
        yield Header(id="header")
        with Frame(id="panes"):
            with Frame(id="run"):
                yield NodeTree(id="tree")
                yield Lanes(id="lanes")
            yield Details(id="details")
        yield Notice(self.how_to_resume, id="notice")
        yield FindLines(id="find")
        yield SeekBar(id="seek")
        yield KeyLine(show_command_palette=False)

    def panes(self) -> list[Pane]:
        """Name the panes; the lanes are shown after them, beside the rows of the tree."""
        return [
            self.query_one(Header),
            self.query_one(NodeTree),
            self.query_one(Details),
            self.query_one(Notice),
            self.query_one(FindLines),
            self.query_one(SeekBar),
        ]

    def on_mount(self) -> None:
        """Begin to read."""
        self.query_one(NodeTree).focus()
        self.run_worker(self.read(), exit_on_error=True)

    def on_selected(self, message: Selected) -> None:
        """Select the entry that a pane names."""
        self.select(message.entry, message.group)

    def on_sought(self, message: Sought) -> None:
        """Go to the moment that a pane names."""
        self.move_to(message.position)
