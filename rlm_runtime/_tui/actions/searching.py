"""Looking for a text in the whole run, and going from match to match."""

from __future__ import annotations

import time

from textual.binding import Binding

from rlm_runtime._errors import ConfigError
from rlm_runtime._events import (
    AnswerGiven,
    CodeExecuted,
    CodeStarted,
    Event,
    ModelReplied,
    ModelRequested,
    NodeEnded,
    SubCallEnded,
)
from rlm_runtime._tui.actions.going import GoActions
from rlm_runtime._tui.details.moment_page import NOW
from rlm_runtime._tui.details.pages import PAGES
from rlm_runtime._tui.details.pane import Details
from rlm_runtime._tui.finding.needle import PATTERN, make_needle
from rlm_runtime._tui.finding.search import Hit, Search, look_through
from rlm_runtime._tui.finding.state import Finding, Unreadable
from rlm_runtime._tui.source import Batch

_SECONDS_PER_SHOW = 0.1
_PAGES: dict[type[Event], str] = {
    CodeStarted: "Code",
    CodeExecuted: "Output",
    ModelRequested: "Messages",
    ModelReplied: "Messages",
    AnswerGiven: "Answer",
}


class SearchActions(GoActions):
    """The search line."""

    BINDINGS = [
        Binding("slash", "open_search", "Search", id="search", key_display="/"),
        Binding("n", "go_match(1)", "Next match", id="search.next", show=False),
        Binding("N", "go_match(-1)", "Previous match", id="search.previous", show=False),
    ]

    search_error: Unreadable | None = None
    _search: Search | None = None
    is_searching = False
    _told_at = 0.0
    _wants_match = False
    """Whether to go to the next match as soon as there is one."""

    def set_search(self, text: str) -> None:
        """Look for another text; for none, if it is empty."""
        self.search, self.found, self.search_error = text, (), None
        self._wants_match = False
        needle = None
        try:
            needle = make_needle(text)
        except ConfigError as exc:
            self.search_error = Unreadable(str(exc), len(PATTERN), "no looking around or back")
        self._search = Search(self.record, needle) if needle is not None else None
        self._search_on()
        self.show_soon()

    def want_match(self) -> None:
        """Go to the next match, now or when it is found, unless the moment is at one."""
        if self._search is not None and not self._search.number(self.position):
            self._wants_match = True
            self._tell_found()

    def action_go_match(self, by: int) -> None:
        """Go to the next match, or to the one before."""
        position = None if self._search is None else self._search.next(self.position, by)
        if position is not None:
            self._go_to_match(position)

    def take(self, batch: Batch) -> None:
        """Take in some more events, and look through them."""
        super().take(batch)
        if batch.events and self._search is not None and not self.is_searching:
            self._search_on()

    def found_so_far(self) -> Finding:
        """Tell what has been found."""
        search = self._search
        if search is None:
            return Finding(text=self.search, search_error=self.search_error)
        self.found = self.found if len(self.found) == len(search.found) else tuple(search.found)
        hit = search.hit(self.position)
        owner = self.record.owners[self.position] if hit is not None else None
        of_node = None if owner is None else owner.number_at(self.position)
        of = "" if of_node is None else f" of node {of_node}"
        return Finding(
            text=self.search,
            number=search.number(self.position),
            where="" if hit is None else f"{hit.name}{of}: {hit.around}",
            is_searching=not search.is_done,
            search_error=self.search_error,
            entries=search.entries,
        )

    def shown_search(self) -> str:
        """Give the text to be marked: what was typed, or what the pattern found at the moment."""
        hit = None if self._search is None else self._search.hit(self.position)
        if hit is not None:
            return hit.matched
        return "" if self.search.startswith(PATTERN) else self.search

    def _search_on(self) -> None:
        """Look through the events that were not looked through yet, and stop any other search."""
        self.is_searching = self._search is not None
        self.run_worker(self._look(self._search), group="search", exclusive=True)

    async def _look(self, search: Search | None) -> None:
        if search is not None:
            await look_through(search, self.source, self._tell_found)
            self.is_searching = False
            self._told_at = 0.0
            self._tell_found()

    def _tell_found(self) -> None:
        """Show what was found, not too often, and go there if the user waits for it."""
        search = self._search
        if search is not None and self._wants_match:
            position = search.next(self.position, 1)
            if position is not None and (position > self.position or search.is_done):
                self._wants_match = False
                self._go_to_match(position)
        if time.monotonic() - self._told_at > _SECONDS_PER_SHOW:
            self._told_at = time.monotonic()
            self.show_soon()

    def _go_to_match(self, position: int) -> None:
        self.move_to(position, track=False)
        owner = self.record.owners[position]
        if owner is not None:
            self.select_in_sight(owner)
        # After the panes have been told of the moment
        self.call_later(self._show_match, position)

    def _show_match(self, position: int) -> None:
        """Turn to the page that the match is on; the one that tells of the moment has them all."""
        hit = None if self._search is None else self._search.hit(position)
        if hit is None or position != self.position:
            return
        details = self.query_one(Details)
        for name in (page_of(hit, self.record.events[position]), NOW.name):
            details.turn_to([page.name for page in PAGES].index(name))
            if details.go_to_match():
                return


def page_of(hit: Hit, event: Event) -> str:
    """Name the page of the details that a match is on."""
    if isinstance(event, NodeEnded | SubCallEnded):
        return "Error" if hit.name == "error" else "Answer"
    return _PAGES.get(type(event), NOW.name)
