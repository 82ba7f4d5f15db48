"""Playing a run in its own time, faster or slower."""

from __future__ import annotations

import time

from textual.binding import Binding
from textual.timer import Timer

from rlm_runtime._tui.base import ViewerBase
from rlm_runtime._tui.playback import Playback, next_speed
from rlm_runtime._tui.stepping import Subtree

_SECONDS_PER_TICK = 1 / 20
"""To draw a large screen takes more than half of that: others have to come in between."""
_LONGEST_TICK = 1.0
"""A process that was stopped for an hour goes on where it was, and does not jump."""
_NOTICE_SECONDS = 3.0


class PlayActions(ViewerBase):
    """Playing and pausing."""

    BINDINGS = [
        Binding("space", "toggle_play", "Play", id="play"),
        Binding("left_square_bracket", "change_speed(-1)", "Slower", id="play.slower", show=False),
        Binding("right_square_bracket", "change_speed(1)", "Faster", id="play.faster", show=False),
        Binding("i", "toggle_idle", "Skip idle time", id="play.idle", show=False),
    ]

    _playback: Playback | None = None
    _ticked_at = 0.0
    _play_timer: Timer | None = None
    _subtree: Subtree | None = None
    _noticed: tuple[str, float] = "", 0.0

    def action_toggle_play(self) -> None:
        """Play from the moment on, from the start if it is the last one; or pause."""
        if self.playing:
            self.pause()
            return
        if self.record.last < 0:
            return
        if self.position >= self.record.last and self.state == "still":
            first, _ = self.reach()
            self.go_to(first)
        self.following = False
        self.playing = True
        self._playback, self._ticked_at = None, time.monotonic()
        if self._play_timer is None:
            self._play_timer = self.set_interval(_SECONDS_PER_TICK, self._tick)
        self.show_soon()

    def action_change_speed(self, by: int) -> None:
        """Play at the next speed."""
        self.speed = next_speed(self.speed, by)
        self.show_soon()

    def action_toggle_idle(self) -> None:
        """Skip idle time, or play it."""
        self.skip_idle = not self.skip_idle
        self.show_soon()

    def pause(self) -> None:
        """Stay at the moment."""
        self.playing = False
        self._stop_ticking()
        self.show_soon()

    def go_to(self, position: int, *, track: bool | None = None) -> None:
        """Go to a moment; where a subtree is zoomed into, the selection does not leave it.

        Args:
            position: The event after which it is.
            track: Whether its entry is selected; None: if the user wants it to.
        """
        within = self.within()
        if within is not None and not within.holds(self.record.owners[position]):
            track = False
        self.move_to(position, track=track)

    def within(self) -> Subtree | None:
        """Give what stepping is confined to: the subtree that is zoomed into, if there is one."""
        if self.zoom is None:
            self._subtree = None
        elif self._subtree is None or self._subtree.top is not self.zoom:
            self._subtree = Subtree(self.record, self.zoom)
        return self._subtree

    def reach(self) -> tuple[int, int]:
        """Give the first and the last position that stepping comes to."""
        within = self.within()
        if within is None:
            return 0, self.record.last
        return within.positions[0], within.positions[-1]

    def notice(self, text: str) -> None:
        """Tell something for a moment; not again while it is still on the screen."""
        now = time.monotonic()
        before, at = self._noticed
        if text != before or now - at >= _NOTICE_SECONDS:
            self._noticed = text, now
            self.notify(text, timeout=_NOTICE_SECONDS, markup=False)

    def _tick(self) -> None:
        """Go on by as much as has gone by; a tick that comes late goes farther."""
        if not self.playing:
            self._stop_ticking()
            return
        now = time.monotonic()
        elapsed = min(now - self._ticked_at, _LONGEST_TICK) * self.speed
        self._ticked_at = now
        if self._playback is None or self._playback.position != self.position:
            # The user went elsewhere: it plays on from there
            self._playback = Playback(self.record, self.position)
        position = self._playback.advance(elapsed, skip_idle=self.skip_idle)
        if position != self.position:
            self.go_to(position)
        if self._playback.is_at_end:
            self._arrive()

    def _arrive(self) -> None:
        """Stop at the end of a run; one that goes on is followed from here."""
        if self.state == "still":
            self.pause()
        elif self.state == "growing":
            self._stop_ticking()
            self.follow(True)

    def _stop_ticking(self) -> None:
        if self._play_timer is not None:
            self._play_timer.stop()
            self._play_timer = None
