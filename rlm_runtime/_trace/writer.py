"""Writing a trace."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import anyio.to_thread
import msgpack  # type: ignore[import-untyped]  # it ships no types

from rlm_runtime._errors import TraceError
from rlm_runtime._events import Event
from rlm_runtime._trace.packing import to_record
from rlm_runtime._trace.places import TRACE_FILE, is_being_written
from rlm_runtime._trace.values import pack_value
from rlm_runtime._values import UnsendableError

FORMAT = "rlm-trace"
VERSION = 2


class TraceWriter:
    """Writes the events and values of one run; `open_trace_writer` makes it.

    What goes wrong after the start never ends the run: the writer stops and `error` says why.
    """

    def __init__(self, path: Path, fd: int) -> None:
        self.path = path
        self.error: str | None = None
        """Why nothing more is written; None while all is well."""
        self._fd = fd
        self._kept: set[str] = set()

    def write(self, event: Event) -> None:
        """Append one event, soon."""
        self.append(to_record(event))

    async def keep(self, value: object) -> str:
        """Append a value, unless it is there; give the reference that events name it by.

        It is empty for a value that the codec has no form for.
        """
        try:
            packed = await anyio.to_thread.run_sync(pack_value, value)
        except UnsendableError:
            return ""
        if packed.ref not in self._kept:
            self._kept.add(packed.ref)
            self.append({"value": packed.ref, "kind": packed.kind, "data": packed.data})
        return packed.ref

    async def wait_written(self) -> None:
        """Wait until all that was appended so far survives the end of this process."""

    def append(self, record: dict[str, object]) -> None:
        """Append one record."""
        if self.error is not None:
            return
        data = msgpack.packb(record, unicode_errors="surrogatepass", default=repr)
        try:
            written = os.write(self._fd, data)
        except OSError as exc:
            self.error = f"Cannot write to trace {str(self.path)!r}: {exc.strerror}"
        else:
            if written < len(data):
                self.error = f"Cannot write to trace {str(self.path)!r}: no space left"


@asynccontextmanager
async def open_trace_writer(trace_dir: Path, run: str) -> AsyncIterator[TraceWriter]:
    """Create the trace of a run, and write it for the length of the block.

    Raises:
        TraceError: There cannot be a trace in this place.
    """
    path = trace_dir / run / TRACE_FILE
    try:
        _make_private_folder(path.parent)
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC
        fd = os.open(path, flags, 0o600)
    except OSError as exc:
        raise TraceError(
            f"Cannot write a trace in {str(path.parent)!r}: {exc.strerror}; "
            "set trace_dir to a folder that can be written"
        ) from exc
    try:
        _lock(fd)
        writer = TraceWriter(path, fd)
        writer.append({"format": FORMAT, "version": VERSION, "run": run, "time": time.time()})
        yield writer
    finally:
        os.close(fd)


@asynccontextmanager
async def reopen_trace_writer(path: Path) -> AsyncIterator[TraceWriter]:
    """Go on with the trace of a run that has ended or crashed, for the length of the block.

    Raises:
        TraceError: It cannot be written, is written by another process, or is no trace.
    """
    if is_being_written(path):
        raise TraceError(f"Cannot go on with trace {str(path)!r}: its run is still going on")
    try:
        fd = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC)
    except OSError as exc:
        raise TraceError(f"Cannot go on with trace {str(path)!r}: {exc.strerror}") from exc
    try:
        _lock(fd)
        yield TraceWriter(path, fd)
    finally:
        os.close(fd)


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
