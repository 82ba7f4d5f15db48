"""The values of a trace file: where their parts lie, and what they are."""

from __future__ import annotations

from collections.abc import Iterator

from rlm_runtime._payload import Kind
from rlm_runtime._trace.format import (
    DIGEST_BYTES,
    PART_HEAD_BYTES,
    PartHead,
    read_part_head,
)
from rlm_runtime._trace.parts import read_part
from rlm_runtime._trace.records import Record, TraceFile
from rlm_runtime._trace.values import begin_digest, unpack_value

MAX_VALUE = 2**30
"""The most bytes that a value may have to be read, where nothing else is asked for."""
_MAX_PLACES = 4_000_000


class StoredValues:
    """Knows where values lie without having read them; each is checked by its digest when it is."""

    def __init__(self, file: TraceFile) -> None:
        self._file = file
        # A list of many is rare: it would take more memory than the place
        self._places: dict[bytes, int | list[int]] = {}
        self._parts = 0

    def note(self, record: Record) -> None:
        """Take note of a part of a value, unless it is known.

        Raises:
            TraceError: There are more of them than any run makes.
        """
        head = read_part_head(record.body)
        if head is None:
            return
        places = self._places.get(head.digest)
        if head.parts == 1:
            if places is None:
                self._places[head.digest] = record.at
                self._parts += 1
        elif head.index == (len(places) if isinstance(places, list) else 0):
            # Its writer may have begun it twice
            if not isinstance(places, list):
                self._places[head.digest] = places = []
            places.append(record.at)
            self._parts += 1
        if self._parts > _MAX_PLACES:
            raise self._file.error(f"it has more than {_MAX_PLACES:,} values")

    def whole(self) -> set[bytes]:
        """Give the digests of those whose parts are all there."""
        return {
            digest
            for digest, places in self._places.items()
            if isinstance(places, int) or len(places) == self._head(places[0]).parts
        }

    def has(self, digest: bytes) -> bool:
        """Tell whether a part of the value was seen."""
        return digest in self._places

    def read(self, digest: bytes, *, most: int) -> tuple[Kind, bytes]:
        """Read the bytes of a value.

        Raises:
            ValueError: It is not there, damaged, or larger than allowed.
        """
        places = self._places.get(digest)
        if places is None:
            raise ValueError("it is not there")
        known = [places] if isinstance(places, int) else places
        head = self._head(known[0])
        if head.size > most:
            raise ValueError(f"it has {head.size:,} bytes, more than {most:,}")
        if len(known) != head.parts:
            raise ValueError("parts of it are not there")
        data = b"".join(self._read_parts(known, head))
        check = begin_digest(head.kind)
        check.update(data)
        if check.digest()[:DIGEST_BYTES] != digest:
            raise ValueError("it is damaged")
        return head.kind, data

    def unpack(self, digest: bytes, *, most: int) -> object:
        """Read a value.

        Raises:
            ValueError: As for `read`, or its bytes are no value.
        """
        kind, data = self.read(digest, most=most)
        return unpack_value(kind, data)

    def _read_parts(self, places: list[int], first: PartHead) -> Iterator[bytes | memoryview]:
        for index, place in enumerate(places):
            body = self._file.read_record(place)
            head = None if body is None else read_part_head(body)
            if body is None or head is None:
                raise ValueError("it is damaged")
            same = (head.digest, head.kind, head.size) == (first.digest, first.kind, first.size)
            if not same or head.index != index:
                raise ValueError("its parts contradict each other")
            yield read_part(head, memoryview(body)[PART_HEAD_BYTES:])

    def _head(self, place: int) -> PartHead:
        body = self._file.read_record(place)
        head = None if body is None else read_part_head(body)
        if head is None:
            raise ValueError("it is damaged")
        return head
