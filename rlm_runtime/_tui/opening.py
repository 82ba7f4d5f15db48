"""Opening the viewer on the terminal."""

from __future__ import annotations

import gc
import os
import signal
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import anyio

from rlm_runtime._paths import default_viewer_settings
from rlm_runtime._tui.app import Viewer
from rlm_runtime._tui.collecting import Collector
from rlm_runtime._tui.settings import ViewerSettings, read_viewer_settings
from rlm_runtime._tui.source import Source, open_source
from rlm_runtime._tui.terminal import own_handlers
from rlm_runtime._types import StopReason

_CLOSE_SECONDS = 5.0


async def view_run(
    path: Path,
    *,
    follow: bool = False,
    other: Path | None = None,
    resume_command: Callable[[StopReason | None], str | None] | None = None,
) -> int | None:
    """Show a run until the user has seen enough.

    Args:
        path: Its trace.
        follow: Whether to stay at the newest event while it goes on.
        other: The trace of a run that it is compared with first.
        resume_command: Names what goes on with a run that ended for some reason.

    Returns:
        The signal that ended it, if one did.

    Raises:
        TraceError: The trace cannot be read, or is none.
        Exception: What the viewer failed by.
    """
    calm_collector()
    async with open_source(path) as source:
        viewer = make_viewer(source, follow=follow)
        # Not beside a run, whose garbage would stay for good
        viewer.collector = Collector()
        viewer.other = other
        viewer.resume_command = resume_command
        ended_by: list[int] = []
        with anyio.open_signal_receiver(*_signals()) as signals:
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(_obey, signals, viewer, ended_by)
                failure = await show_viewer(viewer)
                tasks.cancel_scope.cancel()
        if failure is not None:
            raise failure
        if viewer.was_interrupted:
            return signal.SIGINT
        return ended_by[0] if ended_by else None


def make_viewer(source: Source, *, follow: bool) -> Viewer:
    """Make a viewer as its user likes it."""
    viewer = Viewer(source, follow=follow)
    viewer.settings = settings_of_user()
    return viewer


async def show_viewer(viewer: Viewer) -> Exception | None:
    """Show a viewer until its user leaves it, or this is cancelled; the terminal is as before.

    Returns:
        What it failed by, if it did.
    """
    with own_handlers():
        async with anyio.create_task_group() as tasks:
            # Textual takes a cancellation for its own, and would be cancelled while it cleans up
            with anyio.CancelScope(shield=True) as scope:
                tasks.start_soon(_close_when_cancelled, viewer, scope)
                await viewer.run_async()
            tasks.cancel_scope.cancel()
    return viewer.failure


def restore_terminal(viewer: Viewer) -> None:
    """Give the terminal back at once, as the process ends."""
    driver = viewer._driver
    if driver is not None:
        driver.stop_application_mode()
        driver.close()


async def _close_when_cancelled(viewer: Viewer, scope: anyio.CancelScope) -> None:
    try:
        await anyio.sleep_forever()
    finally:
        if viewer.is_running:
            scope.deadline = anyio.current_time() + _CLOSE_SECONDS
        viewer.exit()


async def _obey(signals: AsyncIterator[signal.Signals], viewer: Viewer, by: list[int]) -> None:
    async for signum in signals:
        by.append(signum)
        viewer.exit()


def _signals() -> list[signal.Signals]:
    """Name what ends the viewer; who started it may have it outlive its terminal."""
    ending = [signal.SIGINT, signal.SIGTERM, signal.SIGHUP]
    return [one for one in ending if signal.getsignal(one) is not signal.SIG_IGN]


def settings_of_user() -> ViewerSettings:
    """Read how the user wants the viewer to be."""
    named = os.environ.get("RLM_VIEWER_SETTINGS")
    return read_viewer_settings(Path(named) if named else default_viewer_settings())


def calm_collector() -> None:
    """Have the garbage collector look less often, but never for more than some milliseconds."""
    gc.set_threshold(20_000, 5, 800)
