"""The screen that shows two runs side by side."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import anyio
import anyio.to_thread
from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding
from textual.screen import ModalScreen
from textual.widgets import Footer, Static

from rlm_runtime._errors import TraceError
from rlm_runtime._printable import reason
from rlm_runtime._tui.comparing.align import Alignment
from rlm_runtime._tui.comparing.described import Compared
from rlm_runtime._tui.comparing.differences import Differences
from rlm_runtime._tui.comparing.loading import align_beside, look_closer, read_all
from rlm_runtime._tui.comparing.rows import Line, make_lines
from rlm_runtime._tui.comparing.side_by_side import SideBySide
from rlm_runtime._tui.comparing.summary import (
    name_difference,
    summarise_difference,
    summarise_run,
)
from rlm_runtime._tui.comparing.texts import pair_lines
from rlm_runtime._tui.comparing.whole import read_step, tell_entry
from rlm_runtime._tui.keys import INTERRUPT
from rlm_runtime._tui.record.record import Record
from rlm_runtime._tui.source import Source, open_source

_SECONDS_PER_LOOK = 0.1


class Comparing(ModalScreen[int | None]):
    """Compares the run of the viewer, A, with another one, B.

    It ends with the position in run A that the user wants to see; None for where the viewer is.
    """

    CSS_PATH = "screen.tcss"
    BINDINGS = [
        Binding("n", "next_difference(1)", "Next difference", id="comparing.next"),
        Binding("N", "next_difference(-1)", "Previous", id="comparing.previous"),
        Binding("enter", "show_moment", "Show in run A", id="comparing.enter"),
        Binding("u", "toggle_everything", "All or differences", id="comparing.everything"),
        Binding("tab", "app.focus_next", "Focus", id="comparing.focus", show=False),
        Binding("escape,q", "dismiss(None)", "Back", id="comparing.back"),
        INTERRUPT,
    ]

    def __init__(
        self, record: Record, source: Source, other: Path, *, is_read: Callable[[], bool]
    ) -> None:
        """Compare a run with another one.

        Args:
            record: Run A.
            source: Where it comes from.
            other: The trace of run B.
            is_read: Tells whether all that there is of run A has been read.
        """
        super().__init__()
        self._a, self._source_a = record, source
        self._other, self._is_read = other, is_read
        self._source_b: Source | None = None
        self._compared: Compared | None = None
        self._everything = False
        self._progress = ""

    def compose(self) -> ComposeResult:
        """Lay out the screen."""
        yield Static(id="runs", markup=False)
        yield Differences(id="differences")
        yield Static(id="what", markup=False)
        yield SideBySide(id="texts")
        yield Footer(show_command_palette=False)

    def on_mount(self) -> None:
        """Begin to compare."""
        self.query_one(Differences).focus()
        self.set_interval(_SECONDS_PER_LOOK, self._show_progress)
        self.run_worker(self._compare(), group="compare")

    async def _compare(self) -> None:
        try:
            async with open_source(self._other) as source:
                self._source_b = source
                await self._compare_with(source)
                # The trace stays open for the whole texts
                await anyio.sleep_forever()
        except TraceError as exc:
            self._progress = ""
            self.query_one("#runs", Static).update(Text(f" {reason(str(exc))}"))

    async def _compare_with(self, source: Source) -> None:
        self._tell(f"reading the other run: {self._other.name}")
        b, damage = await read_all(source, self._tell)
        while not self._is_read():
            self._tell("reading this run")
            await anyio.sleep(_SECONDS_PER_LOOK)
        alignment = await align_beside(self._a, b, self._tell)
        left = await look_closer(alignment, self._a, b, self._source_a, source)
        lines = await anyio.to_thread.run_sync(make_lines, alignment)
        self._compared = Compared(a=self._a, b=b, alignment=alignment, lines=lines)
        self._progress = ""
        told = [
            summarise_run("A", self._a, alignment.last_a),
            summarise_run("B", b, alignment.last_b),
            summarise_difference(self._a, b, alignment, left),
        ]
        if damage:
            told[1] = Text(f" B  {reason(damage)}")
        lines_told = Text("\n", no_wrap=True, overflow="ellipsis").join(told)
        self.query_one("#runs", Static).update(lines_told)
        self._go_to(_find(lines, alignment))

    def _tell(self, progress: str) -> None:
        self._progress = progress

    def _show_progress(self) -> None:
        # Told by a thread, shown from here
        if self._progress and self._compared is None:
            self.query_one("#runs", Static).update(Text(f" {self._progress}"))

    def on_differences_moved(self, message: Differences.Moved) -> None:
        """Go to the row that the list names."""
        self._go_to(message.number)

    def _go_to(self, number: int) -> None:
        compared = self._compared
        if compared is None or not compared.lines:
            return
        self.query_one(Differences).show(compared, number)
        line = compared.lines[number]
        self.query_one("#what", Static).update(Text(f" {_name(compared, line)}"))
        self.run_worker(self._show_texts(compared, line), group="texts", exclusive=True)

    async def _show_texts(self, compared: Compared, line: Line) -> None:
        """Show the texts of a row; what was asked for before is given up."""
        pair = compared.alignment.pairs[line.pair]
        a: str | None
        b: str | None
        if line.alike:
            a = b = f"{line.alike:,} steps and entries are the same here; u shows them"
        elif line.step < 0 or self._source_b is None:
            a = tell_entry(compared.a, pair.a, compared.alignment.last_a)
            b = tell_entry(compared.b, pair.b, compared.alignment.last_b)
        else:
            step = pair.steps[line.step]
            a = await read_step(compared.a, self._source_a, step.a, step.kind)
            b = await read_step(compared.b, self._source_b, step.b, step.kind)
        pairs = await anyio.to_thread.run_sync(pair_lines, a, b)
        self.query_one(SideBySide).show(pairs)

    def action_next_difference(self, by: int) -> None:
        """Go to the next difference, or to the one before."""
        if self._compared is None:
            return
        lines = self._compared.lines
        number = self.query_one(Differences).number + by
        while 0 <= number < len(lines) and not lines[number].is_difference:
            number += by
        if 0 <= number < len(lines):
            self._go_to(number)

    def action_show_moment(self) -> None:
        """Go back to the viewer, to the moment of run A that is selected."""
        if self._compared is None or not self._compared.lines:
            return
        line = self._compared.lines[self.query_one(Differences).number]
        self.dismiss(find_moment(self._compared.alignment, line))

    def action_toggle_everything(self) -> None:
        """Show what is the same too, or no more."""
        if self._compared is not None:
            self._everything = not self._everything
            self.run_worker(self._show_lines(), group="lines", exclusive=True)

    async def _show_lines(self) -> None:
        compared = self._compared
        if compared is None:
            return
        number = self.query_one(Differences).number
        before = compared.lines[number]
        lines = await anyio.to_thread.run_sync(
            lambda: make_lines(compared.alignment, everything=self._everything)
        )
        self._compared = Compared(
            a=compared.a, b=compared.b, alignment=compared.alignment, lines=lines
        )
        same = (
            n for n, one in enumerate(lines) if (one.pair, one.step) == (before.pair, before.step)
        )
        self._go_to(next(same, 0))


def find_moment(alignment: Alignment, line: Line) -> int | None:
    """Find the position in run A that a row is about; None where there is none."""
    pair = alignment.pairs[line.pair]
    if line.step >= 0 and not line.alike:
        before = [step.a for step in pair.steps[: line.step + 1] if step.a is not None]
        if before:
            return before[-1]
    while pair.a is None and pair.parent > 0:
        pair = alignment.pairs[pair.parent]
    return pair.a.began if pair.a is not None else None


def _find(lines: list[Line], alignment: Alignment) -> int:
    """Find the row of the first difference."""
    found = (n for n, line in enumerate(lines) if (line.pair, line.step) == alignment.first)
    return next(found, 0)


def _name(compared: Compared, line: Line) -> str:
    if line.alike:
        return "the same in both runs"
    alignment = compared.alignment
    if line.step < 0 and line.verdict in ("same", "different"):
        return "this entry in both runs"
    sign = {"same": "the same", "different": "different"}.get(line.verdict, line.verdict)
    return f"{name_difference(alignment, line.pair, line.step)} ({sign})"
