"""Messages to the user, which must never end a run that costs money, nor steer the terminal."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TextIO, cast

from rlm_runtime._printable import printable

_TAKE_AWAY = "\r\x1b[2K"


class _Held:
    """What was written while the screen is somebody else's."""

    def __init__(self, hear: Callable[[str], None]) -> None:
        self.hear = hear
        self.texts: list[str] = []

    def write(self, text: str) -> None:
        self.texts.append(text)
        self.hear(text)


_holding: list[_Held] = []


class _Printable:
    """A stream that shows what is written to it, and obeys nothing of it."""

    def __init__(self, stream: TextIO) -> None:
        self.stream = stream

    def write(self, text: str) -> int:
        if _holding:
            _holding[-1].write(printable(text))
        else:
            self.stream.write(printable(text))
        return len(text)

    def writelines(self, lines: list[str]) -> None:
        for line in lines:
            self.write(line)

    def __getattr__(self, name: str) -> object:
        return getattr(self.stream, name)


def protect_stderr() -> None:
    """Neutralise what anybody writes to stderr: warnings, logging, tracebacks of threads."""
    if sys.stderr is not None:
        sys.stderr = cast(TextIO, _Printable(sys.stderr))  # it has all methods of the stream


def tell(text: str, end: str = "\n") -> None:
    """Write to stderr, if anybody reads it; of control characters only LF and tab count."""
    _write(f"{printable(text)}{end}")


@contextmanager
def held_back(hear: Callable[[str], None]) -> Iterator[None]:
    """Write what is told within the block at its end: the screen is somebody else's.

    Args:
        hear: Gets all of it at once, too.
    """
    held = _Held(hear)
    _holding.append(held)
    try:
        yield
    finally:
        _holding.remove(held)
        _write("".join(held.texts))


def redraw(line: str) -> None:
    """Write a line of a terminal over what stands in it; an empty one takes that away."""
    if not _holding:
        _write(f"{_TAKE_AWAY}{printable(line)}")


def _write(text: str) -> None:
    if _holding:
        _holding[-1].write(text)
        return
    stream = sys.stderr
    if isinstance(stream, _Printable):  # the text is safe, and may hold our own sequence
        stream = stream.stream
    if stream is None:  # the process was started with stderr closed
        return
    try:
        stream.write(text)
        stream.flush()
    except OSError:
        # What is left in the buffer would fail again at exit, and spoil the exit status
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, stream.fileno())
        os.close(null)
