"""What the code prints: sent on as it comes, cut at the source when it is too much."""

from __future__ import annotations

import io
import time
from collections import deque
from collections.abc import Callable
from typing import Literal

from bootstrap.stopping import shielded

Emit = Callable[[str, str, int], None]
"""Sends text of a stream on, after so many characters that were left out."""

_HEAD_CHARS = 100_000
_TAIL_CHARS = 100_000
_PIECE_CHARS = 8192
_PIECE_SECONDS = 0.1
_EAGER_WRITES = 100


class Output(io.TextIOBase):
    """A text stream that sends its head at once and its tail when the cell ends.

    In between it only counts, so that a flood costs neither memory nor the wire.
    """

    def __init__(self, stream: Literal["stdout", "stderr"], emit: Emit) -> None:
        self._stream = stream
        self._emit = emit
        self._pieces: list[str] = []
        self._pending_chars = 0
        self._writes = 0
        self._sent_at = 0.0
        self._room = _HEAD_CHARS
        self._tail: deque[str] = deque()
        self._tail_chars = 0
        self._omitted = 0

    @property
    def encoding(self) -> str:  # type: ignore[override]
        """Name an encoding, for code that asks for one."""
        return "utf-8"

    def writable(self) -> bool:
        """Say yes."""
        return True

    @shielded
    def write(self, text: str) -> int:
        """Take text of any length."""
        if not isinstance(text, str):
            raise TypeError(f"write() argument must be str, not {type(text).__name__}")
        head, rest = text[: self._room], text[self._room :]
        self._room -= len(head)
        if head:
            self._pieces.append(head)
            self._pending_chars += len(head)
            self._writes += 1
        if rest:
            self._keep(rest)
        if self._is_due():
            self.flush()
        return len(text)

    @shielded
    def flush(self) -> None:
        """Send what was held back to spare the wire."""
        if self._pieces:
            text = "".join(self._pieces)
            self._pieces.clear()
            self._pending_chars = 0
            self._emit(self._stream, text, 0)
            self._sent_at = time.monotonic()

    def end_cell(self) -> None:
        """Send what is left, and begin to count anew."""
        self.flush()
        if self._tail:
            self._emit(self._stream, "".join(self._tail)[-_TAIL_CHARS:], self._dropped())
        self._tail.clear()
        self._tail_chars = self._omitted = self._writes = 0
        self._room = _HEAD_CHARS

    def _is_due(self) -> bool:
        if not self._pieces:
            return False
        # Code that is killed cannot flush, so its first lines go out at once
        if self._writes <= _EAGER_WRITES and self._pieces[-1].endswith("\n"):
            return True
        if self._pending_chars >= _PIECE_CHARS:
            return True
        return time.monotonic() - self._sent_at > _PIECE_SECONDS

    def _keep(self, text: str) -> None:
        self._omitted += len(text)
        self._tail.append(text[-_TAIL_CHARS:])
        self._tail_chars += len(self._tail[-1])
        while self._tail_chars - len(self._tail[0]) >= _TAIL_CHARS:
            self._tail_chars -= len(self._tail.popleft())

    def _dropped(self) -> int:
        return self._omitted - min(self._tail_chars, _TAIL_CHARS)
