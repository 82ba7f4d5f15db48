"""A new trace that begins with the records of another one."""

from __future__ import annotations

import os
from collections.abc import Iterator
from io import FileIO
from pathlib import Path

import anyio.to_thread

from rlm_runtime._errors import TraceError
from rlm_runtime._trace.files import create_trace
from rlm_runtime._trace.reader import Trace, open_trace

_CHUNK = 2**20


async def copy_prefix(source: Path, trace_dir: Path, run: str, *, before_seq: int) -> Path:
    """Create the trace of a run with all that another one holds before an event.

    Args:
        source: The other trace; it may grow.
        trace_dir: Holds a folder for each run.
        run: The id of the new run.
        before_seq: The number of the first event that is left out; where there is none, all that
            is whole is copied.

    Raises:
        TraceError: The other one is damaged, or there cannot be a trace in this place.
    """
    return await anyio.to_thread.run_sync(_copy_prefix, source, trace_dir, run, before_seq)


def _copy_prefix(source: Path, trace_dir: Path, run: str, before_seq: int) -> Path:
    with open_trace(source) as trace:
        end = _find_end(trace, before_seq)
        path, fd = create_trace(trace_dir, run)
        try:
            with FileIO(fd, "a") as target:
                for piece in _read(source, trace.begins_at, end):
                    _write_all(target, piece)
                os.fdatasync(fd)
        except OSError as exc:
            path.unlink(missing_ok=True)
            raise TraceError(
                f"Cannot copy trace {str(source)!r} to {str(path)!r}: {exc.strerror}"
            ) from exc
    return path


def _find_end(trace: Trace, before_seq: int) -> int:
    for at, event in trace.placed_events():
        if event.seq >= before_seq:
            return at
    return trace.ends_at


def _read(path: Path, at: int, end: int) -> Iterator[bytes]:
    with path.open("rb") as file:
        file.seek(at)
        while at < end and (piece := file.read(min(_CHUNK, end - at))):
            at += len(piece)
            yield piece


def _write_all(file: FileIO, data: bytes) -> None:
    rest = memoryview(data)
    while rest:
        rest = rest[file.write(rest) :]
