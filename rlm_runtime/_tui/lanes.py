"""The timeline: what each row of the tree did when, to scale."""

from __future__ import annotations

from itertools import groupby

from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.binding import Binding
from textual.strip import Strip
from textual.widget import Widget

from rlm_runtime._tui.lane_cells import Lane, Look, paint_entry, paint_group, paint_load
from rlm_runtime._tui.lane_words import tell_load, tell_place
from rlm_runtime._tui.messages import Scrolled, Selected, Sought
from rlm_runtime._tui.record.activity import Activity
from rlm_runtime._tui.rows import Row
from rlm_runtime._tui.timescale import TimeScale, scale_to
from rlm_runtime._tui.view import View

_MOST_LANES = 2000
_SHORTEST = 1e-3


class Lanes(Widget, can_focus=True):
    """One lane for each row of the tree, beside it, with an axis above and the load below."""

    ALLOW_MAXIMIZE = True
    ALLOW_SELECT = False
    COMPONENT_CLASSES = {
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
    }
    DEFAULT_CSS = """
    Lanes {
        .lanes--model { color: $primary; }
        .lanes--tool { color: $accent; }
        .lanes--code { color: $warning; }
        .lanes--children { color: $warning-darken-2; }
        .lanes--sandbox { color: $secondary; }
        .lanes--wait { color: $text-muted; }
        .lanes--life { color: $text-disabled; }
        .lanes--load { color: $success; }
        .lanes--error { color: $error; text-style: bold; }
        .lanes--axis { color: $text-muted; }
        .lanes--cursor { color: $foreground; }
        .lanes--selected { background: $boost; }
        .lanes--faint { color: $text-disabled; }
    }
    """
    BINDINGS = [
        Binding("up", "move(-1)", "Up", id="lanes.up", show=False),
        Binding("down", "move(1)", "Down", id="lanes.down", show=False),
    ]

    def __init__(self, *, id: str) -> None:
        super().__init__(id=id)
        self._view: View | None = None
        self._activity: Activity | None = None
        self._scale = scale_to(0.0, 0)
        self._length: float | None = None
        self._start = 0.0
        self._top = 0
        self._lanes: dict[tuple[object, ...], Lane] = {}
        self._mouse: tuple[int, int] | None = None
        self._is_seeking = False

    def show(self, view: View) -> None:
        """Show the lanes of a moment."""
        self._view = view
        if self._activity is None or self._activity.record is not view.record:
            self._activity = Activity(view.record)
            self._lanes.clear()
        self._activity.catch_up()
        self._set_scale()
        self._bring_into_sight(view.row)
        self.refresh()

    def scroll_with(self, top: float) -> None:
        """Show the lanes from a row on, as the tree does."""
        self._top = round(top)
        self.refresh()

    def zoom_time(self, factor: float | None) -> None:
        """Show so many times as much time, around the moment; None: the whole run."""
        view = self._view
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
        self.refresh()

    @property
    def scale(self) -> TimeScale:
        """The stretch of time that is shown."""
        return self._scale

    def _whole(self) -> TimeScale:
        view = self._view
        if view is None:
            return scale_to(0.0, self.size.width)
        last = view.record.time(view.record.last)
        return scale_to(last, self.size.width, growing=view.state != "still")

    def _set_scale(self) -> None:
        """Follow the moment with the window, where it is not the whole run."""
        self._scale = whole = self._whole()
        if self._length is None or self._view is None:
            return
        now, length = self._view.seconds, self._length
        if now >= self._start + length:
            self._start = now - length / 4
        elif now < self._start:
            self._start = now - 3 * length / 4
        self._start = max(0.0, min(self._start, whole.length - length))
        self._scale = TimeScale(self._start, length, self.size.width)

    def _bring_into_sight(self, row: int) -> None:
        height = max(1, self.size.height - 1)
        if not self._top <= row < self._top + height:
            self._top = max(0, row - height // 2)

    def on_resize(self) -> None:
        """Fit the scale to the new width."""
        self._set_scale()

    def render_line(self, y: int) -> Strip:
        """Draw the axis, a lane, or the load."""
        view, width = self._view, self.size.width
        if view is None or not width or self._activity is None:
            return Strip.blank(width, self.rich_style)
        if self._scale.width != width:
            # It may be drawn before it is told of its new size
            self._set_scale()
        if y == 0:
            return self._axis(view)
        if y == self.size.height - 1 and self._has_bottom(view):
            return self._bottom(view)
        number = self._top + y - 1
        if number >= len(view.rows):
            return self._strip(view, None)
        row = view.rows[number]
        return self._strip(view, self._lane(row), is_selected=number == view.row, row=row)

    def _has_bottom(self, view: View) -> bool:
        """Tell whether the last line is free: it gives way to the selected lane."""
        return self.size.height > 3 and view.row != self._top + self.size.height - 2

    def _lane(self, row: Row) -> Lane:
        """Paint a lane, or find it painted."""
        assert self._activity is not None
        entry, record = row.entry, self._activity.record
        if row.group:
            key: tuple[object, ...] = (
                row.group[0].id,
                row.group[-1].id,
                len(row.group),
                record.last,
                self._scale,
            )
        else:
            waits = self._activity.waits(entry)
            waited = 0 if waits is None else len(waits.begins) + len(waits.ends)
            key = entry.id, len(entry.spans), len(entry.events), waited, self._scale
        lane = self._lanes.pop(key, None)
        if lane is None:
            if row.group:
                lane = paint_group(self._activity, row.group, self._scale)
            else:
                lane = paint_entry(self._activity, entry, self._scale)
        # The newest are last, so that those go first that nobody has looked at for long
        self._lanes[key] = lane
        while len(self._lanes) > _MOST_LANES:
            del self._lanes[next(iter(self._lanes))]
        return lane

    def _style(self, look: Look | str) -> Style:
        return self.get_component_rich_style(f"lanes--{look}", partial=True)

    def _cursor(self, view: View) -> int:
        """Give the column of the moment; past the last one where it is not in the window."""
        place = self._scale.place(view.seconds)
        return self._scale.column(view.seconds) if place >= 0 else -1

    def _strip(
        self, view: View, lane: Lane | None, *, is_selected: bool = False, row: Row | None = None
    ) -> Strip:
        """Draw a lane up to the moment."""
        width, cursor = self.size.width, self._cursor(view)
        back = self.rich_style
        if is_selected:
            back += self._style("selected")
        segments: list[Segment] = []
        glyph = "│"
        if lane is not None:
            looks: list[Look] = lane.looks[:cursor]
            glyphs = lane.glyphs[:cursor]
            for mark in lane.marks:
                if mark.position > view.position or mark.column > cursor:
                    break
                if mark.column == cursor:
                    glyph = mark.glyph
                    break
                looks[mark.column], glyphs[mark.column] = "error", mark.glyph
            is_faint = row is not None and row.entry.is_aside(view.position)
            column = 0
            for look, each in groupby(looks):
                length = len(list(each))
                text = "".join(glyphs[column : column + length])
                style = (
                    back if look == "blank" else back + self._style("faint" if is_faint else look)
                )
                segments.append(Segment(text, style))
                column += length
        else:
            segments.append(Segment(" " * cursor, back))
        segments.append(Segment(glyph, back + self._style("cursor" if glyph == "│" else "error")))
        return Strip(segments).crop_extend(0, width, back)

    def _axis(self, view: View) -> Strip:
        """Draw the line with the times."""
        width, cursor = self.size.width, self._cursor(view)
        cells = [" "] * width
        for column, text in self._scale.ticks():
            label = f"╷{text}"[: width - column]
            cells[column : column + len(label)] = label
        cells[cursor] = "▼"
        past, future = self._style("axis"), self._style("faint")
        back = self.rich_style
        return Strip(
            [
                Segment("".join(cells[:cursor]), back + past),
                Segment(cells[cursor], back + self._style("cursor")),
                Segment("".join(cells[cursor + 1 :]), back + future),
            ],
            width,
        )

    def _bottom(self, view: View) -> Strip:
        """Draw what is under the mouse, or else how many model calls were in flight."""
        assert self._activity is not None
        words = self._words(view)
        if words:
            return Strip([Segment(words, self.rich_style + self._style("axis"))]).crop_extend(
                0, self.size.width, self.rich_style
            )
        key = "load", view.record.last, self._scale
        if key not in self._lanes:
            self._lanes[key] = paint_load(self._activity.calls, self._scale)
        return self._strip(view, self._lanes[key])

    def _words(self, view: View) -> str:
        if self._mouse is None or self._activity is None:
            return ""
        x, y = self._mouse
        number = self._top + y - 1
        if y > 0 and number < len(view.rows):
            return tell_place(self._activity, view, view.rows[number], self._scale, x)
        if y > 0 and self._scale.seconds(x) <= view.seconds:
            return tell_load(self._activity, self._scale, x)
        return ""

    def action_move(self, by: int) -> None:
        """Select the next row, or the one before."""
        if self._view is not None and self._view.rows:
            number = min(max(0, self._view.row + by), len(self._view.rows) - 1)
            self.post_message(Selected(self._view.rows[number].entry))

    def on_mouse_down(self, event: events.MouseDown) -> None:
        """Go to the moment under the mouse, and on as it is dragged."""
        if self._view is None or event.button != 1:
            return
        self._is_seeking = True
        self.capture_mouse()
        self._seek(event.x)
        number = self._top + event.y - 1
        is_bottom = event.y == self.size.height - 1 and self._has_bottom(self._view)
        if event.y > 0 and number < len(self._view.rows) and not is_bottom:
            self.post_message(Selected(self._view.rows[number].entry))

    def on_mouse_move(self, event: events.MouseMove) -> None:
        """Tell what is under the mouse, or drag the moment."""
        if self._is_seeking:
            self._seek(event.x)
        self._point_at((event.x, event.y))

    def on_mouse_up(self) -> None:
        """Stop dragging."""
        self._is_seeking = False
        self.capture_mouse(False)

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
            self.refresh()

    def _seek(self, x: int) -> None:
        if self._view is not None:
            column = min(max(0, x), self.size.width - 1)
            seconds = self._scale.seconds(column + 1) - 1e-9 * self._scale.length
            self.post_message(Sought(max(0, self._view.record.position_at(seconds))))
