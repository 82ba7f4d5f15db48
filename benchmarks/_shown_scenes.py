"""What the viewer shows in screenshots: which run, how far, and the keys that lead there."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import anyio
from textual._context import visible_screen_stack
from textual.app import App
from textual.pilot import Pilot
from textual.strip import Strip

from benchmarks import _shown_texts as texts
from benchmarks._shown_run import Story, shown_events
from rlm_runtime._trace.writer import open_trace_writer
from rlm_runtime._tui.app import Viewer
from rlm_runtime._tui.source import open_source


@dataclass(frozen=True, slots=True)
class Scene:
    """One thing to show."""

    story: Story
    keys: tuple[str, ...] = ()
    until: str = ""
    """What is on the screen when all is there."""
    events: int | None = None
    """So many of them have been written, and the run goes on."""
    beside: Story | None = None
    """The run that it is compared with."""


SCENES = {
    "finished": Scene("finished", ("down", "2"), "Chapter 2"),
    "errors": Scene("errors", ("end", "E", "E", "8"), "max_iterations is 2"),
    "followed": Scene("finished", ("t",), "llm_query", events=230),
    "search": Scene("finished", ("home", "slash", *"sluice", "enter", *"nnnnnn"), "7 of 24"),
    "diff": Scene("finished", (), " differ  ·", beside="other"),
}
SIZES = ((80, 24), (120, 40), (200, 60))


@asynccontextmanager
async def open_scene(
    name: str, folder: Path, size: tuple[int, int], *, theme: str = "rlm-dark"
) -> AsyncIterator[Pilot[None]]:
    """Open the viewer on a scene, with traces in a folder that is new."""
    scene = SCENES[name]
    async with AsyncExitStack() as stack:
        path, growing = await _write(folder, scene.story, scene.events)
        await stack.enter_async_context(growing)
        source = await stack.enter_async_context(open_source(path))
        viewer = Viewer(source, follow=scene.events is not None)
        if scene.beside is not None:
            viewer.other, other = await _write(folder, scene.beside, None)
            await stack.enter_async_context(other)
        pilot = await stack.enter_async_context(viewer.run_test(size=size))
        viewer.theme = theme
        with anyio.fail_after(10):
            while viewer.state == "reading":
                await pilot.pause(0.01)
            await pilot.press(*scene.keys)
            await wait_for(pilot, scene.until)
        yield pilot


async def _write(folder: Path, story: Story, most: int | None) -> tuple[Path, AsyncExitStack]:
    """Write a trace; it goes on being written for the length of the block where some are left."""
    stack = AsyncExitStack()
    first = next(iter(shown_events(story)))
    run = getattr(first, "run", story)
    writer = await stack.enter_async_context(open_trace_writer(folder, run))
    ref = await writer.keep(texts.book())
    for event in list(shown_events(story, context_ref=ref))[:most]:
        writer.write(event)
    await writer.wait_written()
    if most is None:
        await stack.aclose()
    return writer.path, stack


async def wait_for(pilot: Pilot[None], text: str) -> None:
    """Wait until a text is on the screen."""
    while text not in "\n".join(lines_of(pilot.app)):
        await pilot.pause(0.02)
    await pilot.pause()


def lines_of(app: App[None]) -> list[str]:
    """Give what the screen shows, line by line."""
    return [line.text.rstrip() for line in drawn(app)]


def drawn(app: App[None]) -> list[Strip]:
    """Draw the screen, and what shows through it, as the app itself does."""
    # Without it nothing is behind a screen, and Textual remembers it so
    token = visible_screen_stack.set(list(app._background_screens))
    try:
        return app.screen._compositor.render_strips(app.screen.size)
    finally:
        visible_screen_stack.reset(token)
