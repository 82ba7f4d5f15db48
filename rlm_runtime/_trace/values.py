"""Values as a trace holds them: once each, by a digest of their bytes."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from rlm_runtime._payload import Kind
from rlm_runtime._values import decode, encode

_REF_CHARS = 32


@dataclass(frozen=True, slots=True)
class PackedValue:
    """The bytes of a value, and the reference that names them."""

    ref: str
    """Hex digits; the same for equal values of the same types."""
    kind: Kind
    data: bytes


def pack_value(value: object) -> PackedValue:
    """Give a value as bytes; it takes a while where the value is large.

    Raises:
        UnsendableError: The codec has no form for it.
    """
    kind: Kind = "value"
    match value:
        case str() if type(value) is str:
            kind, data = "utf8", value.encode("utf-8", "surrogatepass")
        case bytes() if type(value) is bytes:
            kind, data = "bytes", value
        case _:
            data = encode(value)
    digest = hashlib.sha256(kind.encode() + b"\0")
    digest.update(data)
    return PackedValue(digest.hexdigest()[:_REF_CHARS], kind, data)


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
