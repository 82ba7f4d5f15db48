"""Asking which run to compare with."""

from __future__ import annotations

from pathlib import Path

import anyio.to_thread
from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Input, Static

from rlm_runtime._errors import InputError
from rlm_runtime._events import RunForked
from rlm_runtime._printable import one_line, reason
from rlm_runtime._trace.finding import find_trace, is_id
from rlm_runtime._trace.places import list_runs
from rlm_runtime._tui.keys import INTERRUPT
from rlm_runtime._tui.record.record import Record

_RUNS_SHOWN = 8
_LONGEST_ID = 80


class AskRun(ModalScreen[Path | None]):
    """Asks for another run; ends with its trace."""

    CSS_PATH = "screen.tcss"
    BINDINGS = [Binding("escape", "dismiss(None)", "Back", id="ask_run.back"), INTERRUPT]

    def __init__(self, trace_dir: Path, *, default: str = "", this: str = "") -> None:
        """Ask for a run.

        Args:
            trace_dir: The folder that holds a folder for each run.
            default: What is there already.
            this: The id of the run that is shown, which is not offered.
        """
        super().__init__()
        self._trace_dir, self._default, self._this = trace_dir, default, this

    def compose(self) -> ComposeResult:
        """Lay out the question."""
        with Vertical(id="ask"):
            yield Static("Compare with which run? Its id, the beginning of it, or a path:")
            yield Input(self._default, placeholder="run", select_on_focus=False, id="run_asked")
            yield Static(id="runs_there", markup=False)

    def on_mount(self) -> None:
        """Look for the runs that there are."""
        self.query_one(Input).focus()
        self.run_worker(self._offer(), group="offer")

    async def _offer(self) -> None:
        found = await anyio.to_thread.run_sync(list_runs, self._trace_dir)
        names = [path.parent.name for path in found if path.parent.name != self._this]
        shown = [one_line(name, _LONGEST_ID) for name in names[:_RUNS_SHOWN]]
        more = len(names) - len(shown)
        self._say("\n".join([*shown, f"… and {more:,} more"] if more > 0 else shown))

    def on_input_submitted(self, message: Input.Submitted) -> None:
        """Find the run that is named."""
        message.stop()
        self.run_worker(self._find(message.value.strip()), group="find", exclusive=True)

    async def _find(self, run: str) -> None:
        try:
            path = await anyio.to_thread.run_sync(find_trace, run, self._trace_dir)
        except InputError as exc:
            notes = " ".join(getattr(exc, "__notes__", ()))
            self._say(reason(f"{exc} {notes}"))
        else:
            self.dismiss(path)

    def _say(self, text: str) -> None:
        self.query_one("#runs_there", Static).update(Text(text))


def forked_from(record: Record) -> str:
    """Name the run that a run was forked from; empty where it was not, or names none."""
    for position in reversed(record.sessions):
        event = record.events[position]
        if isinstance(event, RunForked):
            # A trace from elsewhere may have anything here; an id is nothing but that
            is_fine = is_id(event.parent) and event.parent == one_line(event.parent, _LONGEST_ID)
            return event.parent if is_fine else ""
    return ""
