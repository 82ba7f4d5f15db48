"""The bulk part of a message: bytes that are there, or a text that becomes bytes as it is sent."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Literal

# A character has up to four bytes, so a piece of text has up to the bytes of any other piece
PIECE_CHARS = 1 << 18
PIECE_BYTES = 1 << 20

Kind = Literal["utf8", "bytes", "value"]


@dataclass(frozen=True, slots=True)
class Payload:
    """Bulk that is there as a whole."""

    kind: Kind
    data: bytes | bytearray
    at: str = "result.value"
    """The member of the message that the payload stands for."""

    @property
    def size(self) -> int:
        """Its length in bytes."""
        return len(self.data)

    def describe(self) -> dict[str, Any]:
        """Say what it is, for the other end."""
        return {"at": self.at, "kind": self.kind}

    def pieces(self) -> Iterator[bytes]:
        """Give its bytes in pieces, which are all that is copied at a time."""
        with memoryview(self.data) as view:
            for start in range(0, len(view), PIECE_BYTES):
                yield bytes(view[start : start + PIECE_BYTES])


@dataclass(frozen=True, slots=True)
class Text:
    """A text to send; it is never there in UTF-8 as a whole."""

    text: str
    at: str
    size: int = field(init=False)
    """Its length in bytes; counting them takes a while where a large text is not ASCII."""

    def __post_init__(self) -> None:
        size = len(self.text) if self.text.isascii() else sum(map(len, self.pieces()))
        object.__setattr__(self, "size", size)

    def describe(self) -> dict[str, Any]:
        """Say what it is, for the other end."""
        return {"at": self.at, "kind": "utf8", "characters": len(self.text)}

    def pieces(self) -> Iterator[bytes]:
        """Give its bytes in pieces, each of whole characters."""
        for start in range(0, len(self.text), PIECE_CHARS):
            yield self.text[start : start + PIECE_CHARS].encode("utf-8", "surrogatepass")
