"""Opening the viewer on the terminal."""

from __future__ import annotations

import gc
from pathlib import Path

from rlm_runtime._tui.app import Viewer
from rlm_runtime._tui.source import open_source


async def view_run(path: Path, *, follow: bool = False) -> None:
    """Show a run until the user has seen enough.

    Args:
        path: Its trace.
        follow: Whether to stay at the newest event while it goes on.

    Raises:
        TraceError: The trace cannot be read, or is none.
    """
    calm_collector()
    async with open_source(path) as source:
        await Viewer(source, follow=follow).run_async()


def calm_collector() -> None:
    """Have the garbage collector look less often: a record is many objects that all stay."""
    gc.set_threshold(200_000, 20, 20)
