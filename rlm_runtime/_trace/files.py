"""Making the file of a trace, and finding where a trace can be gone on with; both block."""

from __future__ import annotations

import fcntl
import os
import time
from io import FileIO
from pathlib import Path

from rlm_runtime._errors import TraceError
from rlm_runtime._trace.format import PART, make_beginning
from rlm_runtime._trace.places import TRACE_FILE
from rlm_runtime._trace.records import TraceFile
from rlm_runtime._trace.stored import StoredValues

_LOCK_SECONDS = 0.005


def create_trace(trace_dir: Path, run: str) -> tuple[Path, int]:
    """Create the trace of a run with its header; give its path, and its open and locked file.

    Raises:
        TraceError: There cannot be a trace in this place.
    """
    path = trace_dir / run / TRACE_FILE
    try:
        _make_private_folder(path.parent)
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC
        fd = os.open(path, flags, 0o600)
        try:
            _begin(fd, make_beginning(run, time.time()))
        except OSError:
            os.close(fd)
            path.unlink()
            raise
    except OSError as exc:
        raise TraceError(
            f"Cannot write a trace in {str(path.parent)!r}: {exc.strerror}; "
            "set trace_dir to a folder that can be written"
        ) from exc
    return path, fd


def recover_trace(path: Path) -> tuple[int, set[bytes]]:
    """Open a trace behind its last whole record; give its locked file, and the values it holds.

    Raises:
        TraceError: It cannot be written, is written by another process, is no trace, or is damaged.
    """
    try:
        fd = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CLOEXEC)
    except OSError as exc:
        raise TraceError(f"Cannot go on with trace {str(path)!r}: {exc.strerror}") from exc
    try:
        if not _lock_nowait(fd):
            raise TraceError(f"Cannot go on with trace {str(path)!r}: its run is still going on")
        return fd, _cut_torn(path, fd)
    except OSError as exc:
        os.close(fd)
        raise TraceError(f"Cannot go on with trace {str(path)!r}: {exc.strerror}") from exc
    except BaseException:
        os.close(fd)
        raise


def _begin(fd: int, data: bytes) -> None:
    try:
        # Whoever asks whether it is being written holds it for a moment
        fcntl.flock(fd, fcntl.LOCK_EX)
    except OSError:
        # Some network file systems have no locks: this run will look crashed while it runs
        pass
    while data:
        data = data[os.write(fd, data) :]


def _cut_torn(path: Path, fd: int) -> set[bytes]:
    file = TraceFile(path, FileIO(fd, closefd=False))
    values = StoredValues(file)
    _, end = file.read_header()
    for record in file.records(end, verify=True):
        if record.kind == PART:
            values.note(record)
        end = record.end
    if end < os.fstat(fd).st_size:
        os.ftruncate(fd, end)
    return values.whole()


def _lock_nowait(fd: int) -> bool:
    """Lock a file unless another process writes it."""
    while True:
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            try:
                fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                return False
            # Only somebody who asks whether it is being written, and is gone at once
            fcntl.flock(fd, fcntl.LOCK_UN)
            time.sleep(_LOCK_SECONDS)
        except OSError:
            return True
        else:
            return True


def _make_private_folder(folder: Path) -> None:
    """Create a folder and what is missing above it, for the user alone."""
    if not folder.parent.exists():
        _make_private_folder(folder.parent)
    folder.mkdir(mode=0o700, exist_ok=True)
