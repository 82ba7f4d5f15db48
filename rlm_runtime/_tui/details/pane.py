"""The pane that tells of the selected entry at the moment, one page at a time."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.message import Message

from rlm_runtime._events import Event
from rlm_runtime._tui.details.document import Document, Pieces, Rule, Words
from rlm_runtime._tui.details.moment import Loaded, Moment, Value
from rlm_runtime._tui.details.page import Page
from rlm_runtime._tui.details.pages import PAGES
from rlm_runtime._tui.details.tabs import PageTabs
from rlm_runtime._tui.details.text_view import TextView
from rlm_runtime._tui.laid_out import LaidOut
from rlm_runtime._tui.messages import Followed
from rlm_runtime._tui.record.context_map import ContextMap
from rlm_runtime._tui.view import View

_DEFAULT = {"node": "Code", "completion": "Answer"}


class Details(Vertical, LaidOut):
    """The selected entry at the moment."""

    class Wanted(Message):
        """A page is short of texts that are in the trace alone."""

        def __init__(self, wanted: tuple[int | str, ...]) -> None:
            self.wanted = wanted
            """Positions of events, and names of values."""
            super().__init__()

    def __init__(self, *, id: str) -> None:
        super().__init__(id=id)
        self._tabs = PageTabs(PAGES)
        self._text = TextView(id="page")
        self._loaded = Loaded()
        self._view: View | None = None
        self._page: int | None = None
        """The page that the user wants; None for the one that fits the entry."""
        self._made: tuple[object, ...] = ()
        """What the document was made of; made anew only when that has changed."""
        self._document = Document(())
        self._asked: tuple[int | str, ...] = ()

    @property
    def page(self) -> int:
        """The index of the page that is shown."""
        if self._page is not None:
            return self._page
        entry = self._view.entry if self._view else None
        name = _DEFAULT[entry.kind if entry else "node"]
        return next(number for number, page in enumerate(PAGES) if page.name == name)

    @property
    def document(self) -> Document:
        """What is shown."""
        return self._document

    def compose(self) -> ComposeResult:
        """Lay out the pane."""
        yield self._tabs
        yield self._text

    def show(self, view: View) -> None:
        """Show the selected entry at a moment."""
        self._view = view
        moment = self.moment()
        if moment is None:
            self._tabs.show(self.page, ())
            self._text.show(Document(()), search=view.search)
            return
        news = tuple(moment.has_begun and page.has_news(moment) for page in PAGES)
        self._tabs.show(self.page, news)
        if not moment.has_begun:
            self._made = ()
            self._document = Document((Words(f"{moment.name()} has not begun yet.", "dim"),))
        else:
            self._make(moment)
        key = (self.page, moment.entry.id, moment.iteration, moment.has_begun)
        self._text.show(self._document, key=key, search=view.search)

    def moment(self) -> Moment | None:
        """Give what the pages are made of."""
        view = self._view
        if view is None or view.entry is None or view.position < 0:
            return None
        return Moment(view, view.entry, self._loaded)

    def ask(self) -> tuple[Moment, Page] | None:
        """Give the page that is shown, and a moment to make it anew of."""
        moment = self.moment()
        return (moment, PAGES[self.page]) if moment is not None and moment.has_begun else None

    def turn_to(self, page: int) -> None:
        """Show a page, from now on for every entry; none of that number: nothing happens."""
        if 0 <= page < len(PAGES):
            self._page = page
            self._show_again()

    def turn(self, by: int) -> None:
        """Show the page after, or before, the one that is shown."""
        self.turn_to((self.page + by) % len(PAGES))

    def toggle_wrap(self) -> bool:
        """Let long lines go on below themselves, or not; tell which."""
        self._text.toggle_wrap()
        return self._text.wraps

    def go_to_match(self, *, forward: bool = True) -> bool:
        """Scroll to the next line that holds what is looked for; tell whether there is one."""
        return self._text.go_to_match(forward=forward)

    def take_event(self, position: int, event: Event) -> None:
        """Take in a whole event that was missed."""
        self._loaded.add_event(position, event)
        self._show_again()

    def take_value(self, ref: str, value: Value) -> None:
        """Take in a value that was missed."""
        self._loaded.add_value(ref, value)
        self._show_again()

    def take_map(self, entry: int, found: ContextMap) -> None:
        """Take in a map that was missed."""
        self._loaded.add_map(entry, found)
        self._show_again()

    def take_failure(self, wanted: int | str, why: str) -> None:
        """Learn that something cannot be read."""
        self._loaded.failed[wanted] = why
        self._show_again()

    def on_page_tabs_chosen(self, message: PageTabs.Chosen) -> None:
        """Show the page that was clicked."""
        message.stop()
        self.turn_to(message.number)

    def on_text_view_followed(self, message: TextView.Followed) -> None:
        """Show the answer of the entry that was clicked."""
        message.stop()
        entries = self._view.record.entries if self._view is not None else []
        if message.target < len(entries):
            self.turn_to(next(at for at, page in enumerate(PAGES) if page.name == "Answer"))
            self.post_message(Followed(entries[message.target]))

    def _show_again(self) -> None:
        self._made = ()
        if self._view is not None:
            self.show(self._view)

    def _make(self, moment: Moment) -> None:
        page, view = PAGES[self.page], moment.view
        made_of = (page, moment.entry, moment.count, view.position if page.changes else -1)
        if made_of + (view.is_over,) == self._made:
            return
        self._made = (*made_of, view.is_over)
        document = page.make(moment)
        wanted = tuple(moment.wanted)
        self._document = _with_notes(document, moment)
        if wanted and wanted != self._asked:
            self.post_message(self.Wanted(wanted))
        self._asked = wanted


def _with_notes(document: Document, moment: Moment) -> Document:
    """Say below a page what of it is missing."""
    failed = [moment.loaded.failed[one] for one in moment.missed]
    if moment.wanted:
        note = Pieces((("… loading the whole text", "accent"),))
    elif failed:
        note = Pieces(((f"✗ The whole text cannot be read: {failed[0][:300]}", "bad"),))
    else:
        return document
    return Document((*document.blocks, Rule(is_empty=True), note), document.main, document.suffix)
