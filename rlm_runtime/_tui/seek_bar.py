"""The lines at the bottom: the whole run as a bar, and where the moment is in it."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from itertools import groupby, pairwise

from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip

from rlm_runtime._tui.record.marks import Marks
from rlm_runtime._tui.record.record import Record
from rlm_runtime._tui.scrubber import Scrubber
from rlm_runtime._tui.timescale import TimeScale, scale_to, tell_time
from rlm_runtime._tui.view import View

_GLYPHS = {"error": "✗", "answer": "✓", "child": "╷", "found": "•"}
_LEAST_BAR = 10


class SeekBar(Scrubber):
    """The whole run, with marks where there is something to see; a click goes there."""

    COMPONENT_CLASSES = {
        "seek--past",
        "seek--future",
        "seek--cursor",
        "seek--error",
        "seek--answer",
        "seek--child",
        "seek--live",
        "seek--found",
    }
    DEFAULT_CSS = """
    SeekBar {
        .seek--past { color: $primary; }
        .seek--future { color: $foreground 40%; }
        .seek--cursor { color: $foreground; text-style: bold; }
        .seek--error { color: $error; }
        .seek--answer { color: $success; }
        .seek--child { color: $primary; }
        .seek--found { color: $warning; text-style: bold; }
        .seek--live { color: $success; text-style: bold; }
    }
    """

    def __init__(self, *, id: str) -> None:
        super().__init__(id=id)
        self._marks: tuple[tuple[object, ...], list[str]] | None = None

    def show(self, view: View) -> None:
        """Show where a moment is."""
        self.shown = view
        self.refresh()

    def render_line(self, y: int) -> Strip:
        """Draw the bar, or what is to be told in words; both where there is one line only."""
        view, width, back = self.shown, self.size.width, self.rich_style
        if view is None or not width:
            return Strip.blank(width, back)
        words = [Segment(text, self._style(name) if name else back) for text, name in tell(view)]
        if self.size.height == 1:
            first = self._first_column(view)
            bar = self._bar(view, width - first) if first < width else []
            return Strip([*words, Segment("  ", back), *bar]).crop_extend(0, width, back)
        if y == 0:
            return Strip(self._bar(view, width), width)
        return Strip(words).crop_extend(0, width, back)

    def _style(self, name: str) -> Style:
        return self.get_component_rich_style(f"seek--{name}")

    def _first_column(self, view: View) -> int:
        """Give where the bar begins."""
        if self.size.height > 1:
            return 0
        words = sum(len(text) for text, _ in tell(view)) + 2
        return words if words + _LEAST_BAR <= self.size.width else self.size.width

    def _scale(self, view: View, width: int) -> TimeScale:
        last = view.record.time(view.record.last)
        return scale_to(last, width, growing=view.state != "still")

    def _bar(self, view: View, width: int) -> list[Segment]:
        scale = self._scale(view, width)
        marks = self._find_marks(view, scale)
        cursor = scale.column(view.seconds)
        segments: list[Segment] = []
        column = 0
        for (name, place), each in groupby(
            enumerate(marks), lambda one: (one[1], (one[0] > cursor) - (one[0] < cursor))
        ):
            length = len(list(each))
            if place == 0:
                text, style = "┃", self._style("cursor")
            else:
                text = _GLYPHS.get(name, "━" if place < 0 else "─") * length
                style = self._style("future" if place > 0 and name != "found" else name or "past")
            segments.append(Segment(text, style))
            column += length
        return segments

    def _find_marks(self, view: View, scale: TimeScale) -> list[str]:
        record = view.record
        key = record.last, scale, view.finding.text, len(view.found)
        if self._marks is None or self._marks[0] != key:
            self._marks = key, find_marks(record, record.marks, scale, view.found)
        return self._marks[1]

    def scale_at(self, y: int) -> tuple[int, TimeScale] | None:
        """Give where the bar is in a line, and its scale; a click on the words does nothing."""
        if self.shown is None or (y > 0 and not self._is_seeking):
            return None
        first = self._first_column(self.shown)
        width = self.size.width - first
        return (first, self._scale(self.shown, width)) if width > 0 else None


def find_marks(
    record: Record, marks: Marks, scale: TimeScale, found: Sequence[int] = ()
) -> list[str]:
    """Name for each column what is most worth to be seen in it; empty where there is nothing."""
    edges = [_first_event(record, scale, column) for column in range(scale.width)]
    names: list[str] = []
    for first, end in pairwise([*edges, len(record.events)]):
        for name, positions in (
            ("found", found),
            ("error", marks.errors),
            ("answer", marks.answers),
            ("child", marks.children),
        ):
            if _has_any(positions, first, end):
                names.append(name)
                break
        else:
            names.append("")
    return names


def _first_event(record: Record, scale: TimeScale, column: int) -> int:
    """Find the first event that is in a column, or after it."""
    # Where it may be is found fast; the column of what is near the edge is asked for
    about, near = scale.seconds(column), 1e-9 * scale.length
    first = bisect_left(record.seconds, about - near)
    end = bisect_left(record.seconds, about + near)
    return bisect_left(record.seconds, column, first, end, key=scale.column)


def _has_any(positions: Sequence[int], first: int, end: int) -> bool:
    number = bisect_left(positions, first)
    return number < len(positions) and positions[number] < end


def tell(view: View) -> list[tuple[str, str]]:
    """Tell how the run is shown, and where the moment is: texts, and what they look like."""
    record = view.record
    whole = record.time(record.last)
    step = 0.01 if whole < 3600 else 1.0
    # As wide as it will get, so that nothing moves while it is played
    time = tell_time(view.seconds, step).rjust(len(tell_time(whole, step)))
    number = f"{view.position + 1:,}".rjust(len(f"{record.last + 1:,}"))
    texts = [
        _tell_play(view),
        (f"  {time} / {tell_time(whole, step)}  event {number} of {record.last + 1:,}", ""),
    ]
    errors = bisect_right(record.marks.errors, view.position)
    if errors:
        texts.append((f"  ✗ {errors:,}", "error"))
    if view.skip_idle:
        texts.append(("  idle skipped", ""))
    return texts


def _tell_play(view: View) -> tuple[str, str]:
    if view.following and view.state == "growing":
        return " ● LIVE", "live"
    if view.following:
        return " ● FOLLOW", "live"
    if view.playing:
        return f" ▶ {view.speed:g}×", "live"
    return f" ‖ {view.speed:g}×", ""
