"""Large payloads on their way in: each piece goes straight to where the whole will lie."""

from __future__ import annotations

import codecs
import io
import json
from collections.abc import Callable
from typing import Protocol

Copy = Callable[[int, int, int, int, int], int]
"""`PyUnicode_CopyCharacters`, taking objects by their id.

Raises SystemError where the target is too narrow for the characters of the source.
"""

# Python stores a text in one of four widths, and relies on its being the narrowest
_WIDEST = ("\x7f", "\xff", "\uffff", "\U0010ffff")


class Piece(Protocol):
    """Bytes that JavaScript holds."""

    def to_bytes(self) -> bytes:
        """Copy them into bytes."""
        ...

    def assign_to(self, to: memoryview) -> None:
        """Copy them to where there is just as much room."""
        ...

    def __len__(self) -> int: ...


class _Text:
    """A text of known length, which no other reference holds: so it can be filled in."""

    def __init__(self, characters: int, copy: Copy) -> None:
        self._text = "\0" * characters
        self._filled = 0
        self._copy = copy
        # The host has ended each of its pieces at a character, but those of a pipe end anywhere
        self._decoder = codecs.getincrementaldecoder("utf-8")("surrogatepass")

    def add(self, piece: Piece) -> None:
        part = self._decoder.decode(piece.to_bytes())
        try:
            self._copy(id(self._text), self._filled, id(part), 0, len(part))
        except SystemError:
            self._widen(max(part))
            self._copy(id(self._text), self._filled, id(part), 0, len(part))
        self._filled += len(part)

    def _widen(self, character: str) -> None:
        fill = next(widest for widest in _WIDEST if character <= widest)
        wider = fill * len(self._text)
        self._copy(id(wider), 0, id(self._text), 0, self._filled)
        self._text = wider

    def whole(self) -> str:
        self._decoder.decode(b"", final=True)
        if self._filled != len(self._text):
            raise ValueError(f"{self._filled} characters came instead of {len(self._text)}")
        return self._text


class _Bytes:
    """Bytes of known length; a file takes over those that it is given, and gives them away."""

    def __init__(self, size: int) -> None:
        self._file = io.BytesIO(bytes(size))
        self._filled = 0

    def add(self, piece: Piece) -> None:
        end = self._filled + len(piece)
        with self._file.getbuffer() as view:
            piece.assign_to(view[self._filled : end])
        self._filled = end

    def whole(self) -> bytes:
        return self._file.getvalue()


class Arrival:
    """A message whose payload is on its way."""

    def __init__(self, text: str, size: int, copy: Copy) -> None:
        self.text = text
        self._left = size
        self._into: _Text | _Bytes | None = None
        about = json.loads(text)["payload"]
        try:
            if about["kind"] == "utf8":
                self._into = _Text(about["characters"], copy)
            else:
                self._into = _Bytes(size)
        # More than 2 GiB is more than can be counted here
        except (MemoryError, OverflowError):
            # Its pieces come all the same
            pass

    def take(self, piece: Piece) -> bool:
        """Take the next piece; tell whether it was the last one."""
        self._left -= len(piece)
        try:
            if self._into is not None:
                self._into.add(piece)
        except MemoryError:
            self._into = None
        return self._left <= 0

    def payload(self) -> bytes | str | None:
        """Return the whole payload, or None where it did not fit into memory."""
        return None if self._into is None else self._into.whole()
