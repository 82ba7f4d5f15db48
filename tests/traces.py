"""Traces for the tests of what reads them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from anyio.from_thread import start_blocking_portal

from rlm_runtime._events import Event
from rlm_runtime._trace.writer import open_trace_writer


@contextmanager
def growing_trace(trace_dir: Path, run: str, *events: Event) -> Iterator[Path]:
    """Write a trace that is still open within the block; what is given is in the file."""
    with start_blocking_portal() as portal:
        opened = portal.wrap_async_context_manager(open_trace_writer(trace_dir, run))
        with opened as writer:
            for event in events:
                portal.call(writer.write, event)
            portal.call(writer.wait_written)
            yield writer.path


def write_trace(trace_dir: Path, run: str, *events: Event) -> Path:
    """Write a whole trace."""
    with growing_trace(trace_dir, run, *events) as path:
        return path
