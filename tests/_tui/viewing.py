"""Opening the viewer on a trace, without a terminal."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from pathlib import Path

import anyio
from textual.pilot import Pilot

from rlm_runtime._events import Event
from rlm_runtime._trace.writer import open_trace_writer
from rlm_runtime._tui.app import Viewer
from rlm_runtime._tui.record.entry import Entry
from rlm_runtime._tui.record.record import Record
from rlm_runtime._tui.rows import RowMaker, Rows
from rlm_runtime._tui.settings import ViewerSettings
from rlm_runtime._tui.source import open_source
from rlm_runtime._tui.tree.layout import GroupKey


async def write(folder: Path, *events: Event, run: str = "run") -> Path:
    """Write a whole trace."""
    async with open_trace_writer(folder, run) as writer:
        for event in events:
            writer.write(event)
        return writer.path


@asynccontextmanager
async def open_viewer(
    path: Path,
    *,
    size: tuple[int, int] = (120, 40),
    follow: bool = False,
    settings: ViewerSettings | None = None,
) -> AsyncIterator[Pilot[None]]:
    """Open the viewer on a trace; all that is in it has been read and is shown."""
    async with open_source(path) as source:
        viewer = Viewer(source, follow=follow)
        viewer.settings = settings or viewer.settings
        async with viewer.run_test(size=size, notifications=True) as pilot:
            with anyio.fail_after(50):
                while viewer.state == "reading":
                    await pilot.pause(0.01)
            await settle(pilot)
            yield pilot


async def settle(pilot: Pilot[None]) -> None:
    """Wait until what was asked for is on the screen."""
    await pilot.pause()
    await pilot.pause()


def screen_text(pilot: Pilot[None]) -> str:
    """Give what the screen shows, line by line."""
    screen = pilot.app.screen
    lines = screen._compositor.render_strips(screen.size)
    return "\n".join(line.text.rstrip() for line in lines)


def viewer_of(pilot: Pilot[None]) -> Viewer:
    """Give the viewer that a pilot drives."""
    assert isinstance(pilot.app, Viewer)
    return pilot.app


def record_of(*events: Event) -> Record:
    """Make the record of events."""
    record = Record()
    for event in events:
        record.add(event)
    return record


def make_rows(
    record: Record,
    position: int,
    *,
    folded: Collection[int] = (),
    opened: Collection[GroupKey] = (),
    zoom: Entry | None = None,
    matches: Collection[int] | None = None,
) -> Rows:
    """Make the rows for a moment, as if there had been none before."""
    return RowMaker().rows(
        record, position, folded=folded, opened=opened, zoom=zoom, matches=matches
    )
