"""Following a run of another process: finding one that goes on, and telling of it in lines."""

from __future__ import annotations

import time
from contextlib import suppress
from itertools import islice
from pathlib import Path

from rlm_runtime._cli.progress import EventLines
from rlm_runtime._cli.stderr import tell
from rlm_runtime._errors import TraceError
from rlm_runtime._trace.places import is_being_written, list_runs
from rlm_runtime._trace.reader import follow_trace

_SECONDS_PER_LOOK = 0.2
_NEWEST = 50
"""So many runs are asked whether they go on; one that is older may have been resumed."""


def wait_for_run(trace_dir: Path) -> Path:
    """Find the newest run that goes on, or wait for the next one to begin."""
    known = {path for path in list_runs(trace_dir) if _has_header(path)}
    is_told = False
    while True:
        newest = list(islice(list_runs(trace_dir), _NEWEST))
        for path in newest:
            # One that began and ended between two looks counts, too
            if _has_header(path) and (path not in known or is_being_written(path)):
                return path
        if not is_told:
            tell(f"rlm: Waiting for a run to begin in {str(trace_dir)!r}")
            is_told = True
        time.sleep(_SECONDS_PER_LOOK)


async def tell_until_end(path: Path) -> None:
    """Write a line for each event of note, until nobody writes the trace any more."""
    lines = EventLines()
    # What is wrong with the trace is told by who reads it then
    with suppress(TraceError):
        async for event in follow_trace(path):
            lines.show(event)
    lines.clear()


def _has_header(path: Path) -> bool:
    try:
        return path.stat().st_size > 0
    except OSError:
        return False
