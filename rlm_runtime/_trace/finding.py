"""From the name of a run to the trace that is meant."""

from __future__ import annotations

import os
from pathlib import Path

from rlm_runtime._errors import InputError
from rlm_runtime._trace.places import find_run, list_runs

_SHORTEST_PREFIX = 4
_RUNS_SHOWN = 5


def find_trace(run: str | None, trace_dir: Path) -> Path:
    """Find the trace of a run: by its id, by a path, or by the beginning of the id.

    Args:
        run: An id that `rlm runs` lists, at least four characters of its beginning that no other
            one has, or a trace file, or the folder of one; None for the newest run.
        trace_dir: The folder that holds a folder for each run.

    Raises:
        InputError: There is no such run, or more than one.
    """
    if run is None:
        newest = next(iter(list_runs(trace_dir)), None)
        if newest is None:
            raise InputError(f"Cannot find the newest run: there is none in {str(trace_dir)!r}")
        return newest
    places = [Path(run), find_run(Path(run), ".")]
    if is_id(run):
        places.insert(0, find_run(trace_dir, run))
    # os.path: Path's own method raises where a name is too long or a folder is closed
    found = next((path for path in places if os.path.isfile(path)), None)
    return found or _find_by_prefix(run, trace_dir)


def is_id(run: str) -> bool:
    """Tell whether this can be the id of a run, which names a folder in that of the traces."""
    return run not in ("", ".", "..") and "/" not in run and "\0" not in run


def _find_by_prefix(run: str, trace_dir: Path) -> Path:
    found = []
    if len(run) >= _SHORTEST_PREFIX:
        found = [path for path in list_runs(trace_dir) if path.parent.name.startswith(run)]
    if len(found) == 1:
        return found[0]
    if not found:
        raise InputError(f"Cannot find run {run!r}: none in {str(trace_dir)!r}, and no such file")
    error = InputError(f"Cannot find run {run!r}: {len(found):,} runs begin like this")
    shown = ", ".join(path.parent.name for path in found[:_RUNS_SHOWN])
    error.add_note(f"say more of it: {shown}{', …' if len(found) > _RUNS_SHOWN else ''}")
    raise error
