"""Searching, filtering, and going from one entry to the next."""

from __future__ import annotations

from dataclasses import replace

from textual.binding import Binding
from textual.widget import Widget

from rlm_runtime._tui.actions.filtering import FilterActions
from rlm_runtime._tui.actions.searching import SearchActions
from rlm_runtime._tui.finding.completion import is_name_begun
from rlm_runtime._tui.finding.lines import Dropped, FindLines, Kept, Line, LineName, Typed
from rlm_runtime._tui.node_tree import NodeTree
from rlm_runtime._tui.view import View


class FindActions(SearchActions, FilterActions):
    """Opens the lines at the bottom, and does what they say."""

    BINDINGS = [Binding("escape", "clear", "Clear", id="clear", show=False)]

    _focused_before: Widget | None = None

    def action_open_search(self) -> None:
        """Let the user type what to look for."""
        self._open_line("search")

    def action_open_filter(self) -> None:
        """Let the user type which entries to show."""
        self._open_line("filter")

    def action_clear(self) -> None:
        """Clear the search; where there is none the filter; where there is none the zoom."""
        lines = self.query_one(FindLines)
        if lines.line("search").value:
            lines.line("search").value = ""
        elif lines.line("filter").value:
            lines.line("filter").value = ""
        elif self.zoom is not None:
            self.zoom = None
            self.show_soon()

    def on_typed(self, message: Typed) -> None:
        """Do what a line says now."""
        if message.line == "search":
            self.set_search(message.text)
        elif not is_name_begun(message.text):
            self.set_filter(message.text)

    def on_kept(self, message: Kept) -> None:
        """Leave a line, and do what it says now; after a search go to the first match."""
        if message.line == "search":
            self.want_match()
        else:
            self.set_filter(self.query_one(FindLines).line("filter").value)
        self._leave_line()

    def on_dropped(self, message: Dropped) -> None:
        """Leave a line that says nothing any more."""
        self._leave_line()

    def make_view(self) -> View:
        """Add what was found."""
        self.match_entries()
        finding = self.found_so_far()
        return replace(
            super().make_view(),
            search=self.shown_search(),
            finding=replace(finding, let_through=self.let_through, filter_error=self.filter_error),
        )

    def _open_line(self, name: LineName) -> None:
        if not isinstance(self.focused, Line):
            self._focused_before = self.focused
        self.query_one(FindLines).open(name)

    def _leave_line(self) -> None:
        """Give the keys back to the pane that had them."""
        before = self._focused_before
        if before is None or not before.focusable:
            before = self.query_one(NodeTree)
        self.set_focus(before)
        self.show_soon()
