"""`--view`: the viewer beside a run, in the same process; it reads the trace as any other does."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import anyio
import click

from rlm_runtime._cli.progress import Progress, make_progress
from rlm_runtime._cli.stderr import held_back, tell
from rlm_runtime._cli.tally import Tally
from rlm_runtime._events import Event, RunForked, RunResumed, RunStarted
from rlm_runtime._printable import one_line

if TYPE_CHECKING:  # other commands must start without a terminal's toolkit
    from rlm_runtime._tui.app import Viewer

view_option = click.option(
    "--view", envvar="RLM_VIEW", is_flag=True, help="Open the viewer on the run while it goes on."
)


def lacks_for_viewer(*, stdout: bool = True) -> str:
    """Say what the viewer lacks here; nothing where it can have the terminal."""
    streams = {"stdin": sys.stdin, "stderr": sys.__stderr__}
    if stdout:
        streams["stdout"] = sys.stdout
    for name, stream in streams.items():
        if stream is None or not stream.isatty():
            return f"{name} is no terminal"
    kind = os.environ.get("TERM", "")
    return f"TERM is {kind!r}" if kind in ("", "dumb") else ""


def check_view(view: bool) -> None:
    """See that there is a terminal, before anything is paid for.

    Raises:
        UsageError: There is none.
    """
    if view and (why := lacks_for_viewer(stdout=False)):
        raise click.UsageError(f"Cannot show the run with --view: {why}")


def choose_progress(
    *, view: bool, quiet: bool, find: Callable[[str], Path], recorded: Tally | None = None
) -> Progress:
    """Choose how a run is shown.

    Args:
        view: Whether in the viewer, as long as its user likes; then as without it.
        quiet: Whether not at all but for that.
        find: Names the trace of a run.
        recorded: What the run did before this session.
    """
    progress = make_progress(quiet=quiet, recorded=recorded)
    if not view:
        return progress
    # Here, and not where it is opened: that takes as long as some replies of a model
    from rlm_runtime._tui import opening

    opening.calm_collector()
    return ViewProgress(progress, find)


class ViewProgress:
    """Shows a run in the viewer from its first event on; in another form before and after."""

    def __init__(self, rest: Progress, find: Callable[[str], Path]) -> None:
        self._rest = rest
        self._find = find
        self._path: Path | None = None
        self._has_begun = anyio.Event()
        self._is_left = anyio.Event()
        self._must_leave = False
        self._viewer: Viewer | None = None

    def show(self, event: Event) -> None:
        """Hand the event on; the viewer reads it from the trace."""
        self._rest.show(event)
        if self._path is None and isinstance(event, RunStarted | RunForked | RunResumed):
            self._path = self._find("" if isinstance(event, RunResumed) else event.run)
            self._has_begun.set()

    def note(self, line: str) -> None:
        """Hand the line on."""
        self._rest.note(line)

    async def animate(self) -> None:
        """Open the viewer as soon as there is a trace; the other form waits behind it."""
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self._rest.animate)
            await self._has_begun.wait()
            try:
                await self._show_viewer()
            finally:
                self._is_left.set()

    def clear(self) -> None:
        """Give the terminal back."""
        if self._viewer is not None:
            from rlm_runtime._tui.opening import restore_terminal

            restore_terminal(self._viewer)
        self._rest.clear()

    async def leave(self, *, at_once: bool = False) -> None:
        """Wait until the user has left the viewer, or close it."""
        if not self._has_begun.is_set():
            return
        if self._viewer is not None:
            # The run is over, or being stopped: there is nothing left to ask about
            self._viewer.stop_run = None
        if at_once:
            self._must_leave = True
            if self._viewer is not None:
                self._viewer.exit()
        await self._is_left.wait()

    async def _show_viewer(self) -> None:
        from rlm_runtime._errors import TraceError
        from rlm_runtime._tui.opening import make_viewer, show_viewer
        from rlm_runtime._tui.source import open_source

        if self._path is None or self._must_leave:
            return
        failure: Exception | None = None
        try:
            async with open_source(self._path) as source:
                self._viewer = viewer = make_viewer(source, follow=True)
                viewer.stop_run = _stop_run
                viewer.keep_print = partial(tell, end="")
                # What is held back is written where the cursor is now
                self._rest.clear()
                with held_back(viewer.hear):
                    failure = await show_viewer(viewer)
        except (TraceError, OSError) as error:
            failure = error
        self._viewer = None
        if failure is not None:
            tell(f"rlm: warning: {_describe_failure(failure)}; the run goes on without it")


def show_answered(path: Path) -> None:
    """Show a run that is over until its user leaves it; its answer is told whatever ends that."""
    from rlm_runtime._tui.opening import view_run

    try:
        anyio.run(view_run, path)
    except Exception as failure:
        tell(f"rlm: warning: {_describe_failure(failure)}")


def _describe_failure(failure: Exception) -> str:
    why = one_line(f"{type(failure).__name__}: {failure}", 300)
    return f"The viewer failed ({why})"


def _stop_run() -> None:
    """Stop the run as ctrl+c does where there is no viewer, which keeps it from the terminal."""
    os.kill(os.getpid(), signal.SIGINT)
