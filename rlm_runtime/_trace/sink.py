"""The file of a trace that is written; its methods block, and run in threads."""

from __future__ import annotations

import errno
import os
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from rlm_runtime._events import Event
from rlm_runtime._trace.encoding import EventEncoder
from rlm_runtime._trace.format import whole_length

TRANSIENT = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
"""Errors that go away when somebody makes room."""
_CANNOT_SYNC = frozenset({errno.EINVAL, errno.ENOTSUP, errno.ENOSYS})


class Sink:
    """Appends to a file, which it closes; what could not be written yet waits for `flush`."""

    def __init__(self, path: Path, fd: int, known: set[bytes]) -> None:
        self._path = path
        self._fd = fd
        self._closed = False
        self._closing = threading.Lock()
        self._encoder = EventEncoder(known)
        self._batch = self._rest = memoryview(b"")
        self._is_writing = False
        self._folders_synced = False

    def append(self, batch: Iterable[Event | bytes]) -> OSError | None:
        """Write events, and records as they are; give the error that stopped it.

        Nothing is lost where there is one: `flush` goes on.
        """
        records: list[bytes] = []
        try:
            for item in batch:
                if isinstance(item, bytes):
                    records.append(item)
                else:
                    records.extend(self._encoder.encode(item))
            self._batch = self._rest = memoryview(b"".join(records))
        except MemoryError:
            return OSError(errno.ENOMEM, os.strerror(errno.ENOMEM))
        return self.flush()

    def flush(self) -> OSError | None:
        """Go on with what is not written yet."""
        self._is_writing = True
        try:
            with self._own_fd() as fd:
                while self._rest:
                    self._rest = self._rest[os.write(fd, self._rest) :]
        except OSError as exc:
            return exc
        finally:
            self._is_writing = False
        return None

    def sync(self) -> OSError | None:
        """Have what was written survive the end of the machine."""
        try:
            with self._own_fd() as fd:
                os.fdatasync(fd)
            if not self._folders_synced:
                self._folders_synced = True
                for folder in (self._path.parent, self._path.parent.parent):
                    _sync_folder(folder)
        except OSError as exc:
            return None if exc.errno in _CANNOT_SYNC else exc
        return None

    def close(self) -> None:
        """Close the file; a record that is not whole is taken off, unless a thread hangs in it."""
        written = len(self._batch) - len(self._rest)
        torn = written - whole_length(self._batch[:written])
        try:
            if torn and not self._is_writing:
                os.ftruncate(self._fd, os.fstat(self._fd).st_size - torn)
        except OSError:
            # Readers pass over it all the same
            pass
        finally:
            with self._closing:
                self._closed = True
                os.close(self._fd)

    @contextmanager
    def _own_fd(self) -> Iterator[int]:
        """Copy the file's number, so that a thread that hangs never meets that of another file."""
        with self._closing:
            if self._closed:
                raise OSError(errno.EBADF, os.strerror(errno.EBADF))
            fd = os.dup(self._fd)
        try:
            yield fd
        finally:
            os.close(fd)


def _sync_folder(folder: Path) -> None:
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
