"""The trace of a run: its events in one append-only file of msgpack records.

The file is `<trace_dir>/<run>/trace.msgpack`. Its first record is a map with `format`,
`version`, `run` and `time`; every further one is the fields of an event, `kind` included. Text
is UTF-8 with `surrogatepass`, so that a lone surrogate survives. Each record is written at once
as it happens, so a reader may come at any time, and a crash can tear the last record only.
The writer holds a lock on the file while it lives, which tells a growing trace from a crashed one.
"""

from __future__ import annotations

import fcntl
import os
import secrets
import time
from collections.abc import Iterator
from dataclasses import MISSING, fields
from functools import cache
from pathlib import Path
from types import NoneType, TracebackType, UnionType
from typing import Any, Literal, Self, get_args, get_origin, get_type_hints

import msgpack  # type: ignore[import-untyped]  # it ships no types

from rlm_runtime._errors import TraceError
from rlm_runtime._events import EVENT_TYPES, Event

_FORMAT = "rlm-trace"
_VERSION = 1
_FILE = "trace.msgpack"

_MAX_RECORD = 64 * 2**20
_MAX_ENTRIES = 100_000
_LONG_TEXT = 100_000
_CHUNK = 2**20


def new_run_id() -> str:
    """Make an id that is unique and sorts by time: UTC date, time, its fraction, a random part."""
    now = time.time()
    stamp = time.strftime("%Y%m%d-%H%M%S", time.gmtime(now))
    return f"{stamp}-{int(now % 1 * 0x10000):04x}{secrets.token_hex(2)}"


class TraceWriter:
    """Writes the events of one run; open between `with` and the block's end.

    What goes wrong after the start never ends the run: the writer stops and `error` says why.
    """

    def __init__(self, trace_dir: Path, run: str) -> None:
        self.path = trace_dir / run / _FILE
        self.error: str | None = None
        """Why nothing more is written; None while all is well."""
        self._run = run
        self._fd = -1

    def __enter__(self) -> Self:
        """Create the folder and the file.

        Raises:
            TraceError: There cannot be a trace in this place.
        """
        try:
            _make_private_folder(self.path.parent)
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC
            self._fd = os.open(self.path, flags, 0o600)
        except OSError as exc:
            raise TraceError(
                f"Cannot write a trace in {str(self.path.parent)!r}: {exc.strerror}; "
                "set trace_dir to a folder that can be written"
            ) from exc
        _lock(self._fd)
        self._append(
            {"format": _FORMAT, "version": _VERSION, "run": self._run, "time": time.time()}
        )
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        os.close(self._fd)
        self._fd = -1

    def write(self, event: Event) -> None:
        """Append one event."""
        self._append({field.name: getattr(event, field.name) for field in fields(event)})

    def _append(self, record: dict[str, object]) -> None:
        if self.error is not None:
            return
        data = _pack(record)
        if len(data) > _MAX_RECORD:
            data = _pack(_shorten(record))
        try:
            written = os.write(self._fd, data)
        except OSError as exc:
            self.error = f"Cannot write to trace {str(self.path)!r}: {exc.strerror}"
        else:
            if written < len(data):
                self.error = f"Cannot write to trace {str(self.path)!r}: no space left"


def read_trace(path: Path) -> Iterator[Event]:
    """Read the events that a trace holds so far; kinds and fields from later releases are left out.

    Raises:
        TraceError: The file cannot be read, or is not a trace from some place on.
    """
    records = _read_records(path)
    header = next(records, None)
    if header is None or header.get("format") != _FORMAT:
        raise TraceError(f"Cannot read trace {str(path)!r}: it does not begin like a trace")
    if header.get("version") != _VERSION:
        raise TraceError(
            f"Cannot read trace {str(path)!r}: its version is {header.get('version')!r}, "
            f"this release reads version {_VERSION}"
        )
    for number, record in enumerate(records, start=1):
        kind = record.get("kind")
        if isinstance(kind, str) and kind in EVENT_TYPES:
            try:
                yield _to_event(kind, record)
            except ValueError as exc:
                raise TraceError(f"Cannot read trace {str(path)!r}: record {number} {exc}") from exc


def list_runs(trace_dir: Path) -> list[Path]:
    """Find the trace files in a folder, the newest run first."""
    return sorted(trace_dir.glob(f"*/{_FILE}"), reverse=True)


def find_run(trace_dir: Path, run: str) -> Path:
    """Name the trace file of a run."""
    return trace_dir / run / _FILE


def is_being_written(path: Path) -> bool:
    """Tell whether the writer of a trace still lives."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    finally:
        os.close(fd)
    return False


def _make_private_folder(folder: Path) -> None:
    """Create a folder and what is missing above it, for the user alone."""
    if not folder.parent.exists():
        _make_private_folder(folder.parent)
    folder.mkdir(mode=0o700, exist_ok=True)


def _lock(fd: int) -> None:
    try:
        fcntl.flock(fd, fcntl.LOCK_EX)
    except OSError:
        # Some network file systems have no locks: this run will look crashed while it runs
        return


def _pack(record: object) -> bytes:
    # `default` gets what msgpack has no form for, such as an int of more than 64 bits
    packed: bytes = msgpack.packb(record, unicode_errors="surrogatepass", default=repr)
    return packed


def _shorten(value: object) -> object:
    match value:
        case str() if len(value) > _LONG_TEXT:
            left_out = len(value) - _LONG_TEXT
            return f"{value[:_LONG_TEXT]}\n[{left_out} characters are not in the trace]"
        case dict():
            return {key: _shorten(item) for key, item in value.items()}
        case tuple():
            return tuple(_shorten(item) for item in value)
        case _:
            return value


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


def _to_event(kind: str, record: dict[str, object]) -> Event:
    values: dict[str, Any] = {}  # each is checked against the type of its field
    for name, (hint, required) in _fields_of(kind).items():
        if name in record and _fits(record[name], hint):
            values[name] = record[name]
        elif name in record or required:
            raise ValueError(f"is a {kind!r} without a right {name!r}")
    return EVENT_TYPES[kind](**values)


@cache
def _fields_of(kind: str) -> dict[str, tuple[object, bool]]:
    """Give the type of each field of an event, and whether it must be there."""
    event_type = EVENT_TYPES[kind]
    hints = get_type_hints(event_type)
    return {
        field.name: (hints[field.name], field.default is MISSING) for field in fields(event_type)
    }


def _fits(value: object, hint: object) -> bool:
    """Check a value against the few kinds of types that events are made of."""
    match get_origin(hint), get_args(hint):
        case origin, options if origin is UnionType:
            return any(_fits(value, option) for option in options)
        case origin, _ if origin is Literal:
            # A later release may know more words than this one
            return isinstance(value, str)
        case origin, (item, *_) if origin is tuple:
            return isinstance(value, tuple) and all(_fits(part, item) for part in value)
        case origin, (key, item) if origin is dict:
            return isinstance(value, dict) and all(
                _fits(k, key) and _fits(v, item) for k, v in value.items()
            )
    if hint is NoneType:
        return value is None
    if isinstance(value, bool):
        return hint is bool
    return isinstance(value, int | float if hint is float else hint)  # type: ignore[arg-type]
