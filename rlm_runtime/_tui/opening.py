"""Opening the viewer on the terminal."""

from __future__ import annotations

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
    async with open_source(path) as source:
        await Viewer(source, follow=follow).run_async()
