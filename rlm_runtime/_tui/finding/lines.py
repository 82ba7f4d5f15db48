"""The lines at the bottom: what is looked for, what is let through, what is zoomed into."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from rich.style import Style
from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Horizontal, Vertical
from textual.message import Message
from textual.suggester import Suggester
from textual.widgets import Input, Static

from rlm_runtime._printable import one_line, printable
from rlm_runtime._tui.finding.completion import FilterSuggester
from rlm_runtime._tui.finding.state import Unreadable
from rlm_runtime._tui.laid_out import update
from rlm_runtime._tui.record.entry import Entry
from rlm_runtime._tui.view import View

LineName = Literal["search", "filter"]

_MOST_CHARS = 1_000
_CRUMBS = 6
_DIM = Style(dim=True)


class Typed(Message):
    """The text of a line is another one."""

    def __init__(self, line: LineName, text: str) -> None:
        self.line, self.text = line, text
        super().__init__()


class Kept(Message):
    """The user is done with a line, and wants what it says."""

    def __init__(self, line: LineName) -> None:
        self.line = line
        super().__init__()


class Dropped(Message):
    """The user wants no more of what a line says."""

    def __init__(self, line: LineName) -> None:
        self.line = line
        super().__init__()


class Line(Input):
    """Where a search or a filter is typed; it has the focus only while it is open."""

    BINDINGS = [Binding("escape", "drop", "Clear", id="line.clear", show=False)]

    def __init__(self, name: LineName, suggester: Suggester | None = None) -> None:
        super().__init__(
            id=name, compact=True, max_length=_MOST_CHARS, suggester=suggester, select_on_focus=True
        )
        self._line: LineName = name
        self.can_focus = False

    def open(self) -> None:
        """Take the keys."""
        self.can_focus = True
        self.focus()

    def replace(self, text: str, start: int, end: int) -> None:
        """Insert what is typed or pasted, without what a terminal would obey."""
        super().replace(printable(text).replace("\n", " ").replace("\t", " "), start, end)

    def on_click(self) -> None:
        """Take the keys again."""
        self.open()

    def action_drop(self) -> None:
        """Clear the line, and leave it."""
        self.value = ""
        self.post_message(Dropped(self._line))

    def on_input_changed(self, message: Input.Changed) -> None:
        """Tell what is typed now."""
        message.stop()
        self.post_message(Typed(self._line, self.value))

    def on_input_submitted(self, message: Input.Submitted) -> None:
        """Tell that it is done."""
        message.stop()
        self.post_message(Kept(self._line))

    def on_input_blurred(self, message: Input.Blurred) -> None:
        """Take no more keys, unless it is the whole terminal that lost the focus."""
        message.stop()
        if self.app.app_focus:
            self.can_focus = False


class FindLines(Vertical):
    """All of them; those that say nothing take no room."""

    def __init__(self, *, id: str) -> None:
        super().__init__(id=id)
        self._models: dict[str, None] = {}
        self._known = 0

    def compose(self) -> ComposeResult:
        """Lay out the lines."""
        yield Static(id="zoomed", markup=False)
        with Horizontal(id="filter-line"):
            yield Static("& ", classes="sign", markup=False)
            yield Line("filter", FilterSuggester(self._known_models))
            yield Static(id="let-through", classes="told", markup=False)
        yield Static(id="filter-error", classes="unreadable", markup=False)
        with Horizontal(id="search-line"):
            yield Static("/ ", classes="sign", markup=False)
            yield Line("search")
            yield Static(id="matched", classes="told", markup=False)
        yield Static(id="search-error", classes="unreadable", markup=False)

    def on_mount(self) -> None:
        """Show nothing yet."""
        for name in ("zoomed", "filter-line", "filter-error", "search-line", "search-error"):
            self.query_one(f"#{name}").display = False

    def open(self, name: LineName) -> None:
        """Let the user type into a line."""
        self._whole(name).display = True
        self.line(name).open()

    def line(self, name: LineName) -> Line:
        """Give one of the lines."""
        return self.query_one(f"#{name}", Line)

    def show(self, view: View) -> None:
        """Show what is found at a moment."""
        self._note_models(view)
        self._tell("zoomed", _breadcrumb(view) if view.zoom is not None else Text())
        for name in ("search", "filter"):
            line = self.line(name)
            self._whole(name).display = self.screen.focused is line or bool(line.value)
        update(self.query_one("#let-through", Static), _let_through(view))
        update(self.query_one("#matched", Static), _matched(view))
        self._tell("filter-error", _unreadable(view.finding.filter_error))
        self._tell("search-error", _unreadable(view.finding.search_error))

    def _whole(self, name: LineName) -> Horizontal:
        return self.query_one(f"#{name}-line", Horizontal)

    def _tell(self, name: str, text: Text) -> None:
        line = self.query_one(f"#{name}", Static)
        line.display = bool(text)
        update(line, text)

    def _note_models(self, view: View) -> None:
        for entry in view.record.entries[self._known :]:
            self._models[entry.model] = None
        self._known = len(view.record.entries)

    def _known_models(self) -> Iterable[str]:
        return list(self._models)


def _breadcrumb(view: View) -> Text:
    """Write the way from the root to what is zoomed into."""
    names: list[str] = []
    entry = view.zoom
    while entry is not None and len(names) < _CRUMBS:
        names.append(name_of(entry, view.position))
        entry = entry.parent
    if entry is not None:
        names.append("…")
    query = view.zoom.query if view.zoom is not None else ""
    text = Text(no_wrap=True, overflow="ellipsis").append(" ⌕ ", _DIM)
    return text.append(" › ".join(reversed(names))).append(f"  {query}", _DIM)


def name_of(entry: Entry, position: int) -> str:
    """Name an entry in few characters, as far as its name is known at a position."""
    if entry.kind == "completion":
        return "llm_query"
    number = entry.number_at(position)
    return "node" if number is None else f"node {number}"


def _let_through(view: View) -> Text:
    if not view.filter:
        return Text("depth>1 cost>0.01 status:error model:mini text:…", _DIM, no_wrap=True)
    begun = view.record.begun(view.position)
    return Text(f"{view.finding.let_through:,} of {begun:,} match", no_wrap=True)


def _matched(view: View) -> Text:
    finding, count = view.finding, len(view.found)
    if not finding.text or finding.search_error is not None:
        return Text("text, or re: and a pattern", _DIM, no_wrap=True)
    told = f"{count:,}" if not finding.number else f"{finding.number:,} of {count:,}"
    if finding.is_searching:
        told += " so far"
    elif not finding.number:
        told = f"{told} {'match' if count == 1 else 'matches'}" if count else "no match"
    text = Text(told, no_wrap=True, overflow="ellipsis")
    return text.append(f"  {one_line(finding.where, 160)}", _DIM) if finding.where else text


def _unreadable(error: Unreadable | None) -> Text:
    """Point to where something cannot be read; the text above begins two columns further on."""
    if error is None:
        return Text()
    told = f"{one_line(error.message, 80)}. Possible: {one_line(error.possible, 160)}"
    return Text(f"  {' ' * min(error.place, 40)}^ {told}", no_wrap=True, overflow="ellipsis")
