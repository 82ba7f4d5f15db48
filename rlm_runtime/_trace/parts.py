"""A value as records: cut into parts, each compressed where that pays."""

from __future__ import annotations

from collections.abc import Iterator

import zstandard

from rlm_runtime._trace.format import (
    PART,
    PART_BYTES,
    STORED,
    ZSTD,
    PartHead,
    make_record,
)
from rlm_runtime._trace.values import Bulk

_LEVEL = 1
_TOO_SHORT = 256
_PAYS = 0.9


def new_compressor() -> zstandard.ZstdCompressor:
    """Make a compressor; only one thread at a time may use it."""
    return zstandard.ZstdCompressor(level=_LEVEL)


def make_parts(bulk: Bulk, compressor: zstandard.ZstdCompressor) -> Iterator[bytes]:
    """Make the records of a value, one after the other."""
    for index, data in enumerate(_cut(bulk)):
        coding, body = STORED, data
        if len(data) >= _TOO_SHORT:
            packed = compressor.compress(data)
            if len(packed) < _PAYS * len(data):
                coding, body = ZSTD, packed
        head = PartHead(bulk.digest, bulk.kind, bulk.size, index, coding)
        yield make_record(PART, head.pack(), body)


def read_part(head: PartHead, data: bytes | memoryview) -> bytes | memoryview:
    """Give the bytes of a value that a part holds.

    Raises:
        ValueError: They are not as many as they must be, or damaged.
    """
    if head.coding == ZSTD:
        data = _decompress(data, head.length)
    elif head.coding != STORED:
        raise ValueError("it is compressed in a way that this release does not know")
    if len(data) != head.length:
        raise ValueError("a part of it has not the length that it should")
    return data


def _decompress(data: bytes | memoryview, length: int) -> bytes:
    try:
        # The frame's word decides how much is set aside, so it is looked at first
        if zstandard.frame_content_size(data) != length:
            raise ValueError("a part of it has not the length that it should")
        return zstandard.ZstdDecompressor().decompress(data, allow_extra_data=False)
    except zstandard.ZstdError as exc:
        raise ValueError("a part of it cannot be decompressed") from exc


def _cut(bulk: Bulk) -> Iterator[bytes | memoryview]:
    if bulk.size == 0:
        yield b""
        return
    kept: list[bytes | memoryview] = []
    room = PART_BYTES
    for piece in bulk.pieces():
        view = memoryview(piece)
        while len(view) >= room:
            kept.append(view[:room])
            yield _joined(kept)
            view, kept, room = view[room:], [], PART_BYTES
        if view:
            kept.append(view)
            room -= len(view)
    if kept:
        yield _joined(kept)


def _joined(pieces: list[bytes | memoryview]) -> bytes | memoryview:
    return pieces[0] if len(pieces) == 1 else b"".join(pieces)
