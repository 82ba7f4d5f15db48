"""A document on the screen: what of it is seen, and where in it one is."""

from __future__ import annotations

from itertools import groupby
from typing import ClassVar, get_args

from rich.cells import cell_len
from rich.segment import Segment
from textual.binding import Binding, BindingType
from textual.events import Click, Resize
from textual.geometry import Size
from textual.message import Message
from textual.selection import Selection
from textual.strip import Strip

from rlm_runtime._tui.details.document import NOTHING, Document, Style
from rlm_runtime._tui.details.layout import Layout
from rlm_runtime._tui.details.lines import Line
from rlm_runtime._tui.laid_out import ScrolledLines

_MOST_SELECTED = 5_000
_MARGIN = 1


class TextView(ScrolledLines, can_focus=True, inherit_bindings=False):
    """Shows a document; only the lines that are seen are made."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {
        f"text-view--{style}" for style in (*get_args(Style), "found")
    }
    DEFAULT_CSS = """
    TextView {
        scrollbar-size-vertical: 1;
        & .text-view--text { color: $foreground; }
        & .text-view--dim { color: $foreground 60%; }
        & .text-view--strong { text-style: bold; }
        & .text-view--heading { color: $primary; text-style: bold; }
        & .text-view--key { color: $foreground 70%; }
        & .text-view--good { color: $text-success; }
        & .text-view--bad { color: $text-error; text-style: bold; }
        & .text-view--warning { color: $text-warning; }
        & .text-view--accent { color: $text-accent; }
        & .text-view--second { color: $text-secondary; }
        & .text-view--third { color: $text-primary; }
        & .text-view--mark { text-style: reverse; }
        & .text-view--keyword { color: $text-accent; text-style: bold; }
        & .text-view--string { color: $text-success; }
        & .text-view--number { color: $text-warning; }
        & .text-view--comment { color: $foreground 60%; text-style: italic; }
        & .text-view--name { color: $text-primary; text-style: bold; }
        & .text-view--builtin { color: $text-secondary; }
        & .text-view--found { background: $warning; color: $background; text-style: underline; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up", "go(-1)", "Up", id="text.up", show=False),
        Binding("down", "go(1)", "Down", id="text.down", show=False),
        Binding("pageup", "go_page(-1)", "Page up", id="text.page_up", show=False),
        Binding("pagedown", "go_page(1)", "Page down", id="text.page_down", show=False),
        Binding("g", "go_top", "Top", id="text.top", show=False),
        Binding("G", "go_bottom", "Bottom", id="text.bottom", show=False),
        Binding("ctrl+left", "go_aside(-1)", "To the left", id="text.left", show=False),
        Binding("ctrl+right", "go_aside(1)", "To the right", id="text.right", show=False),
    ]

    class Followed(Message):
        """A line was clicked that leads to an entry."""

        def __init__(self, target: int) -> None:
            self.target = target
            """The id of the entry."""
            super().__init__()

    def __init__(self, *, id: str) -> None:
        super().__init__(id=id)
        self._layout_of = Layout(NOTHING, 80)
        self._key: object = None
        self._search = ""
        self._match = -1
        self._widest = 0
        self.wraps = True

    def show(self, document: Document, *, key: object = None, search: str = "") -> None:
        """Show a document.

        Args:
            document: It.
            key: Names the page and what it is of: while that stays, so does the place in it.
            search: What is to be marked in it.
        """
        if key != self._key:
            self._key, self._match = key, -1
            self.scroll_to(0, 0, animate=False)
        if search != self._search:
            self._search, self._match = search, -1
            self.refresh()
        if document is not self._layout_of.document:
            self._lay_out(document)

    def go_to_match(self, *, forward: bool = True) -> bool:
        """Scroll to the next line that holds what is looked for.

        Returns:
            Whether there is one, on that side of the line where the last one was.
        """
        start = self._match + (1 if forward else -1) if self._match >= 0 else self._top
        found = self._layout_of.find(self._search, start, forward=forward)
        if found is None:
            return False
        self._match = found
        self._measure()
        self.scroll_to(y=max(0, found - self._rows // 3), animate=False)
        self.refresh()
        return True

    def toggle_wrap(self) -> None:
        """Let long lines go on below themselves, or beyond the right side."""
        self.wraps = not self.wraps
        self._match, self._widest = -1, 0
        self.scroll_to(x=0, animate=False)
        self._lay_out(self._layout_of.document)

    def action_go(self, by: int) -> None:
        """Scroll by lines."""
        self.scroll_to(y=self._top + by, animate=False)

    def action_go_page(self, by: int) -> None:
        """Scroll by as many lines as are seen."""
        self.action_go(by * self._rows)

    def action_go_aside(self, by: int) -> None:
        """Scroll sideways, where long lines go beyond the side."""
        self.scroll_to(x=round(self.scroll_x) + by * max(1, self.size.width // 2), animate=False)

    def action_go_top(self) -> None:
        """Scroll to the first line."""
        self.scroll_to(y=0, animate=False)

    def action_go_bottom(self) -> None:
        """Scroll to the last line."""
        height = -1
        # Each time that the last lines are made, the end may turn out to be elsewhere
        while height != self._layout_of.height:
            height = self._layout_of.height
            for y in range(max(0, height - self._rows), height):
                self._layout_of.line(y)
        self._measure()
        self.scroll_to(y=height, animate=False)

    def render_line(self, y: int) -> Strip:
        """Draw a line."""
        number = y + self._top
        line = self._layout_of.line(number)
        if self._layout_of.height != self.virtual_size.height:
            # What was an estimate is known now
            self.call_after_refresh(self._measure)
        width = self.size.width
        base = self.rich_style
        if line is None:
            return Strip.blank(width, base)
        strip = Strip(self._segments(line, number))
        if not self.wraps and cell_len(line.text) > self._widest:
            self._widest = cell_len(line.text)
            self.call_after_refresh(self._measure)
        left = round(self.scroll_x)
        shown = strip.crop_extend(left, left + width - _MARGIN, base).apply_offsets(left, number)
        return Strip([Segment(" " * _MARGIN, base), *shown], width)

    def get_selection(self, selection: Selection) -> tuple[str, str] | None:
        """Give the text that is selected with the mouse."""
        first = selection.start.y if selection.start else 0
        last = selection.end.y if selection.end else self._layout_of.height
        texts = []
        for number in range(first, min(last + 1, first + _MOST_SELECTED)):
            line, span = self._layout_of.line(number), selection.get_span(number)
            if line is not None and span is not None:
                texts.append(line.text[span[0] : None if span[1] < 0 else span[1]])
        return "\n".join(texts), "\n"

    def selection_updated(self, selection: Selection | None) -> None:
        """Draw what is selected."""
        self.refresh()

    def on_click(self, event: Click) -> None:
        """Go where the line leads; not where a text was selected."""
        target = self._layout_of.target_at(event.y + self._top)
        if target is not None and self.text_selection is None:
            self.post_message(self.Followed(target))

    def on_resize(self, event: Resize) -> None:
        """Lay out anew where the width has changed."""
        if self._layout_of.width != self._width:
            self._lay_out(self._layout_of.document)
        self._measure()

    @property
    def _top(self) -> int:
        return round(self.scroll_y)

    @property
    def _width(self) -> int:
        # Without the scrollbar, also where there is none: else it would change what it is for
        return max(1, self.size.width - self.styles.scrollbar_size_vertical - _MARGIN)

    @property
    def _rows(self) -> int:
        return max(1, self.scrollable_content_region.height)

    def _lay_out(self, document: Document) -> None:
        before = self._layout_of
        self._layout_of = Layout(document, self._width, wrapped=self.wraps, before=before)
        self._measure()
        self.refresh()

    def _measure(self) -> None:
        width = self._width if self.wraps else max(self._width, self._widest)
        size = Size(_MARGIN + width, self._layout_of.height)
        if self.wraps and not self.show_horizontal_scrollbar:
            self.measure(*size)
        elif size != self.virtual_size:
            self.virtual_size = size
            self.refresh(layout=True)

    def _segments(self, line: Line, number: int) -> list[Segment]:
        """Cut a line where its look changes; what comes later in the list lies above."""
        # Twice as much as fits: what takes no cell must not push out what does
        text = line.text[: 2 * (round(self.scroll_x) + self.size.width)]
        looks: list[str] = ["text"] * len(text)
        spans: list[tuple[int, int, str]] = list(line.spans)
        if self._search:
            style = "mark" if number == self._match else "found"
            spans += [(start, end, style) for start, end in line.marks(self._search)]
        for start, end, style in spans:
            stop = min(end, len(text))
            looks[start:stop] = [style] * (stop - start)
        chosen = self._selected(number, len(text))
        segments, at = [], 0
        for (look, is_chosen), run in groupby(
            (look, chosen[0] <= place < chosen[1]) for place, look in enumerate(looks)
        ):
            end = at + len(list(run))
            style_of = self.get_component_rich_style(f"text-view--{look}")
            if is_chosen:
                style_of += self.screen.get_component_rich_style("screen--selection")
            segments.append(Segment(text[at:end], style_of))
            at = end
        return segments

    def _selected(self, number: int, length: int) -> tuple[int, int]:
        selection = self.text_selection
        span = selection.get_span(number) if selection is not None else None
        if span is None:
            return 0, 0
        return min(span[0], length), length if span[1] < 0 else min(span[1], length)
