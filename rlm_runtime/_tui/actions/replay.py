"""Moving through time."""

from __future__ import annotations

from typing import Literal

from textual.binding import Binding
from textual.widgets import Input

from rlm_runtime._printable import one_line
from rlm_runtime._tui.actions.playing import PlayActions
from rlm_runtime._tui.go_to import GoTo, MomentTyped
from rlm_runtime._tui.stepping import (
    read_moment,
    step,
    step_in_entry,
    step_iteration,
    step_mark,
)

Mark = Literal["error", "child", "answer"]


class ReplayActions(PlayActions):
    """Stepping, seeking and following.

    Where a subtree is zoomed into, all steps and jumps visit its events only; a typed moment, the
    seek bar and playing go through the whole run's time all the same.
    """

    BINDINGS = [
        Binding("right", "step(1)", "Next event", id="step.next", show=False),
        Binding("left", "step(-1)", "Previous event", id="step.previous", show=False),
        Binding(
            "shift+right", "step_iteration(1)", "Next iteration", id="iteration.next", show=False
        ),
        Binding(
            "shift+left",
            "step_iteration(-1)",
            "Previous iteration",
            id="iteration.previous",
            show=False,
        ),
        Binding("full_stop", "step_in_entry(1)", "Its next event", id="own.next", show=False),
        Binding("comma", "step_in_entry(-1)", "Its previous event", id="own.previous", show=False),
        Binding("home", "seek_start", "Start", id="seek.start", show=False),
        Binding("end", "seek_end", "End", id="seek.end", show=False),
        Binding("e", "step_mark('error', 1)", "Next error", id="error.next"),
        Binding("E", "step_mark('error', -1)", "Previous error", id="error.previous", show=False),
        Binding("c", "step_mark('child', 1)", "Next child", id="child.next", show=False),
        Binding("C", "step_mark('child', -1)", "Previous child", id="child.previous", show=False),
        Binding("a", "step_mark('answer', 1)", "Next answer", id="answer.next", show=False),
        Binding(
            "A", "step_mark('answer', -1)", "Previous answer", id="answer.previous", show=False
        ),
        Binding("colon,ctrl+g", "go_to", "Go to a time", id="seek.to", show=False),
        Binding("f", "toggle_follow", "Follow", id="follow"),
        Binding("t", "toggle_track", "Track", id="track", show=False),
    ]

    def action_step(self, by: int) -> None:
        """Go to the next event, or to the one before."""
        self._step_to(step(self.record, self.position, by, self.within()))

    def action_step_in_entry(self, by: int) -> None:
        """Go to the next event of the selected entry, or to the one before."""
        if self.entry is not None:
            self._step_to(step_in_entry(self.entry, self.position, by))

    def action_step_iteration(self, by: int) -> None:
        """Go to the next iteration of the selected entry, or to the one before."""
        if self.entry is not None:
            self._step_to(step_iteration(self.entry, self.position, by))

    def action_step_mark(self, mark: Mark, by: int) -> None:
        """Go to the next error, child or answer, or to the one before, and select its entry.

        A run is opened at its end: where there is none that way, it goes on from the other end.
        """
        marks = self.record.marks
        positions = {"error": marks.errors, "child": marks.children, "answer": marks.answers}[mark]
        within = self.within()
        found = step_mark(self.record, positions, self.position, by, within)
        place = "" if within is None else " in this subtree"
        if found is None:
            far = -1 if by > 0 else self.record.last + 1
            found = step_mark(self.record, positions, far, by, within)
            end = "first" if by > 0 else "last"
            self.notice(f"No {mark}{place}" if found is None else f"The {end} {mark}{place}")
        self._step_to(found, track=True)

    def action_seek_start(self) -> None:
        """Go to the first event."""
        if self.record.last >= 0:
            self.go_to(self.reach()[0])

    def action_seek_end(self) -> None:
        """Go to the last event; where the run goes on, stay at its newest one."""
        if self.record.last >= 0:
            self.go_to(self.reach()[1])
        if self.state == "growing" and self.zoom is None:
            self.follow(True)

    async def action_go_to(self) -> None:
        """Ask for a moment to go to."""
        if self.screen.query("#seek") and not self.screen.query(GoTo):
            line = GoTo(back_to=self.focused)
            await self.screen.mount(line, before="#seek")
            # Not by focus(), which waits for its turn: what is typed next is for it
            self.screen.set_focus(line.query_one(Input))

    def on_moment_typed(self, message: MomentTyped) -> None:
        """Go to the moment that was typed."""
        found = read_moment(self.record, message.text)
        if found is None:
            text = one_line(message.text, 40)
            self.notice(f"Cannot go to {text!r}: type 12.5, 1m30, 50% or #1234")
            return
        message.asked_by.close()
        self.go_to(found)

    def action_toggle_follow(self) -> None:
        """Stay at the newest event, or no more."""
        self.follow(not self.following)

    def action_toggle_track(self) -> None:
        """Let the selection go along with the events, or stay."""
        self.tracking = not self.tracking
        self.notice(f"The selection {'goes along with events' if self.tracking else 'stays'}")

    def _step_to(self, found: int | None, *, track: bool | None = None) -> None:
        """Go to a moment, if there is one, and stay there."""
        if found is not None:
            self.pause()
            self.go_to(found, track=track)
