"""Leaving the viewer, whether its user, a signal or an error ends it."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from textual.binding import Binding
from textual.driver import Driver
from textual.events import Load, Print
from textual.filter import LineFilter
from textual.worker import WorkerFailed

from rlm_runtime._errors import InputError
from rlm_runtime._printable import one_line
from rlm_runtime._tui.base import ViewerBase
from rlm_runtime._tui.keys import INTERRUPT
from rlm_runtime._tui.terminal import Styled, Terminal, use_plain_tasks

_SECONDS_TO_REPEAT = 5.0


class LeaveActions(ViewerBase):
    """Leaving the viewer.

    It also stops the run that the viewer shares a process with.
    """

    BINDINGS = [
        Binding("q", "quit", "Quit", id="quit"),
        INTERRUPT,
    ]

    stop_run: Callable[[], None] | None = None
    """Stops the run, if it goes on in this process."""
    was_interrupted = False
    """Whether the user left with ctrl+c."""
    keep_print: Callable[[str], None] | None = None
    """Takes what anybody in this process prints."""
    _interrupted_at = float("-inf")

    def hear(self, text: str) -> None:
        """Show what would have gone to stderr, in passing: it is told there afterwards."""
        if text.strip() and self.is_running:
            self.notify(one_line(text, 400), severity="warning", markup=False)

    def on_print(self, event: Print) -> None:
        """Hand on what a tool printed into this process: the screen is not for it."""
        if self.keep_print is not None:
            self.keep_print(event.text)

    @property
    def failure(self) -> Exception | None:
        """Give what ended the viewer, if it was an error."""
        error = self._exception
        while isinstance(error, WorkerFailed) and isinstance(error.error, Exception):
            error = error.error
        return error

    def action_interrupt(self) -> None:
        """Leave; where the run is this process's own, stop it when asked twice."""
        if self.stop_run is None:
            self.was_interrupted = True
            self.exit()
            return
        now = time.monotonic()
        if now - self._interrupted_at <= _SECONDS_TO_REPEAT:
            self.stop_run()
            return
        self._interrupted_at = now
        self.notify(
            "ctrl+c once more stops the run; q leaves the viewer, and the run goes on",
            severity="warning",
            timeout=_SECONDS_TO_REPEAT,
            markup=False,
        )

    def get_driver_class(self) -> type[Driver]:
        """Name what has the terminal."""
        return Terminal

    def get_line_filters(self) -> Sequence[LineFilter]:
        """Name what changes the looks of lines."""
        filters = super().get_line_filters()
        return [Styled(), *filters] if self.no_color else filters

    def on_load(self, _event: Load) -> None:
        """Leave the event loop as it was."""
        use_plain_tasks()
        if self.keep_print is not None:
            self.begin_capture_print(self)

    def _print_error_renderables(self) -> None:
        """Print nothing: a traceback would show what a model wrote; who opened it tells of it."""
        if self._exit_renderables and self._exception is None:
            self._exception = InputError("Cannot read from the terminal")
        self._exit_renderables.clear()
