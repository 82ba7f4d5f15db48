"""The line with the names of the pages: which is shown, and which have nothing to tell."""

from __future__ import annotations

from collections.abc import Sequence

from rich.cells import cell_len
from rich.style import Style
from rich.text import Text
from textual.events import Click
from textual.message import Message
from textual.widgets import Static

from rlm_runtime._tui.details.page import Page
from rlm_runtime._tui.laid_out import LaidOut


class PageTabs(Static, LaidOut):
    """The names of the pages, with the keys that show them."""

    COMPONENT_CLASSES = {"page-tabs--shown", "page-tabs--news", "page-tabs--empty"}
    DEFAULT_CSS = """
    PageTabs {
        height: 1;
        & .page-tabs--shown { text-style: bold reverse; }
        & .page-tabs--news { color: $foreground; }
        & .page-tabs--empty { color: $foreground 40%; text-style: italic; }
    }
    """

    class Chosen(Message):
        """The user chose a page."""

        def __init__(self, number: int) -> None:
            self.number = number
            super().__init__()

    def __init__(self, pages: Sequence[Page]) -> None:
        super().__init__(markup=False)
        self._pages = pages
        self._shown = 0
        self._news: tuple[bool, ...] = ()
        self._ends: list[int] = []

    def show(self, shown: int, news: tuple[bool, ...]) -> None:
        """Show which page is shown, and which have anything to tell."""
        if (shown, news) != (self._shown, self._news):
            self._shown, self._news = shown, news
            self.refresh()

    def render(self) -> Text:
        """Draw the line, in as many characters as there is room for."""
        text = Text(no_wrap=True, overflow="ellipsis")
        self._ends = []
        for number, label in enumerate(self._labels()):
            text.append(label, self._style(number))
            self._ends.append(cell_len(text.plain))
        return text

    def _labels(self) -> list[str]:
        keys = [(number + 1) % 10 for number in range(len(self._pages))]
        names = list(zip(keys, self._pages, strict=True))
        ways = [
            [f" {key} {page.name} " for key, page in names],
            [f" {key} {page.short} " for key, page in names],
            [f"{key}{page.short} " for key, page in names],
        ]
        width = self.size.width
        return next((way for way in ways if cell_len("".join(way)) <= width), ways[-1])

    def on_click(self, event: Click) -> None:
        """Choose the page under the mouse."""
        number = next((n for n, end in enumerate(self._ends) if event.x < end), None)
        if number is not None:
            self.post_message(self.Chosen(number))

    def _style(self, number: int) -> Style:
        if number == self._shown:
            return self.get_component_rich_style("page-tabs--shown")
        has_news = number < len(self._news) and self._news[number]
        return self.get_component_rich_style("page-tabs--news" if has_news else "page-tabs--empty")
