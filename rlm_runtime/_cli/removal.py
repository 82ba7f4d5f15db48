"""Deleting runs: their own folders, and nothing that only looks like one."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rlm_runtime._cli.finding import is_id
from rlm_runtime._cli.output import OutputError
from rlm_runtime._trace.places import TRACE_FILE

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
# What is no plain file must not hold up whoever opens it
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


def delete_run(trace_dir: Path, run: str) -> None:
    """Delete the folder of a run, which must hold its trace and nothing else.

    No link is followed, and nobody can write the trace meanwhile.

    Raises:
        OutputError: It cannot be deleted, is no run, or goes on.
    """
    if not is_id(run):
        raise OutputError(f"Cannot delete {run!r}: it is no run")
    try:
        with _opened(trace_dir, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC) as folder:
            with _opened(run, _FOLDER, folder) as inside:
                _delete_trace(run, inside)
            os.rmdir(run, dir_fd=folder)
    except OSError as exc:
        reason = (exc.strerror or type(exc).__name__).lower()
        raise OutputError(f"Cannot delete run {run!r}: {reason}") from exc


def _delete_trace(run: str, folder: int) -> None:
    if others := sorted(set(os.listdir(folder)) - {TRACE_FILE}):
        raise OutputError(f"Cannot delete run {run!r}: there is more in its folder: {others[0]!r}")
    with _opened(TRACE_FILE, _FILE, folder) as trace:
        try:
            fcntl.flock(trace, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as exc:
            raise OutputError(f"Cannot delete run {run!r}: it is running") from exc
        except OSError:
            # Some network file systems have no locks: nothing there looks as if it ran
            pass
        os.unlink(TRACE_FILE, dir_fd=folder)


@contextmanager
def _opened(path: str | Path, flags: int, folder: int | None = None) -> Iterator[int]:
    fd = os.open(path, flags, dir_fd=folder)
    try:
        yield fd
    finally:
        os.close(fd)
