"""Reading a trace: its events in order, and its values by reference."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from io import FileIO
from itertools import islice
from pathlib import Path

import anyio
import anyio.to_thread

from rlm_runtime._errors import TraceError
from rlm_runtime._events import EVENT_TYPES, Event
from rlm_runtime._trace.decoding import MapReader
from rlm_runtime._trace.format import EVENT, LARGE_EVENT, PART
from rlm_runtime._trace.packing import to_event
from rlm_runtime._trace.places import is_being_written
from rlm_runtime._trace.records import Record, TraceFile
from rlm_runtime._trace.stored import MAX_VALUE, StoredValues

_FOLLOW_SECONDS = 0.1
_FOLLOWED_AT_ONCE = 200
_TEXTS = 256
_TEXT_CHARS = 64 * 2**10


class Trace:
    """A trace that is open for reading; `open_trace` makes it."""

    def __init__(self, path: Path, file: FileIO, *, max_value: int) -> None:
        self.path = path
        self._file = TraceFile(path, file)
        self._values = StoredValues(self._file)
        self._max_value = max_value
        self._maps = MapReader(self._read_text, max_value)
        self._texts: OrderedDict[bytes, str] = OrderedDict()
        self.header, self.begins_at = self._file.read_header()
        self._next = self._noted = self.begins_at

    @property
    def ends_at(self) -> int:
        """Where the whole records that were read so far end, in bytes; `begins_at`: their start."""
        return self._noted

    def events(self) -> Iterator[Event]:
        """Read the events that it holds so far; each call begins anew.

        Kinds and fields from later releases are left out.

        Raises:
            TraceError: It is damaged from some place on; the events before are given first.
        """
        for _, event in self.placed_events():
            yield event

    def new_events(self) -> Iterator[Event]:
        """Read the events that it holds so far and that this method has not given yet.

        Raises:
            TraceError: As for `events`.
        """
        for _, event in self.new_placed_events():
            yield event

    def new_placed_events(self) -> Iterator[tuple[int, Event]]:
        """Read what `new_events` does, and the places where the records begin.

        Raises:
            TraceError: As for `events`.
        """
        for record in self._file.records(self._next):
            event = self._read(record)
            self._next = record.end
            if event is not None:
                yield record.at, event

    def event_at(self, at: int) -> Event:
        """Read the event of the record that begins at a place.

        Raises:
            TraceError: There is none that can be read.
        """
        if at >= self._noted:
            self._note_all()
        record = next(self._file.again().records(at), None)
        event = None if record is None else self._read(record)
        if event is None:
            raise self._file.error(f"there is no event at byte {at}")
        return event

    def placed_events(self) -> Iterator[tuple[int, Event]]:
        """Read the events, and the places where their records begin.

        Raises:
            TraceError: As for `events`.
        """
        for record in self._file.again().records(self.begins_at):
            event = self._read(record)
            if event is not None:
                yield record.at, event

    def value(self, ref: str) -> object:
        """Read the value that an event names.

        Raises:
            TraceError: It is not there, damaged, or too large.
        """
        try:
            digest = bytes.fromhex(ref)
            if not self._values.has(digest):
                self._note_all()
            return self._values.unpack(digest, most=self._max_value)
        except ValueError as exc:
            raise TraceError(
                f"Cannot read value {ref!r} of trace {str(self.path)!r}: {exc}"
            ) from exc

    def _note_all(self) -> None:
        for record in self._file.again().records(self._noted):
            self._note(record)

    def _note(self, record: Record) -> None:
        if record.at >= self._noted:
            if record.kind == PART:
                self._values.note(record)
            self._noted = record.end

    def _read(self, record: Record) -> Event | None:
        """Make an event of a record, if it is one."""
        self._note(record)
        if record.kind not in (EVENT, LARGE_EVENT):
            return None
        try:
            values = self._read_map(record)
            if not isinstance(values, dict):
                raise ValueError("is no map")
            kind = values.get("kind")
            if not isinstance(kind, str) or kind not in EVENT_TYPES:
                return None
            return to_event(kind, values)
        except ValueError as exc:
            raise self._file.error(f"the record at byte {record.at} {exc}") from exc

    def _read_map(self, record: Record) -> object:
        if record.kind == EVENT:
            return self._maps.read(record.body)
        try:
            return self._values.unpack(record.body, most=self._max_value)
        except ValueError as exc:
            raise ValueError(f"cannot be read: {exc}") from exc

    def _read_text(self, digest: bytes, most: int) -> str:
        """Read a long text of an event; the last ones are kept, unless they are very long."""
        text = self._texts.get(digest)
        if text is not None:
            self._texts.move_to_end(digest)
            return text
        value = self._values.unpack(digest, most=most)
        if not isinstance(value, str):
            raise ValueError("it is no text")
        if len(value) <= _TEXT_CHARS:
            self._texts[digest] = value
            if len(self._texts) > _TEXTS:
                self._texts.popitem(last=False)
        return value


@contextmanager
def open_trace(path: Path, *, max_value: int = MAX_VALUE) -> Iterator[Trace]:
    """Open a trace for the length of the block.

    Args:
        path: Its file; it may grow.
        max_value: The most bytes that a value, or the long texts of an event, may have.

    Raises:
        TraceError: It cannot be read, or is no trace that this release understands.
    """
    try:
        file = path.open("rb", buffering=0)
    except OSError as exc:
        raise TraceError(f"Cannot read trace {str(path)!r}: {exc.strerror}") from exc
    with file:
        yield Trace(path, file, max_value=max_value)


def read_trace(path: Path) -> Iterator[Event]:
    """Read the events that a trace holds so far; kinds and fields from later releases are left out.

    Raises:
        TraceError: The file cannot be read, or is not a trace from some place on.
    """
    with open_trace(path) as trace:
        yield from trace.events()


async def follow_trace(path: Path) -> AsyncIterator[Event]:
    """Read the events of a trace as it grows, until the writer is gone.

    Raises:
        TraceError: The file cannot be read, or is not a trace from some place on.
    """
    with open_trace(path) as trace:
        while True:
            # Asked first: what a writer that ends meanwhile has written is then read
            growing = is_being_written(path)
            while events := await anyio.to_thread.run_sync(_take_events, trace):
                for event in events:
                    yield event
            if not growing:
                return
            await anyio.sleep(_FOLLOW_SECONDS)


def _take_events(trace: Trace) -> list[Event]:
    """Read some of the new events; an error comes when those before it have been taken."""
    events: list[Event] = []
    try:
        events.extend(islice(trace.new_events(), _FOLLOWED_AT_ONCE))
    except TraceError:
        if not events:
            raise
    return events
