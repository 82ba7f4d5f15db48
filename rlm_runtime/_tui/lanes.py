"""The timeline: what each row of the tree did when, to scale."""

from __future__ import annotations

from itertools import groupby

from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.strip import Strip

from rlm_runtime._tui.changes import Changes
from rlm_runtime._tui.lane_cells import Lane, Look
from rlm_runtime._tui.lane_store import LaneStore, PathColumns
from rlm_runtime._tui.lane_words import tell_load, tell_path, tell_place
from rlm_runtime._tui.messages import Scrolled, Selected
from rlm_runtime._tui.record.critical_path import CriticalPath
from rlm_runtime._tui.rows import Row
from rlm_runtime._tui.scrubber import Scrubber
from rlm_runtime._tui.timescale import TimeScale, scale_to
from rlm_runtime._tui.view import View

LEAST_WITH_LOAD = 3
"""On fewer lines than this and one more there are lanes alone, and nothing of the load."""
_AXIS, _BOTTOM = -1, -2
"""What stands for the first line and the last one, among the numbers of the rows."""
_SHORTEST = 1e-3
_ON_PATH = str.maketrans("─╴╶╌·", "━╸╺╍•")


class Lanes(Scrubber, can_focus=True):
    """One lane for each row of the tree, beside it, with an axis above and the load below."""

    ALLOW_MAXIMIZE = True
    COMPONENT_CLASSES = {
        "lanes--blank",
        "lanes--model",
        "lanes--tool",
        "lanes--code",
        "lanes--sandbox",
        "lanes--children",
        "lanes--wait",
        "lanes--life",
        "lanes--load",
        "lanes--error",
        "lanes--axis",
        "lanes--cursor",
        "lanes--selected",
        "lanes--faint",
        "lanes--critical",
    }
    DEFAULT_CSS = """
    Lanes {
        .lanes--model { color: $primary; }
        .lanes--tool { color: $accent; }
        .lanes--code { color: $warning; }
        .lanes--children { color: $warning 70%; }
        .lanes--sandbox { color: $secondary; }
        .lanes--wait { color: $foreground 60%; }
        .lanes--life { color: $foreground 40%; }
        .lanes--load { color: $success; }
        .lanes--error { color: $error; text-style: bold; }
        .lanes--axis { color: $foreground 60%; }
        .lanes--cursor { color: $foreground; }
        .lanes--selected { background: $primary 20%; }
        .lanes--faint { color: $foreground 25%; }
        .lanes--critical { text-style: bold underline; }
    }
    """

    def __init__(self, *, id: str) -> None:
        super().__init__(id=id)
        self._store: LaneStore | None = None
        self._path = PathColumns(CriticalPath())
        self._scale = scale_to(0.0, 0)
        self._length: float | None = None
        self._start = 0.0
        self._top = 0
        self._mouse: tuple[int, int] | None = None
        self._changes = Changes(self, self._make_line)
        self._lines: dict[int, Strip] = {}
        """Those that were made for what is shown now: by the numbers of their rows."""
        self._styles: dict[tuple[str, bool, bool], Style] = {}

    def show(self, view: View, *, top: float | None = None) -> None:
        """Show the lanes of a moment.

        Args:
            view: It.
            top: The row whose lane comes first; None for one from which the selected is in sight.
        """
        self.shown = view
        if self._store is None or self._store.activity.record is not view.record:
            self._store = LaneStore(view.record)
        self._store.activity.catch_up()
        if self._path.path is not view.path:
            self._path = PathColumns(view.path)
        self._set_scale()
        if top is None:
            self._bring_into_sight(view.row)
        else:
            self._top = round(top)
        self._draw_anew()

    def scroll_with(self, top: float) -> None:
        """Show the lanes from a row on, as the tree does."""
        self._top = round(top)
        self._tell_anew()

    def zoom_time(self, factor: float | None) -> None:
        """Show so many times as much time, around the moment; None: the whole run."""
        view = self.shown
        if view is None:
            return
        if factor is None:
            self._length = None
        else:
            whole = self._whole().length
            length = max(_SHORTEST, self._scale.length * factor)
            share = (view.seconds - self._scale.start) / self._scale.length
            self._length = length if length < whole else None
            self._start = view.seconds - share * length
        self._set_scale()
        self._draw_anew()

    def _draw_anew(self) -> None:
        self._lines.clear()
        self._changes.refresh()

    def _tell_anew(self) -> None:
        """Draw what there is under the mouse now; a lane is the same wherever it is."""
        self._lines.pop(_BOTTOM, None)
        self._changes.refresh()

    def notify_style_update(self) -> None:
        """Draw all anew in other colours."""
        self._lines.clear()
        self._styles.clear()
        super().notify_style_update()

    @property
    def scale(self) -> TimeScale:
        """The stretch of time that is shown."""
        return self._scale

    def _whole(self) -> TimeScale:
        view = self.shown
        if view is None:
            return scale_to(0.0, self.size.width)
        last = view.record.time(view.record.last)
        return scale_to(last, self.size.width, growing=view.state != "still")

    def _set_scale(self) -> None:
        """Follow the moment with the window, where it is not the whole run."""
        self._scale = whole = self._whole()
        if self._length is None or self.shown is None:
            return
        now, length = self.shown.seconds, self._length
        if now >= self._start + length:
            self._start = now - length / 4
        elif now < self._start:
            self._start = now - 3 * length / 4
        self._start = max(0.0, min(self._start, whole.length - length))
        self._scale = TimeScale(self._start, length, self.size.width)

    def _bring_into_sight(self, row: int) -> None:
        last = self.size.height - 1
        height = max(1, last - 1 if self._is_bottom(last) else last)
        if not self._top <= row < self._top + height:
            self._top = max(0, row - height // 2)

    def on_resize(self) -> None:
        """Fit the scale to the new width."""
        self._set_scale()
        self._draw_anew()

    def render_line(self, y: int) -> Strip:
        """Draw a line."""
        return self._changes.line(y)

    def _make_line(self, y: int) -> Strip:
        number = _AXIS if y == 0 else _BOTTOM if self._is_bottom(y) else self._top + y - 1
        line = self._lines.get(number)
        if line is None or line.cell_length != self.size.width:
            line = self._lines[number] = self._draw(number)
        return line

    def _draw(self, number: int) -> Strip:
        """Draw the axis, a lane, or the load."""
        view, width = self.shown, self.size.width
        if view is None or not width or self._store is None:
            return Strip.blank(width, self._style("blank"))
        if self._scale.width != width:
            # It may be drawn before it is told of its new size
            self._set_scale()
        if number == _AXIS:
            return self._axis(view)
        if number == _BOTTOM:
            return self._bottom(view)
        if number >= len(view.rows):
            return self._strip(view, None)
        row = view.rows[number]
        return self._strip(view, self._store.lane(row, self._scale, view.position), row)

    def _is_bottom(self, y: int) -> bool:
        """Tell whether a line is that of the load; the tree has no row beside it."""
        return y >= LEAST_WITH_LOAD and y == self.size.height - 1

    def _style(self, look: str, *, is_selected: bool = False, is_critical: bool = False) -> Style:
        key = look, is_selected, is_critical
        style = self._styles.get(key)
        if style is None:
            style = self._styles[key] = self._make_style(*key)
        return style

    def _make_style(self, look: str, is_selected: bool, is_critical: bool) -> Style:
        style = self.get_component_rich_style(f"lanes--{look}")
        if is_selected:
            back = self.get_component_rich_style("lanes--selected")
            style += Style.from_color(bgcolor=back.bgcolor)
        if is_critical:
            style += self.get_component_styles("lanes--critical").text_style
        return style

    def _cursor(self, view: View) -> int:
        """Give the column of the moment; past the last one where it is not in the window."""
        place = self._scale.place(view.seconds)
        return self._scale.column(view.seconds) if place >= 0 else -1

    def _strip(self, view: View, lane: Lane | None, row: Row | None = None) -> Strip:
        """Draw a lane up to the moment."""
        cursor = self._cursor(view)
        is_selected = row is not None and view.rows[view.row] == row
        back = self._style("blank", is_selected=is_selected)
        glyph, segments = "│", [Segment(" " * cursor, back)]
        if lane is not None:
            looks, glyphs, glyph = _until(lane, view, cursor)
            covered = self._path.columns(row, self._scale) if row is not None else None
            is_aside = row is not None and row.entry.is_aside(view.position)
            names = self._names(looks, covered, is_faint=is_aside)
            segments = self._segments(names, glyphs, is_selected=is_selected)
        look = "cursor" if glyph == "│" else "error"
        segments.append(Segment(glyph, self._style(look, is_selected=is_selected)))
        return Strip(segments).crop_extend(0, self.size.width, back)

    def _names(
        self, looks: list[Look], covered: bytearray | None, *, is_faint: bool
    ) -> list[tuple[str, int]]:
        """Name the style of each cell, and whether it is on the critical path."""
        if covered is not None and self._path.path.segments:
            pairs = zip(looks, covered, strict=False)
            return [
                (look if on_path or look == "error" else "faint", on_path)
                for look, on_path in pairs
            ]
        return [("faint" if is_faint and look != "blank" else look, 0) for look in looks]

    def _segments(
        self, names: list[tuple[str, int]], glyphs: list[str], *, is_selected: bool
    ) -> list[Segment]:
        segments: list[Segment] = []
        column = 0
        for (name, on_path), each in groupby(names):
            length = len(list(each))
            text = "".join(glyphs[column : column + length])
            if on_path:
                text = text.translate(_ON_PATH)
            style = self._style(name, is_selected=is_selected, is_critical=bool(on_path))
            segments.append(Segment(text, style))
            column += length
        return segments

    def _axis(self, view: View) -> Strip:
        """Draw the line with the times."""
        width, cursor = self.size.width, self._cursor(view)
        cells = [" "] * width
        for column, text in self._scale.ticks():
            label = f"╷{text}"[: width - column]
            cells[column : column + len(label)] = label
        cells[cursor] = "▼"
        return Strip(
            [
                Segment("".join(cells[:cursor]), self._style("axis")),
                Segment(cells[cursor], self._style("cursor")),
                Segment("".join(cells[cursor + 1 :]), self._style("faint")),
            ],
            width,
        )

    def _bottom(self, view: View) -> Strip:
        """Draw what is under the mouse, or else how many model calls were in flight."""
        words = self._words(view)
        if words:
            style = self._style("axis")
            return Strip([Segment(words, style)]).crop_extend(0, self.size.width, style)
        return self._strip(view, self._store.load(self._scale) if self._store else None)

    def _words(self, view: View) -> str:
        if self._store is None:
            return ""
        activity = self._store.activity
        if self._mouse is None:
            return tell_path(view.path)
        x, y = self._mouse
        number = self._top + y - 1
        if y > 0 and number < len(view.rows) and not self._is_bottom(y):
            return tell_place(activity, view, view.rows[number], self._scale, x)
        if y > 0 and self._scale.seconds(x) <= view.seconds:
            return tell_load(activity, self._scale, x, view.seconds)
        return ""

    def scale_at(self, y: int) -> tuple[int, TimeScale] | None:
        """Give the scale, the same in all lines."""
        return (0, self._scale) if self._scale.width else None

    def on_mouse_down(self, event: events.MouseDown) -> None:
        """Select the entry of the lane; where the time goes is known already."""
        y = event.get_content_offset_capture(self).y
        number = self._top + y - 1
        view = self.shown
        if view is None or event.button != 1 or y < 1 or self._is_bottom(y):
            return
        if number < len(view.rows):
            row = view.rows[number]
            chosen = Selected(row.member(view.entry) or row.entry, row.key)
            self.call_later(self.post_message, chosen)

    def on_mouse_move(self, event: events.MouseMove) -> None:
        """Tell what is under the mouse."""
        place = event.get_content_offset(self)
        self._point_at(None if place is None else (place.x, place.y))

    def on_leave(self) -> None:
        """Tell of the load again."""
        self._point_at(None)

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        """Scroll with the tree; with ctrl, look closer."""
        self._turn_wheel(event, 1 / 2, -1)

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        """Scroll with the tree; with ctrl, show more time."""
        self._turn_wheel(event, 2, 1)

    def _turn_wheel(self, event: events.MouseEvent, factor: float, by: int) -> None:
        event.stop()
        if event.ctrl:
            self.zoom_time(factor)
        else:
            self.post_message(Scrolled(by * 3))

    def _point_at(self, place: tuple[int, int] | None) -> None:
        if place != self._mouse:
            self._mouse = place
            self._tell_anew()


def _until(lane: Lane, view: View, cursor: int) -> tuple[list[Look], list[str], str]:
    """Give the cells of a lane before the moment, and what stands at the moment."""
    looks, glyphs = lane.looks[:cursor], lane.glyphs[:cursor]
    for mark in lane.marks:
        if mark.position > view.position or mark.column > cursor:
            break
        if mark.column == cursor:
            return looks, glyphs, mark.glyph
        looks[mark.column], glyphs[mark.column] = "error", mark.glyph
    return looks, glyphs, "│"
