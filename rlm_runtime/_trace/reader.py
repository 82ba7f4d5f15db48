"""Reading a trace: its events in order, and its values by reference."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import anyio
import msgpack  # type: ignore[import-untyped]  # it ships no types

from rlm_runtime._errors import TraceError
from rlm_runtime._events import EVENT_TYPES, Event
from rlm_runtime._trace.packing import to_event
from rlm_runtime._trace.places import is_being_written
from rlm_runtime._trace.values import unpack_value
from rlm_runtime._trace.writer import FORMAT, VERSION

_MAX_RECORD = 64 * 2**20
_MAX_ENTRIES = 100_000
_CHUNK = 2**20
_FOLLOW_SECONDS = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class TraceHeader:
    """What a trace says of itself."""

    run: str
    version: int
    time: float
    """When it was begun, in seconds since the epoch."""


class Trace:
    """A trace that is open for reading; `open_trace` makes it."""

    def __init__(self, path: Path, header: TraceHeader) -> None:
        self.path = path
        self.header = header

    def events(self) -> Iterator[Event]:
        """Read the events that it holds so far; each call begins anew.

        Raises:
            TraceError: It is damaged from some place on.
        """
        return read_trace(self.path)

    def value(self, ref: str) -> object:
        """Read the value that an event names.

        Raises:
            TraceError: It is not there, or damaged.
        """
        for record in _read_records(self.path):
            if record.get("value") == ref:
                return unpack_value(record["kind"], record["data"])  # type: ignore[arg-type]
        raise TraceError(f"Cannot read value {ref!r} of trace {str(self.path)!r}: it is not there")


@contextmanager
def open_trace(path: Path) -> Iterator[Trace]:
    """Open a trace for the length of the block.

    Raises:
        TraceError: It cannot be read, or is no trace that this release understands.
    """
    header = next(_read_records(path), None)
    if header is None or header.get("format") != FORMAT:
        raise TraceError(f"Cannot read trace {str(path)!r}: it does not begin like a trace")
    if header.get("version") != VERSION:
        raise TraceError(
            f"Cannot read trace {str(path)!r}: its version is {header.get('version')!r}, "
            f"this release reads version {VERSION}"
        )
    run, time = str(header.get("run")), header.get("time")
    began = float(time) if isinstance(time, int | float) else 0.0
    yield Trace(path, TraceHeader(run=run, version=VERSION, time=began))


def read_trace(path: Path) -> Iterator[Event]:
    """Read the events that a trace holds so far; kinds and fields from later releases are left out.

    Raises:
        TraceError: The file cannot be read, or is not a trace from some place on.
    """
    with open_trace(path):
        for number, record in enumerate(_read_records(path)):
            kind = record.get("kind")
            if isinstance(kind, str) and kind in EVENT_TYPES:
                try:
                    yield to_event(kind, record)
                except ValueError as exc:
                    raise TraceError(
                        f"Cannot read trace {str(path)!r}: record {number} {exc}"
                    ) from exc


async def follow_trace(path: Path) -> AsyncIterator[Event]:
    """Read the events of a trace as it grows, until the writer is gone.

    Raises:
        TraceError: The file cannot be read, or is not a trace from some place on.
    """
    seen = 0
    while True:
        growing = is_being_written(path)
        for number, event in enumerate(read_trace(path)):
            if number >= seen:
                seen += 1
                yield event
        if not growing:
            return
        await anyio.sleep(_FOLLOW_SECONDS)


def _read_records(path: Path) -> Iterator[dict[str, object]]:
    """Read whole records; what is incomplete at the end was torn, or is being written."""
    unpacker = msgpack.Unpacker(
        use_list=False,
        unicode_errors="surrogatepass",
        max_buffer_size=_MAX_RECORD + _CHUNK,
        max_array_len=_MAX_ENTRIES,
        max_map_len=_MAX_ENTRIES,
    )
    try:
        with path.open("rb") as file:
            while chunk := file.read(_CHUNK):
                unpacker.feed(chunk)
                for record in unpacker:
                    if not isinstance(record, dict):
                        raise TraceError(f"Cannot read trace {str(path)!r}: garbage in it")
                    yield record
    except OSError as exc:
        raise TraceError(f"Cannot read trace {str(path)!r}: {exc.strerror}") from exc
    except (ValueError, TypeError, msgpack.UnpackException) as exc:
        # TypeError: a map's key cannot be hashed
        raise TraceError(f"Cannot read trace {str(path)!r}: garbage in it") from exc
