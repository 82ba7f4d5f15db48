"""The terminal of the viewer, which must never hold up the event loop that it shares."""

from __future__ import annotations

import asyncio
import os
import select
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from queue import Full

from rich.segment import Segment
from rich.style import Style
from textual.color import Color
from textual.drivers.linux_driver import LinuxDriver
from textual.filter import LineFilter

_PATIENCE = 0.5
"""Seconds that what puts the terminal right may wait for it."""
_SECONDS_PER_LOOK = 0.1
_SECONDS_PER_LISTEN = 1.0
_GONE = select.POLLHUP | select.POLLERR | select.POLLNVAL
_TAKEN = (signal.SIGTSTP, signal.SIGCONT, signal.SIGWINCH)
"""The signals that Textual handles, and goes on handling after its end."""


class Terminal(LinuxDriver):
    """Draws on the terminal that stderr is; what it does not take in time is left out."""

    _is_on = False
    _is_suspended = False
    _is_ending = False
    _is_behind = False
    _listening: asyncio.TimerHandle | None = None

    def write(self, data: str) -> None:
        """Write to the terminal, or leave it out where too much waits already."""
        writer = self._writer_thread
        if writer is None:
            return
        queue = writer._queue
        try:
            # Textual's own waits here, as long as a stalled connection likes
            if self._is_ending and writer.is_alive():
                queue.put(data, timeout=_PATIENCE)
            else:
                queue.put_nowait(data)
        except Full:
            self._fall_behind()

    def run_input_thread(self) -> None:
        """Read what is typed; what is no UTF-8 is left out."""
        while not self.exit_event.is_set():
            # Textual's own would end the viewer at such a byte
            with suppress(UnicodeDecodeError):
                super().run_input_thread()

    def start_application_mode(self) -> None:
        """Take the terminal, if this process may: it may be in the background."""
        super().start_application_mode()  # type: ignore[no-untyped-call]  # Textual has no type for it
        self._is_on = self._writer_thread is not None
        self._listen()

    def stop_application_mode(self) -> None:
        """Put the terminal right."""
        self._is_on = False
        if self._listening is not None:
            self._listening.cancel()
        if self._writer_thread is None:
            return
        self._is_ending = True
        super().stop_application_mode()
        self._is_ending = False

    def suspend_application_mode(self) -> None:
        """Give the terminal to somebody else for a while."""
        super().suspend_application_mode()
        self._is_suspended = True

    def resume_application_mode(self) -> None:
        """Take the terminal back, as after any SIGCONT.

        Where it was never given away, others may have used it: so it is set and drawn anew.
        Textual's own would set it a second time, also after its end, with threads nobody ends.
        """
        if self._is_on:
            self.suspend_application_mode()
            self._app.refresh(layout=True)
        if self._is_suspended:
            super().resume_application_mode()
            self._is_suspended = not self._is_on

    def close(self) -> None:
        """Write out what waits, if the terminal takes it."""
        writer, self._writer_thread = self._writer_thread, None
        if writer is not None:
            with suppress(Full):
                writer._queue.put(None, timeout=_PATIENCE)
            writer.join(_PATIENCE)

    def _listen(self) -> None:
        """End the viewer once its terminal is gone: reading from that would never wait."""
        if not self._is_on:
            return
        poll = select.poll()
        poll.register(self.fileno, 0)
        if any(state & _GONE for _, state in poll.poll(0)):
            self._app.exit()
        else:
            self._listening = self._loop.call_later(_SECONDS_PER_LISTEN, self._listen)

    def _fall_behind(self) -> None:
        if not self._is_behind and not self._is_ending:
            self._is_behind = True
            self._loop.call_later(_SECONDS_PER_LOOK, self._catch_up)

    def _catch_up(self) -> None:
        """Draw the whole screen anew once the terminal takes something again."""
        writer = self._writer_thread
        if writer is None or not self._app.is_running:
            return
        if writer._queue.empty():
            self._is_behind = False
            self._app.refresh(layout=True)
        else:
            self._loop.call_later(_SECONDS_PER_LOOK, self._catch_up)

    def _get_terminal_size(self) -> tuple[int, int]:
        # Textual's own asks stdout, which may be a file
        try:
            return os.get_terminal_size(2 if self._file is None else self._file.fileno())
        except OSError:
            return super()._get_terminal_size()


class Styled(LineFilter):
    """Gives each segment a style; what Textual filters with NO_COLOR must have one."""

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:
        """Give those without a style an empty one."""
        none = Style.null()
        return [Segment(text, style or none, control) for text, style, control in segments]


@contextmanager
def own_handlers() -> Iterator[None]:
    """Put back the handlers of the signals that Textual takes, at the end of the block."""
    before = {signum: signal.getsignal(signum) for signum in _TAKEN}
    try:
        yield
    finally:
        for signum, handler in before.items():
            signal.signal(signum, handler)


def use_plain_tasks() -> None:
    """Take back the task factory that Textual sets for the whole loop, from Python 3.12 on.

    A run may share the loop, and its tasks must not begin before who made them says so.
    """
    asyncio.get_running_loop().set_task_factory(None)
