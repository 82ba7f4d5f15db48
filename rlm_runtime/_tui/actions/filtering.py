"""Showing only the entries that a filter lets through."""

from __future__ import annotations

from textual.binding import Binding

from rlm_runtime._tui.base import ViewerBase
from rlm_runtime._tui.finding.matching import Matcher
from rlm_runtime._tui.finding.query import QueryError, parse_query
from rlm_runtime._tui.finding.state import Unreadable


class FilterActions(ViewerBase):
    """The filter line."""

    BINDINGS = [Binding("ampersand", "open_filter", "Filter", id="filter", key_display="&")]

    filter_error: Unreadable | None = None
    let_through = 0
    """How many entries match the filter."""
    _matcher: Matcher | None = None
    _matched_at: tuple[int, bool] | None = None

    def set_filter(self, text: str) -> None:
        """Let only the entries through that a filter is for; all, if there is nothing in it.

        As long as it cannot be read the one before it holds on.
        """
        try:
            query = parse_query(text)
        except QueryError as exc:
            self.filter_error = Unreadable(str(exc), exc.place, exc.possible)
        else:
            self.filter_error = None
            self.filter = text.strip()
            self._matcher = Matcher(self.record, query) if query else None
            self._matched_at = None
        self.show_soon()

    def match_entries(self) -> None:
        """Find what the filter lets through at the moment, unless that is known."""
        if self._matcher is None:
            self.matches, self.let_through = None, 0
            return
        # What there is to find at a moment does not change, but for what is known of its end
        is_over = self.state == "still" and self.position >= self.record.last
        moment = self.position, is_over
        if moment == self._matched_at:
            return
        self._matched_at = moment
        found = self._matcher.matches(self.position, is_over=is_over)
        self.let_through = len(found.found)
        if self.matches != found.ids:
            self.matches = found.ids
