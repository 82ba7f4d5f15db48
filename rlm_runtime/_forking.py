"""A fork: the trace of a run, up to a reply that is asked for anew, as that of a run of its own."""

from __future__ import annotations

import time
from pathlib import Path

import anyio.to_thread

from rlm_runtime._engine.fork_points import ForkPoint, find_fork_point
from rlm_runtime._events import RunForked
from rlm_runtime._trace.forking import copy_prefix
from rlm_runtime._trace.reader import open_trace
from rlm_runtime._trace.writer import reopen_trace_writer


async def begin_fork(
    source: Path, point: ForkPoint, trace_dir: Path, run: str, *, say: str
) -> tuple[Path, RunForked]:
    """Create the trace of a fork; give its place, and the event that ends what it shares.

    Args:
        source: The trace of the other run.
        point: Where the fork leaves it.
        trace_dir: Holds a folder for each run.
        run: The id of the fork.
        say: What its node is told in addition.

    Raises:
        TraceError: The other trace is damaged, or there cannot be one in this place.
    """
    path = await copy_prefix(source, trace_dir, run, before_seq=point.seq)
    event = RunForked(
        seq=point.seq,
        time=time.time(),
        # The clock of the record goes on from where it stood: no time has passed between
        mono=point.mono,
        run=run,
        parent=await anyio.to_thread.run_sync(_id_of, source),
        node=point.node,
        iteration=point.iteration,
        say=say,
    )
    async with reopen_trace_writer(path) as trace:
        trace.write(event)
        await trace.wait_written()
    return path, event


async def read_fork_point(source: Path, node: int, iteration: int) -> ForkPoint:
    """Find where a run can be forked.

    Raises:
        InputError: It cannot be there.
        TraceError: Its trace cannot be read.
    """
    return await anyio.to_thread.run_sync(_find, source, node, iteration)


def _find(source: Path, node: int, iteration: int) -> ForkPoint:
    with open_trace(source) as trace:
        return find_fork_point(trace.events(), node, iteration)


def _id_of(source: Path) -> str:
    with open_trace(source) as trace:
        return trace.header.run
