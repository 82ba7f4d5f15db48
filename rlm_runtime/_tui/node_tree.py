"""The tree of nodes and completions."""

from __future__ import annotations

from rich.segment import Segment
from rich.style import Style
from textual.binding import Binding
from textual.events import Blur, Click, Focus, Resize
from textual.strip import Strip

from rlm_runtime._tui.changes import Changes
from rlm_runtime._tui.laid_out import ScrolledLines
from rlm_runtime._tui.lanes import LEAST_WITH_LOAD
from rlm_runtime._tui.messages import Selected, Toggled, TreeResized
from rlm_runtime._tui.rows import Rows
from rlm_runtime._tui.tree.columns import Columns, choose_columns
from rlm_runtime._tui.tree.figures import figures_of, shares_of
from rlm_runtime._tui.tree.line import Line, arrow_column, draw_line, draw_titles, most_guides
from rlm_runtime._tui.tree.tally import Tallies
from rlm_runtime._tui.view import View

_HEADER = 1
"""The lines above the rows; the lanes beside them have as many."""
_FOOT = "model calls in flight "
"""Stands below the rows, beside the line of the lanes that is none of a row."""
_ALONE = {"-slim", "-big-tree"}
"""Classes of the screen that leave no lanes beside the tree, unless they are enlarged."""
_PARTS = (
    "titles edge guides arrow found title query model number aside critical cursor cursor-blurred "
    "answered running queued limit error interrupted crashed heat-0 heat-1 heat-2 heat-below"
).split()


ROW_BINDINGS = [
    Binding("up", "app.select_row(-1)", "Row above", id="tree.up", show=False),
    Binding("down", "app.select_row(1)", "Row below", id="tree.down", show=False),
    Binding("pageup", "app.select_page(-1)", "Page up", id="tree.page_up", show=False),
    Binding("pagedown", "app.select_page(1)", "Page down", id="tree.page_down", show=False),
    Binding("g", "app.select_end(0)", "First row", id="tree.top", show=False),
    Binding("G", "app.select_end(-1)", "Last row", id="tree.bottom", show=False),
    Binding("enter", "app.toggle_row", "Fold", id="tree.fold", show=False),
]
"""The keys of the rows; where another pane has no use for them, they go to the tree."""


class NodeTree(ScrolledLines, can_focus=True, inherit_bindings=False):
    """One row for each entry that has begun at the moment, or for many alike ones."""

    ALLOW_SELECT = False
    BINDINGS = [*ROW_BINDINGS]
    COMPONENT_CLASSES = {f"node-tree--{part}" for part in _PARTS}
    DEFAULT_CSS = """
    NodeTree {
        overflow-x: hidden;
        overflow-y: auto;
        scrollbar-size-vertical: 1;
        .node-tree--titles { color: $text-muted; }
        .node-tree--edge { color: $primary; }
        .node-tree--guides { color: $foreground 35%; }
        .node-tree--arrow { color: $foreground; }
        .node-tree--title { color: $foreground; text-style: bold; }
        .node-tree--query { color: $foreground 75%; }
        .node-tree--model { color: $foreground 75%; }
        .node-tree--number { color: $foreground; }
        .node-tree--aside { color: $foreground 45%; text-style: strike; }
        .node-tree--found { color: $warning; text-style: bold; }
        .node-tree--critical { color: $accent; text-style: bold; }
        .node-tree--cursor { background: $primary 40%; }
        .node-tree--cursor-blurred { background: $foreground 12%; }
        .node-tree--answered { color: $success; }
        .node-tree--running { color: $primary; }
        .node-tree--queued { color: $text-muted; }
        .node-tree--limit { color: $warning; }
        .node-tree--error { color: $error; }
        .node-tree--interrupted { color: $warning; }
        .node-tree--crashed { color: $error; text-style: bold; }
        .node-tree--heat-0 { color: $foreground 75%; }
        .node-tree--heat-1 { color: $warning; }
        .node-tree--heat-2 { color: $error; text-style: bold; }
        .node-tree--heat-below { color: $foreground 45%; }
    }
    """

    def __init__(self, *, id: str) -> None:
        super().__init__(id=id)
        self._view: View | None = None
        self._strips: dict[int, Strip] = {}
        """Of the rows that were drawn for this view."""
        self._drawn_width = 0
        self._styles: dict[str, Style] = {}
        self._base: Style | None = None
        self._tallies = Tallies()
        self._changes = Changes(self, self._make_line)

    @property
    def page(self) -> int:
        """How many rows are in sight."""
        return max(1, self.size.height - _HEADER - self._foot)

    @property
    def _foot(self) -> int:
        is_low = self.size.height <= LEAST_WITH_LOAD
        classes = self.screen.classes
        has_lanes = _ALONE.isdisjoint(classes) or "-big-lanes" in classes
        return 1 if has_lanes and not is_low else 0

    @property
    def _width(self) -> int:
        # Of what is left beside the scrollbar
        return self.scrollable_content_region.width

    def show(self, view: View) -> None:
        """Show the rows of a moment."""
        before, self._view = self._view, view
        was_in_sight = before is None or self._is_in_sight(before.row)
        self._fit()
        # Where the user has scrolled away from the selected row, time does not bring it back
        if was_in_sight or before is None or _chosen(before) != _chosen(view):
            self._bring_into_sight(view.row)

    def _fit(self) -> None:
        """Draw all anew."""
        self._strips.clear()
        self._base = None
        self._measure()
        self._changes.refresh()

    def _measure(self) -> None:
        rows = 0 if self._view is None else len(self._view.rows)
        self.measure(self._width, rows + _HEADER + self._foot)

    def _is_in_sight(self, row: int) -> bool:
        return 0 <= row - round(self.scroll_y) < self.page

    def _bring_into_sight(self, row: int) -> None:
        top, page = round(self.scroll_y), self.page
        if self._is_in_sight(row) or not self.size.height:
            return
        by = row - top if row < top else row - top - page + 1
        # A step scrolls by a line; a jump shows what is around it
        top = top + by if abs(by) <= page // 2 else row - page // 2
        self.scroll_to(y=max(0, top), animate=False)

    def notify_style_update(self) -> None:
        """Draw all anew in other colours."""
        self._strips.clear()
        self._styles.clear()
        self._base = None
        super().notify_style_update()

    def on_resize(self, _: Resize) -> None:
        """Keep the selected row in sight; all that is seen is drawn for the new size."""
        self._measure()
        if self._view is not None:
            self._bring_into_sight(self._view.row)
        self.post_message(TreeResized())

    def on_focus(self, _: Focus) -> None:
        """Show that keys go here."""
        self._draw_cursor()

    def on_blur(self, _: Blur) -> None:
        """Show that keys go elsewhere."""
        self._draw_cursor()

    def _draw_cursor(self) -> None:
        if self._view is not None:
            self._strips.pop(self._view.row, None)
        self._changes.refresh()

    def render_line(self, y: int) -> Strip:
        """Draw a line."""
        return self._changes.line(y)

    def _make_line(self, y: int) -> Strip:
        view, width, base = self._view, self._width, self._base_style()
        if view is None:
            return Strip.blank(width, base)
        if width != self._drawn_width:
            # The scrollbar comes and goes without a word
            self._drawn_width = width
            self._strips.clear()
        if y < _HEADER:
            rows = len(view.rows)
            name = f"{rows:,} row{'' if rows == 1 else 's'}"
            titles = draw_titles(self._columns(view, width), name, self._style, heat=view.heat)
            return titles.apply_style(base).crop_extend(0, width, base)
        if self._foot and y == self.size.height - 1:
            style = base + self._style("titles")
            return Strip([Segment(("" if view.critical else _FOOT).rjust(width), style)]).crop(
                0, width
            )
        number = y - _HEADER + round(self.scroll_y)
        if number >= len(view.rows):
            return Strip.blank(width, base)
        strip = self._strips.get(number)
        if strip is None:
            strip = self._strips[number] = self._draw(view, number, width)
        return strip

    def _draw(self, view: View, number: int, width: int) -> Strip:
        base = self._base_style()
        if number == view.row:
            name = "cursor" if self.has_focus else "cursor-blurred"
            cursor = self.get_component_rich_style(f"node-tree--{name}")
            base += Style(bgcolor=cursor.bgcolor)
        columns = self._columns(view, width)
        strip = draw_line(self._line(view, number, columns), columns, self._style)
        return strip.apply_style(base).crop_extend(0, width, base)

    def _line(self, view: View, number: int, columns: Columns) -> Line:
        row = view.rows[number]
        figures = figures_of(row, view, self._tallies)
        most = most_guides(columns.name_width)
        is_selected = number == view.row
        return Line(
            row=row,
            figures=figures,
            position=view.position,
            guides=view.rows.guides(number, most) if isinstance(view.rows, Rows) else (),
            shares=(0.0, 0.0) if view.heat == "off" else shares_of(figures, view),
            heat=view.heat,
            chosen=row.member(view.entry) if is_selected and row.group else None,
            is_selected=is_selected,
            is_found=view.finds_in(row),
        )

    def _columns(self, view: View, width: int) -> Columns:
        return choose_columns(width, heat=view.heat != "off", critical=bool(view.critical))

    def _base_style(self) -> Style:
        # The DOM is asked once for all lines: it takes as long as all the rest of a line
        if self._base is None:
            self._base = self.rich_style
        return self._base

    def _style(self, part: str) -> Style:
        style = self._styles.get(part)
        if style is None:
            whole = self.get_component_rich_style(f"node-tree--{part}")
            # The row has its own background
            style = Style(color=whole.color, bold=whole.bold, strike=whole.strike)
            self._styles[part] = style
        return style

    def on_click(self, event: Click) -> None:
        """Select the row that was clicked; fold it by its arrow, or by a second click."""
        view = self._view
        number = event.y - _HEADER + round(self.scroll_y)
        if view is None or not _HEADER <= event.y < _HEADER + self.page or number >= len(view.rows):
            return
        row = view.rows[number]
        arrow = arrow_column(self._line(view, number, self._columns(view, self._width)))
        self.post_message(Selected(row.member(view.entry) or row.entry, row.key))
        if event.x == arrow or (event.chain == 2 and event.x != arrow):
            self.post_message(Toggled(row))


def _chosen(view: View) -> tuple[object, ...]:
    """Tell which row is selected: of an entry, or of its group."""
    key = view.rows[view.row].key if view.row < len(view.rows) else None
    return view.entry, key
