"""The records of a trace file, by their places; nothing is believed of what they say."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from io import FileIO
from pathlib import Path
from zlib import crc32

from rlm_runtime._errors import TraceError
from rlm_runtime._trace.format import (
    EVENT,
    HEAD_BYTES,
    HEADER,
    MAJOR,
    MAX_EVENT,
    PART,
    PART_HEAD_BYTES,
    START_BYTES,
    TraceHeader,
    read_head,
    read_header,
    read_version,
)

_CHUNK = 256 * 2**10
_MOST_ZEROS = 64 * 2**20


@dataclass(frozen=True, slots=True)
class Record:
    """One record of a trace."""

    at: int
    end: int
    kind: int
    body: bytes
    """Of a part of a value only what comes before its data."""


class TraceFile:
    """A trace file that is open for reading; it may grow meanwhile."""

    def __init__(self, path: Path, file: FileIO) -> None:
        self._path = path
        self._file = file
        self._chunk, self._chunk_at = b"", 0

    def again(self) -> TraceFile:
        """Give it for reading in another place at the same time."""
        return TraceFile(self._path, self._file)

    def read_header(self) -> tuple[TraceHeader, int]:
        """Read the header; give it, and the place where the records begin.

        Raises:
            TraceError: It is no trace that this release understands.
        """
        version = read_version(self._read(0, 64))
        if version is not None and version != MAJOR:
            raise self.error(f"its version is {version}, this release reads version {MAJOR}")
        record = None if version is None else next(self.records(START_BYTES), None)
        header = None
        if record is not None and record.kind == HEADER:
            header = read_header(record.body)
        if record is None or header is None:
            raise self.error("it does not begin like a trace")
        return header, record.end

    def records(self, at: int, *, verify: bool = False) -> Iterator[Record]:
        """Read the whole records from a place on.

        What is torn at the end, or is being written, is left out.

        Args:
            at: Where a record begins.
            verify: Whether the data of values is looked at too.

        Raises:
            TraceError: The file is damaged, or cannot be read.
        """
        # What was read before may have been torn, and cut off since
        self._chunk = b""
        while len(start := self._read(at, HEAD_BYTES)) == HEAD_BYTES:
            record = self._record(at, start, verify)
            if record is not None:
                yield record
                at = record.end
            elif self._pread(HEAD_BYTES, at) == start:
                return
            else:
                # Cut off and written anew between two looks: no damage, but another record
                self._chunk = b""

    def read_record(self, at: int) -> bytes | None:
        """Read the body of the record at a place; None where it is not whole."""
        data = self._pread(HEAD_BYTES, at)
        head = read_head(data) if len(data) == HEAD_BYTES else None
        if head is None:
            return None
        body = self._pread(head.length, at + HEAD_BYTES)
        return body if len(body) == head.length and crc32(body) == head.crc else None

    def error(self, reason: str | None) -> TraceError:
        """Make the error that says why the trace cannot be read."""
        return TraceError(f"Cannot read trace {str(self._path)!r}: {reason}")

    def _record(self, at: int, start: bytes, verify: bool) -> Record | None:
        """Read the record that begins so at a place; None where it is not whole, or no more so."""
        head = read_head(start)
        if head is None or (head.kind == EVENT and head.length > MAX_EVENT):
            self._must_be_torn(at, start, at + HEAD_BYTES)
            return None
        end = at + HEAD_BYTES + head.length
        most = head.length if verify or head.kind != PART else PART_HEAD_BYTES
        body = self._read(at + HEAD_BYTES, min(head.length, most))
        # By its own length: the file may have grown since it was read
        if len(body) < min(head.length, most) or not self._is_there(at, start, end):
            return None
        if len(body) == head.length and crc32(body) != head.crc:
            self._must_be_torn(at, start, end)
            return None
        return Record(at, end, head.kind, body[:PART_HEAD_BYTES] if head.kind == PART else body)

    def _is_there(self, at: int, start: bytes, end: int) -> bool:
        """Tell whether the file goes on to the end of a record that begins so."""
        if self._chunk_at <= at and end <= self._chunk_at + len(self._chunk):
            return True
        return end <= self._size() and self._pread(HEAD_BYTES, at) == start

    def _must_be_torn(self, at: int, start: bytes, end: int) -> None:
        """Take what is no record for torn if only zeros come after it.

        Raises:
            TraceError: It is damaged, and still begins as it did.
        """
        if not self._has_only_zeros(end) and self._pread(HEAD_BYTES, at) == start:
            raise self.error(f"it is damaged at byte {at}")

    def _has_only_zeros(self, at: int) -> bool:
        """Tell whether nothing comes from a place on, or what a power cut may leave for it."""
        if self._size() - at > _MOST_ZEROS:
            return False
        while chunk := self._pread(_CHUNK, at):
            if chunk.count(0) != len(chunk):
                return False
            at += len(chunk)
        return True

    def _read(self, at: int, size: int) -> bytes:
        """Read bytes through a chunk that is kept; fewer at the end."""
        start = at - self._chunk_at
        if start < 0 or start + size > len(self._chunk):
            self._chunk, self._chunk_at, start = self._pread(max(size, _CHUNK), at), at, 0
        return self._chunk[start : start + size]

    def _pread(self, size: int, at: int) -> bytes:
        try:
            return os.pread(self._file.fileno(), size, at)
        except OSError as exc:
            raise self.error(exc.strerror) from exc
        except ValueError as exc:
            raise self.error("it was closed") from exc

    def _size(self) -> int:
        return os.fstat(self._file.fileno()).st_size
