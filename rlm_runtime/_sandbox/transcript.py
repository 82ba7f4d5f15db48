"""The output of one execution, collected within bounds."""

from __future__ import annotations

from collections import deque

from rlm_runtime._excerpt import gap

_MAX_CHARS = 500_000


class Transcript:
    """Text that arrives in pieces: the head and the tail of it, and how much is missing."""

    def __init__(self, max_chars: int = _MAX_CHARS) -> None:
        self._half = max_chars // 2
        self._head: list[str] = []
        self._head_chars = 0
        self._tail: deque[str] = deque()
        self._tail_chars = 0
        self._omitted = 0

    def add(self, text: str, *, omitted: int = 0) -> None:
        """Take the next piece, after `omitted` characters that did not come."""
        if omitted:
            # What came so far is the head; the rest belongs behind the gap
            self._head_chars = self._half
            self._omitted += omitted
        room = self._half - self._head_chars
        head, rest = text[:room], text[room:]
        if head:
            self._head.append(head)
            self._head_chars += len(head)
        if rest:
            self._tail.append(rest)
            self._tail_chars += len(rest)
        while self._tail and self._tail_chars - len(self._tail[0]) >= self._half:
            dropped = len(self._tail.popleft())
            self._tail_chars -= dropped
            self._omitted += dropped

    def text(self) -> str:
        """Return what was collected, with a line in place of what is missing."""
        head, tail = "".join(self._head), "".join(self._tail)
        if not self._omitted:
            return head + tail
        return f"{head}{gap(self._omitted)}{tail}"
