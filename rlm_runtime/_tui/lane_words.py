"""What there is to say about a place of the timeline."""

from __future__ import annotations

from bisect import bisect_left, bisect_right

from rlm_runtime._events import Event
from rlm_runtime._printable import one_line
from rlm_runtime._tui.record.activity import Activity
from rlm_runtime._tui.record.critical_path import CriticalPath
from rlm_runtime._tui.record.entry import Entry, Span, SpanKind
from rlm_runtime._tui.rows import Row
from rlm_runtime._tui.timescale import TimeScale, tell_duration, tell_time
from rlm_runtime._tui.view import View

_NAMES = {"sandbox": "sandbox starts", "wait": "waits to be sent", "model": "model call"}
_KINDS: dict[SpanKind | None, str] = {
    None: "other",
    "sandbox": "sandbox",
    "wait": "waiting",
    "model": "model",
    "code": "code",
    "tool": "tools",
}
_BACK = 64
_LEAST_PART = 0.01
"""Of a column: an average over less is not exact."""


def tell_path(path: CriticalPath) -> str:
    """Tell what the time of the critical path went to; empty where there is none."""
    parts = sorted(path.kinds.items(), key=lambda one: -one[1])
    told = " · ".join(f"{_KINDS[kind]} {tell_duration(seconds)}" for kind, seconds in parts)
    return f" ◆ critical path  {told}" if told else ""


def tell_load(activity: Activity, scale: TimeScale, column: int, now: float) -> str:
    """Tell how many model calls were under way at a column, up to the moment."""
    end = min(scale.seconds(column + 1), now)
    # Where the moment is at the very begin of the column, what is just before it is told
    start = min(scale.seconds(column), end - _LEAST_PART * scale.length / max(1, scale.width))
    number = activity.calls.between(start, end)
    return f"{_when(scale, column)}  {number:.1f} model calls in flight"


def tell_place(activity: Activity, view: View, row: Row, scale: TimeScale, column: int) -> str:
    """Tell what a row did at a column, as far as it is known at the moment that is shown."""
    if scale.seconds(column) > view.seconds:
        return ""
    if row.group:
        return f"{_when(scale, column)}  {_tell_group(view, row, scale, column)}"
    entry = row.entry
    error = _error_at(activity, view, entry, scale, column)
    if error:
        return f"{_when(scale, column)}  ✗ {error}"
    span = _span_at(activity, view, entry, scale, column)
    if span is not None:
        return f"{_when(scale, column)}  {_tell_span(view, span)}"
    return f"{_when(scale, column)}  {one_line(view.state_of(entry), 40)}"


def _when(scale: TimeScale, column: int) -> str:
    return tell_time(scale.seconds(column), min(1.0, scale.length / max(1, scale.width)))


def _tell_group(view: View, row: Row, scale: TimeScale, column: int) -> str:
    position = min(view.position, view.record.position_at(scale.seconds(column + 0.5)))
    at_work = sum(entry.state(position) == "running" for entry in row.group)
    return f"{at_work:,} of {len(row.group):,} at work"


def _error_at(activity: Activity, view: View, entry: Entry, scale: TimeScale, column: int) -> str:
    """Tell the first error of a column."""
    errors = activity.errors(entry)
    number = bisect_left(errors, column, key=lambda one: scale.column(view.record.time(one)))
    if number >= len(errors) or errors[number] > view.position:
        return ""
    if scale.column(view.record.time(errors[number])) != column:
        return ""
    return _reason(view.record.events[errors[number]])


def _reason(event: Event) -> str:
    for name in ("error", "reason", "rejected", "stop_reason"):
        text = getattr(event, name, None)
        if isinstance(text, str) and text.strip():
            # Of a traceback, the last line says what it was
            return one_line(text.strip()[-2000:].splitlines()[-1], 200)
    return "failed"


def _span_at(
    activity: Activity, view: View, entry: Entry, scale: TimeScale, column: int
) -> Span | None:
    """Find what was done at the middle of a column, or else in it, as it is known so far."""
    begin, end = scale.seconds(column), min(scale.seconds(column + 1), view.seconds)
    for start, stop in (((begin + end) / 2,) * 2, (begin, end)):
        for kind in ("tool", "code", "model", "sandbox", "wait"):
            spans = activity.spans(entry).get(kind)
            if spans is None:
                continue
            last = bisect_right(spans.spans, stop, key=lambda one: one.start)
            last = min(last, spans.told(view.position))
            for span in reversed(spans.spans[max(0, last - _BACK) : last]):
                if _is_open(view, span) or (span.end is not None and span.end >= start):
                    return span
    return None


def _tell_span(view: View, span: Span) -> str:
    number = "" if span.kind == "sandbox" else f" {span.number}"
    iteration = f" · iteration {span.iteration}" if span.iteration else ""
    if span.end is None or _is_open(view, span):
        took = f"{tell_duration(view.seconds - span.start)} so far"
    else:
        took = tell_duration(span.end - span.start) + (" · failed" if span.failed else "")
    return f"{_NAMES.get(span.kind, span.kind)}{number}{iteration} · {took}"


def _is_open(view: View, span: Span) -> bool:
    return span.ended is None or span.ended > view.position
