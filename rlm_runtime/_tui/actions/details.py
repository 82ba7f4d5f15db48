"""Choosing what is told of the selected entry, and taking it out of the viewer."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from functools import partial

import anyio
import anyio.to_thread
from textual.app import SuspendNotSupported
from textual.binding import Binding

from rlm_runtime._errors import TraceError
from rlm_runtime._printable import printable, reason
from rlm_runtime._tui.base import ViewerBase
from rlm_runtime._tui.details.context_reading import read_context_map
from rlm_runtime._tui.details.document import NOTHING, Document
from rlm_runtime._tui.details.editor import edit, editor_of
from rlm_runtime._tui.details.moment import MAP_OF
from rlm_runtime._tui.details.pages import PAGES
from rlm_runtime._tui.details.pane import Details
from rlm_runtime._tui.details.values import write_value

_MOST_COPIED = 10**6
"""A terminal may take long for more, or give up."""
_CALM_SECONDS = 0.1
"""The user stays so long before texts are read: not while a run is played."""
_ROUNDS = 4


class DetailsActions(ViewerBase):
    """Choosing what is told of the selected entry, and taking it out of the viewer."""

    BINDINGS = [
        *(
            Binding(
                str(key % 10),
                f"page({key - 1})",
                f"Page: {page.name}",
                id=f"page.{key}",
                show=False,
            )
            for key, page in enumerate(PAGES[:10], start=1)
        ),
        Binding("greater_than_sign", "turn_page(1)", "Next page", id="page.next", show=False),
        Binding("less_than_sign", "turn_page(-1)", "Previous page", id="page.previous", show=False),
        Binding("w", "wrap_text", "Wrap long lines", id="text.wrap", show=False),
        Binding("y", "copy_text", "Copy the text", id="text.copy", show=False),
        Binding("o", "open_text", "Open the text in $EDITOR", id="text.open", show=False),
    ]

    def action_page(self, number: int) -> None:
        """Show a page of the details."""
        self.query_one(Details).turn_to(number)

    def action_turn_page(self, by: int) -> None:
        """Show the next page of the details, or the one before."""
        self.query_one(Details).turn(by)

    def action_wrap_text(self) -> None:
        """Let long lines go on below themselves, or not."""
        wraps = self.query_one(Details).toggle_wrap()
        told = "Long lines go on below themselves" if wraps else "Long lines go beyond the side"
        self.notify(told, markup=False, timeout=2)

    def action_copy_text(self) -> None:
        """Copy the main text of the page, as a whole."""
        self.run_worker(self._copy(self.query_one(Details)), group="take_out", exclusive=True)

    def action_open_text(self) -> None:
        """Open the main text of the page in the user's editor, as a whole."""
        self.run_worker(self._open(self.query_one(Details)), group="take_out", exclusive=True)

    def on_details_wanted(self, message: Details.Wanted) -> None:
        """Read the whole texts that a page is short of, unless the user goes on before."""
        message.stop()
        self.run_worker(self._read_calmly(message.wanted), group="texts", exclusive=True)

    async def _read_calmly(self, wanted: Iterable[int | str]) -> None:
        await anyio.sleep(_CALM_SECONDS)
        await self._read_texts(wanted)

    async def _read_texts(self, wanted: Iterable[int | str]) -> None:
        for one in wanted:
            try:
                give = await self._read_text(one)
            except (TraceError, ValueError, RecursionError) as exc:
                give = partial(Details.take_failure, wanted=one, why=reason(str(exc)))
            # None where the viewer has been closed meanwhile
            for details in self.query(Details):
                give(details)

    async def _read_text(self, one: int | str) -> Callable[[Details], None]:
        """Read a text that is wanted, and give what hands it to the details."""
        if isinstance(one, int):
            event = await self.source.event(self.record.places[one])
            return partial(Details.take_event, position=one, event=event)
        if one.startswith(MAP_OF):
            entry = self.record.entries[int(one.removeprefix(MAP_OF))]
            found = await read_context_map(self.source, self.record, entry)
            return partial(Details.take_map, entry=entry.id, found=found)
        value = await self.source.value(one)
        written = await anyio.to_thread.run_sync(write_value, value)
        return partial(Details.take_value, ref=one, value=written)

    async def _whole(self, details: Details) -> Document:
        """Make the page that is shown with all texts whole."""
        asked = details.ask()
        if asked is None:
            return NOTHING
        moment, page = asked
        document = page.make(moment)
        for _ in range(_ROUNDS):
            if not moment.wanted:
                break
            wanted, moment.wanted = moment.wanted, []
            await self._read_texts(wanted)
            document = page.make(moment)
        return document

    async def _copy(self, details: Details) -> None:
        text = (await self._whole(details)).main
        if not text:
            self.notify("This page has no text to copy", severity="warning", markup=False)
            return
        # What a shell obeys when it is pasted must not be hidden in it
        copied = printable(text[:_MOST_COPIED])
        self.copy_to_clipboard(copied)
        told = f"Copied {len(copied):,} characters"
        if len(text) > _MOST_COPIED:
            told = f"Copied the first {_MOST_COPIED:,} of {len(text):,} characters"
        self.notify(told, markup=False, timeout=3)

    async def _open(self, details: Details) -> None:
        document = await self._whole(details)
        editor = editor_of(os.environ)
        if not document.main:
            self._warn("This page has no text to open")
        elif not editor:
            self._warn("Cannot open an editor: neither VISUAL nor EDITOR names one")
        else:
            await self._edit(document, editor)

    async def _edit(self, document: Document, editor: list[str]) -> None:
        status, why = 0, ""
        try:
            # Nothing is drawn while the terminal is the editor's
            with self.batch_update(), self.suspend():
                # Here: Textual does not take the terminal again after an error
                try:
                    status = await edit(document.main, document.suffix, editor)
                except (OSError, ValueError) as exc:
                    why = str(exc)
        except SuspendNotSupported:
            self._warn("Cannot open an editor: this terminal cannot be left to it")
        if why:
            self._warn(f"Cannot open {reason(editor[0])!r}: {reason(why)}")
        elif status:
            self._warn(f"{reason(editor[0])!r} ended with status {status}")

    def _warn(self, told: str) -> None:
        self.notify(told, severity="warning", markup=False)
