"""Events as records: long texts are kept as values of their own, once each."""

from __future__ import annotations

from collections.abc import Iterator

import msgpack  # type: ignore[import-untyped]  # it ships no types

from rlm_runtime._events import Event
from rlm_runtime._trace.format import (
    EVENT,
    LARGE_EVENT,
    MAX_ENTRIES,
    MAX_EVENT,
    TEXT_EXT,
    make_record,
)
from rlm_runtime._trace.packing import to_record
from rlm_runtime._trace.parts import make_parts, new_compressor
from rlm_runtime._trace.values import Bulk, measure_value
from rlm_runtime._values import UnsendableError

_LONG_CHARS = 1024


class _TooLarge(Exception):
    """The event does not do as a small map."""


class EventEncoder:
    """Turns events into records, in one thread at a time.

    Args:
        known: Digests of the values that are in the trace already; new ones are added.
    """

    def __init__(self, known: set[bytes]) -> None:
        self._known = known
        self._compressor = new_compressor()

    def encode(self, event: Event) -> Iterator[bytes]:
        """Make the records of an event: first the values that it needs, then itself."""
        record, values = to_record(event), list[Bulk]()
        try:
            small = {name: _small(value, values) for name, value in record.items()}
            body = msgpack.packb(small, unicode_errors="surrogatepass")
            if len(body) > MAX_EVENT:
                raise _TooLarge
        except (_TooLarge, OverflowError, TypeError, RecursionError):
            bulk = _measure_large(record)
            values, kind, body = [bulk], LARGE_EVENT, bulk.digest
        else:
            kind = EVENT
        for value in values:
            if value.digest not in self._known:
                yield from make_parts(value, self._compressor)
                self._known.add(value.digest)
        yield make_record(kind, body)


def _small(value: object, values: list[Bulk]) -> object:
    """Replace the long texts in a value by what names them."""
    match value:
        case str() if len(value) > _LONG_CHARS:
            bulk = measure_value(str(value))
            values.append(bulk)
            return msgpack.ExtType(TEXT_EXT, bulk.digest)
        case tuple() | list() | dict() if len(value) > MAX_ENTRIES:
            raise _TooLarge
        case tuple() | list():
            return [_small(item, values) for item in value]
        case dict():
            return {key: _small(item, values) for key, item in value.items()}
    return value


def _measure_large(record: dict[str, object]) -> Bulk:
    try:
        return measure_value(record)
    except UnsendableError:
        # No event should hold such a thing; the others of the trace must not be lost for it
        return measure_value({name: _told(value) for name, value in record.items()})


def _told(value: object) -> object:
    try:
        measure_value(value)
    except UnsendableError:
        return repr(value)
    return value
