"""The bytes of a trace: how it begins, its records, and the parts of its values; see FORMAT.md."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from zlib import crc32

import msgpack  # type: ignore[import-untyped]  # it ships no types

from rlm_runtime._payload import Kind

MAJOR, MINOR = 2, 0
MAX_BODY = 5 * 2**20
"""The most bytes in a record's body; what is longer is damage."""
MAX_EVENT = 64 * 2**10
"""The most bytes in the map of an event; a longer one is a value that its record names."""
MAX_ENTRIES = 4096
"""The most entries in an array of an event; a longer one makes it a value too."""
PART_BYTES = 4 * 2**20
"""How many bytes each part of a value has before it is compressed; the last one has the rest."""
DIGEST_BYTES = 16
TEXT_EXT = 1
"""The msgpack extension type that stands for a text kept as a value."""

HEADER, EVENT, LARGE_EVENT, PART = ord("H"), ord("E"), ord("L"), ord("V")
STORED, ZSTD = 0, 1

MAGIC = b"RLMTRACE"
_START = struct.Struct(">8sHH")
_HEAD = struct.Struct(">IBII")
_HEAD_CRC = _HEAD.size - 4
_PART_HEAD = struct.Struct(f">{DIGEST_BYTES}sBQIB")
_KINDS: tuple[Kind, ...] = ("utf8", "bytes", "value")

START_BYTES = _START.size
HEAD_BYTES = _HEAD.size
PART_HEAD_BYTES = _PART_HEAD.size


@dataclass(frozen=True, slots=True, kw_only=True)
class TraceHeader:
    """What a trace says of itself."""

    run: str
    version: int
    """The major one."""
    time: float
    """When it was begun, in seconds since the epoch."""


@dataclass(frozen=True, slots=True)
class RecordHead:
    """What comes before the body of a record."""

    length: int
    kind: int
    crc: int
    """Of the body."""


@dataclass(frozen=True, slots=True)
class PartHead:
    """What comes before the bytes of a part of a value."""

    digest: bytes
    kind: Kind
    size: int
    """Bytes of the whole value."""
    index: int
    """Number of the part, from 0."""
    coding: int

    @property
    def parts(self) -> int:
        """How many parts the value has."""
        return max(1, -(-self.size // PART_BYTES))

    @property
    def length(self) -> int:
        """How many bytes of the value are in this part."""
        return min(PART_BYTES, self.size - self.index * PART_BYTES)

    def pack(self) -> bytes:
        """Give it as bytes."""
        kind = _KINDS.index(self.kind)
        return _PART_HEAD.pack(self.digest, kind, self.size, self.index, self.coding)


def make_record(kind: int, *pieces: bytes | memoryview) -> bytes:
    """Make a record of the pieces of its body."""
    crc = 0
    for piece in pieces:
        crc = crc32(piece, crc)
    head = _HEAD.pack(sum(map(len, pieces)), kind, crc, 0)[:_HEAD_CRC]
    return b"".join((head, crc32(head).to_bytes(4, "big"), *pieces))


def read_head(data: bytes | memoryview, at: int = 0) -> RecordHead | None:
    """Read the head of a record; None where it is none."""
    length, kind, crc, own = _HEAD.unpack_from(data, at)
    if crc32(data[at : at + _HEAD_CRC]) != own or length > MAX_BODY:
        return None
    return RecordHead(length, kind, crc)


def read_part_head(body: bytes) -> PartHead | None:
    """Read the head of a part; None where it is none."""
    if len(body) < PART_HEAD_BYTES:
        return None
    digest, kind, size, index, coding = _PART_HEAD.unpack_from(body)
    if kind >= len(_KINDS):
        return None
    head = PartHead(digest, _KINDS[kind], size, index, coding)
    return head if index < head.parts else None


def make_beginning(run: str, time: float) -> bytes:
    """Make the first bytes of a trace, with its header."""
    header = msgpack.packb({"run": run, "time": time}, unicode_errors="surrogatepass")
    return _START.pack(MAGIC, MAJOR, MINOR) + make_record(HEADER, header)


def read_version(start: bytes) -> int | None:
    """Read the major version from the first bytes of a trace; None where it is no trace."""
    if b"\xa6format\xa9rlm-trace" in start:
        return 1
    if len(start) < START_BYTES or not start.startswith(MAGIC):
        return None
    return int(_START.unpack_from(start)[1])


def read_header(body: bytes) -> TraceHeader | None:
    """Read the body of the header; None where it is none."""
    try:
        header = msgpack.unpackb(body, unicode_errors="surrogatepass", max_array_len=MAX_ENTRIES)
    except (ValueError, TypeError, msgpack.UnpackException):
        return None
    match header:
        case {"run": str(run), "time": float() | int() as time}:
            return TraceHeader(run=run, version=MAJOR, time=float(time))
    return None


def whole_length(data: bytes | memoryview) -> int:
    """Measure the whole records at the beginning of these bytes."""
    at = 0
    while at + HEAD_BYTES <= len(data):
        head = read_head(data, at)
        if head is None or (end := at + HEAD_BYTES + head.length) > len(data):
            break
        at = end
    return at
