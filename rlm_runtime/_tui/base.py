"""The core of the viewer: one record, one cursor in it, and panes that all show the same moment."""

from __future__ import annotations

import time
from typing import Protocol

from textual.app import App

from rlm_runtime._tui.collecting import Collector
from rlm_runtime._tui.record.critical_path import CriticalPath
from rlm_runtime._tui.record.entry import Entry
from rlm_runtime._tui.record.record import Record
from rlm_runtime._tui.rows import RowMaker, Rows
from rlm_runtime._tui.source import Batch, Source, State
from rlm_runtime._tui.tree.layout import GroupKey
from rlm_runtime._tui.view import Heat, View

_SECONDS_PER_SHOW = 0.1
"""While a trace is read, the panes are drawn anew not more often."""
_PART_PER_SHOW = 0.2
"""Nor before it has been read for so much longer: else drawing ever more would take the square of
the time that reading does."""


class Pane(Protocol):
    """What shows a view."""

    def show(self, view: View) -> None:
        """Draw itself anew for a view."""
        ...


class ViewerBase(App[None]):
    """The state of the viewer; every change ends in `show_soon`."""

    def __init__(self, source: Source, *, follow: bool = False) -> None:
        super().__init__()
        # To scroll smoothly writes the screen sixty times, which takes seconds on a slow line
        self.animation_level = "none"
        self.source = source
        self.record = Record()
        self.position = -1
        self.entry: Entry | None = None
        self.group: GroupKey | None = None
        """The group of the selected entry, where the row of the group is selected."""
        self.state: State = "reading"
        self.damage = ""
        self.following = True
        """Whether the moment stays at the newest event; so it does until all is read."""
        self.tracking = True
        """Whether the selection goes to the entry of the event that the moment comes to."""
        self.playing = False
        self.speed = 1.0
        self.skip_idle = False
        self.heat: Heat = "off"
        self.critical: dict[int, float] = {}
        self.path = CriticalPath()
        self.zoom: Entry | None = None
        self.folded: set[int] = set()
        self.opened: set[GroupKey] = set()
        self.matches: frozenset[int] | None = None
        self.filter = ""
        self.search = ""
        self.found: tuple[int, ...] = ()
        self.view = View(record=self.record, position=-1, entry=None)
        """What the panes show; not newer than the last `show_soon`."""
        self.collector: Collector | None = None
        """What is told of the events, where this process is there for the viewer."""
        self._row_maker = RowMaker()
        self._follow_on = follow
        self._is_stale = False
        self._shown_at = 0.0
        self._reads_since = time.monotonic()

    def panes(self) -> list[Pane]:
        """Name the panes; the app that has them overrides it."""
        return []

    def move_to(self, position: int, *, track: bool | None = None) -> None:
        """Show another moment.

        Args:
            position: The event after which it is; kept within the record.
            track: Whether the selection goes to the event's entry; None: if the user wants it to.
        """
        self.following = False
        self._set_position(position)
        if self.tracking if track is None else track:
            owner = self.record.owners[self.position] if self.position >= 0 else None
            if owner is not None and owner is not self.entry:
                self.entry, self.group = owner, None
        self.show_soon()

    def select(self, entry: Entry, group: GroupKey | None = None) -> None:
        """Select an entry; the moment stays.

        Args:
            entry: It.
            group: Its group, if it stands for all of that.
        """
        self.entry, self.group = entry, group
        self.show_soon()

    def follow(self, following: bool) -> None:
        """Keep the moment at the newest event from now on, or leave it where it is."""
        self.following = following
        if following:
            self.playing = False
            self._set_position(self.record.last)
        self.show_soon()

    def show_soon(self) -> None:
        """Draw the panes anew, once, when the messages that are waiting have been handled."""
        if not self._is_stale:
            self._is_stale = True
            self.call_later(self._show_while_open)

    def _show_while_open(self) -> None:
        # The panes are gone before the last messages have been handled
        if self.is_running:
            self.show()

    def show(self) -> None:
        """Draw the panes anew."""
        self._is_stale = False
        self._shown_at = time.monotonic()
        self.view = self.make_view()
        for pane in self.panes():
            pane.show(self.view)

    def rows(self) -> Rows:
        """Give the rows for the moment, as they are now."""
        return self._row_maker.rows(
            self.record,
            self.position,
            folded=self.folded,
            opened=self.opened,
            zoom=self.zoom,
            matches=self.matches,
        )

    def make_view(self) -> View:
        """Put together what the panes show."""
        rows = self.rows()
        return View(
            record=self.record,
            position=self.position,
            entry=self.entry,
            rows=rows,
            row=rows.find(self.entry, self.group),
            state=self.state,
            part_read=self.source.part_read,
            damage=self.damage,
            following=self.following,
            playing=self.playing,
            speed=self.speed,
            skip_idle=self.skip_idle,
            heat=self.heat,
            critical=self.critical,
            path=self.path,
            zoom=self.zoom,
            filter=self.filter,
            search=self.search,
            found=self.found,
        )

    async def read(self) -> None:
        """Read the record from its source, as long as the viewer is open."""
        async for batch in self.source.batches():
            self.take(batch)

    def take(self, batch: Batch) -> None:
        """Take in some more events."""
        for event, place, cut in batch.events:
            self.record.add(event, place, cut=cut)
        is_news = bool(batch.events) or (batch.state, batch.damage) != (self.state, self.damage)
        if self.collector is not None:
            self.collector.take(len(batch.events), is_last=not batch.events)
        if self.state == "reading" and batch.state != "reading":
            self.following = self.following and (self._follow_on or self.position < 0)
        self.state, self.damage = batch.state, batch.damage
        if self.following:
            self._set_position(self.record.last)
        if self.entry is None and self.record.roots:
            self.entry = self.record.roots[0]
        if not is_news:
            return
        if self.state != "reading" or time.monotonic() - self._shown_at >= self._pause():
            self.show_soon()

    def _pause(self) -> float:
        """Give the seconds from one drawing to the next while the trace is read."""
        return max(_SECONDS_PER_SHOW, _PART_PER_SHOW * (self._shown_at - self._reads_since))

    def _set_position(self, position: int) -> None:
        self.position = max(min(position, self.record.last), min(0, self.record.last))
