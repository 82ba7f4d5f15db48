"""Help: the keys that hold now, and what glyphs and colours mean."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rich.cells import cell_len
from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import Static

from rlm_runtime._tui.keys import AROUND, INTERRUPT, KeyInUse
from rlm_runtime._tui.lane_cells import GLYPHS, Look
from rlm_runtime._tui.states import look_of

_COLOURS = {"answered": "success", "running": "primary", "limit": "warning", "error": "error"}
_STATES = {
    "answered": "answered",
    "running": "running",
    "queued": "queued",
    "limit": "stopped by a limit (max_…, repetition, no_answer)",
    "error": "failed (model_error, sandbox_error, error)",
    "interrupted": "interrupted",
    "crashed": "crashed: nobody writes the trace any more",
    "aside": "put aside: its parent was run again differently",
}
_LANES: tuple[tuple[Look, str], ...] = (
    ("model", "a model call"),
    ("code", "code runs"),
    ("children", "code waits for sub-calls"),
    ("tool", "a tool"),
    ("sandbox", "the sandbox starts"),
    ("wait", "it waits for its turn, or for the next attempt"),
    ("life", "it lives"),
)
_BAR = (
    ("✗", "an error", "error"),
    ("╷", "a node or completion begins", "primary"),
    ("✓", "an answer", "success"),
    ("•", "a place where what is searched for was found", "warning"),
)


class HelpScreen(ModalScreen[None]):
    """Lies over the viewer until a key closes it."""

    BINDINGS = [
        Binding("escape,question_mark,q", "close", "Close", id="help.close", show=False),
        INTERRUPT,
    ]

    def __init__(self, keys: Sequence[KeyInUse]) -> None:
        super().__init__()
        self._keys = keys

    def compose(self) -> ComposeResult:
        """Lay out the help."""
        with VerticalScroll(id="help") as box:
            box.border_title = "Help"
            box.border_subtitle = "end  what the signs mean · escape  closes"
            yield Static(id="help-text", markup=False)

    def on_mount(self) -> None:
        """Fill it in, in the colours of the theme."""
        self.query_one("#help-text", Static).update(self._text())
        self.query_one("#help").focus()

    def _text(self) -> Text:
        text = Text()
        for title, keys in _groups(self._keys):
            self._add(text, title, [(" ".join(key.keys), key.description, "") for key in keys])
        states = [(look_of(one), told) for one, told in _STATES.items()]
        signs = [(look.glyph, told, _COLOURS.get(look.kind, "")) for look, told in states]
        self._add(text, "States of nodes and completions", signs)
        self._add(text, "The timeline", [(GLYPHS[look], told, "") for look, told in _LANES])
        self._add(text, "The bar", _BAR)
        text.rstrip()
        return text

    def _add(self, text: Text, title: str, lines: Iterable[tuple[str, str, str]]) -> None:
        variables = self.app.theme_variables
        text.append(f"{title}\n", "bold")
        for sign, meaning, colour in lines:
            style = variables.get(colour or "foreground", "")
            text.append(f"  {sign}{' ' * max(1, 22 - cell_len(sign))}", _safe(style))
            text.append(f"{meaning}\n")
        text.append("\n")

    def action_close(self) -> None:
        """Go back to the run."""
        self.dismiss()


def _safe(colour: str) -> str:
    """Give a colour that Rich knows, too; the names of the terminal's own are spelt differently."""
    return colour if colour.startswith("#") else colour.removeprefix("ansi_").replace("default", "")


def _groups(keys: Iterable[KeyInUse]) -> list[tuple[str, list[KeyInUse]]]:
    of_pane = [key for key in keys if key.is_of_pane]
    rest = [key for key in keys if not key.is_of_pane]
    groups = [("Here", of_pane)] if of_pane else []
    others: dict[str, list[KeyInUse]] = {}
    for key in rest:
        others.setdefault(key.group, []).append(key)
    # What the toolkit has of its own is the least that one looks for
    return groups + sorted(others.items(), key=lambda one: one[0] == AROUND)
