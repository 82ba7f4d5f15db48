"""Values as a trace holds them: once each, by a digest of their bytes."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from types import NoneType
from typing import Any

from rlm_runtime._payload import PIECE_CHARS, Kind
from rlm_runtime._trace.format import DIGEST_BYTES
from rlm_runtime._values import decode, encode

_SMALL = 8192


@dataclass(frozen=True, slots=True)
class PackedValue:
    """The bytes of a value, and the reference that names them."""

    ref: str
    """Hex digits; the same for equal values of the same types."""
    kind: Kind
    data: bytes


@dataclass(frozen=True, slots=True)
class Bulk:
    """A value that is ready to be stored; a large text is never there in UTF-8 as a whole."""

    digest: bytes
    kind: Kind
    size: int
    """Its length in bytes."""
    source: str | bytes

    @property
    def ref(self) -> str:
        """What events name it by."""
        return self.digest.hex()

    def pieces(self) -> Iterator[bytes | memoryview]:
        """Give its bytes in pieces."""
        yield from _pieces(self.source)


def measure_value(value: object) -> Bulk:
    """Give a value its digest; it takes a while where the value is large.

    Raises:
        UnsendableError: The codec has no form for it.
    """
    kind: Kind = "value"
    source: str | bytes
    match value:
        case str() if type(value) is str:
            kind, source = "utf8", value
        case bytes() if type(value) is bytes:
            kind, source = "bytes", value
        case _:
            source = encode(value)
    digest, size = begin_digest(kind), 0
    for piece in _pieces(source):
        digest.update(piece)
        size += len(piece)
    return Bulk(digest.digest()[:DIGEST_BYTES], kind, size, source)


def begin_digest(kind: Kind) -> hashlib._Hash:
    """Begin the digest of a value; its bytes follow."""
    return hashlib.sha256(kind.encode() + b"\0")


def pack_value(value: object) -> PackedValue:
    """Give a value as bytes; it takes a while where the value is large.

    Raises:
        UnsendableError: The codec has no form for it.
    """
    bulk = measure_value(value)
    return PackedValue(bulk.ref, bulk.kind, b"".join(bulk.pieces()))


def unpack_value(kind: Kind, data: bytes) -> object:
    """Give the value of these bytes.

    Raises:
        ValueError: They are not what they say.
    """
    match kind:
        case "utf8":
            return data.decode("utf-8", "surrogatepass")
        case "bytes":
            return data
    return decode(data)


def _pieces(source: str | bytes) -> Iterator[bytes | memoryview]:
    if isinstance(source, bytes):
        yield memoryview(source)
        return
    for start in range(0, len(source), PIECE_CHARS):
        # Encoding holds the interpreter's lock, so that other threads wait for a piece at most
        yield source[start : start + PIECE_CHARS].encode("utf-8", "surrogatepass")


def is_small(value: object) -> bool:
    """Tell whether a value is measured at once; one of a type that is not known here is not."""
    room, rest = _SMALL, list[Any]((value,))
    while rest and room > 0:
        one = rest.pop()
        kind = type(one)
        room -= 16
        if kind in (str, bytes, bytearray, list, tuple, set, frozenset, dict):
            room -= len(one)
            if room > 0 and kind is dict:
                rest.extend(one.values())
            if room > 0 and kind not in (str, bytes, bytearray):
                rest.extend(one)
        elif kind is int:
            room -= one.bit_length()
        elif kind not in (float, bool, NoneType):
            return False
    return room > 0
