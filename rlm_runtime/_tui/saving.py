"""Writing what the viewer shows to files: the screen as SVG, the run as one HTML page."""

from __future__ import annotations

import errno
import re
import threading
from collections.abc import Callable, Iterator
from io import FileIO
from pathlib import Path
from typing import BinaryIO

from rlm_runtime._events import Event
from rlm_runtime._export.html import write_html
from rlm_runtime._trace.reader import Trace
from rlm_runtime._trace.stored import MAX_VALUE

_MOST_FILES = 10_000
_UNSAFE = re.compile(r"[^A-Za-z0-9_-]+")
_FROM_ELSEWHERE = re.compile(r"@font-face\s*\{[^{}]*\}\s*|<!--.*?-->\s*", re.S)


def file_name(run: str, number: int, suffix: str) -> str:
    """Name a file after a run; nothing in the run's name can lead it elsewhere."""
    name = _UNSAFE.sub("-", run[:200]).strip("-")[:60]
    return f"rlm-{name or 'run'}-{number}{suffix}"


def save(folder: Path, run: str, suffix: str, write: Callable[[BinaryIO], object]) -> Path:
    """Write a new file with the first free name; where that fails, there is none.

    Raises:
        OSError: It cannot be written.
    """
    for number in range(1, _MOST_FILES):
        path = folder / file_name(run, number, suffix)
        try:
            # Never through a link, never over anything
            file = path.open("xb")
        except FileExistsError:
            continue
        try:
            with file:
                write(file)
        except BaseException:
            path.unlink(missing_ok=True)
            raise
        return path
    raise FileExistsError(errno.EEXIST, f"There are {_MOST_FILES - 1:,} of them already")


def self_contained(svg: str) -> str:
    """Leave out the fonts that an SVG would fetch from the network; it names others after them."""
    return _FROM_ELSEWHERE.sub("", svg)


class PageWriter:
    """Writes the page of a run in a thread, until it is told to stop."""

    def __init__(self, trace: Path) -> None:
        self._trace = trace
        self._stopped = threading.Event()

    def stop(self) -> None:
        """Give up soon: `write` fails."""
        self._stopped.set()

    def write(self, out: BinaryIO) -> None:
        """Write the page.

        Raises:
            TraceError: The trace is damaged before anything of the run can be read.
            OSError: The trace cannot be read, the page not be written, or it was told to stop.
        """
        with self._trace.open("rb", buffering=0) as file:
            write_html(_StoppableTrace(self._trace, file, self._stopped), out)


class _StoppableTrace(Trace):
    def __init__(self, path: Path, file: FileIO, stopped: threading.Event) -> None:
        super().__init__(path, file, max_value=MAX_VALUE)
        self._stopped = stopped

    def events(self) -> Iterator[Event]:
        for event in super().events():
            if self._stopped.is_set():
                raise InterruptedError(errno.EINTR, "The viewer was closed")
            yield event
