"""What the entry's code asked of others: sub-calls, and tools."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence

from rlm_runtime._events import NodeEnded, SubCallEnded, ToolCalled, ToolFailed, ToolReturned
from rlm_runtime._tui.amounts import short_time
from rlm_runtime._tui.details.document import (
    Block,
    Cell,
    Column,
    Document,
    Heading,
    MadeRows,
    Style,
    Table,
    Words,
)
from rlm_runtime._tui.details.moment import Moment
from rlm_runtime._tui.details.page import Page
from rlm_runtime._tui.record.entry import Entry
from rlm_runtime._tui.states import StateKind, look_of

STYLES: dict[StateKind, Style] = {
    "answered": "good",
    "running": "accent",
    "queued": "dim",
    "limit": "warning",
    "error": "bad",
    "interrupted": "warning",
    "crashed": "bad",
    "aside": "dim",
}
_COLUMNS = (
    Column("node", 5, right=True),
    Column("state", 15),
    Column("time", 6, right=True),
    Column("model", 11),
    Column("prompt"),
    Column("answer"),
)
_TOOL_COLUMNS = (
    Column("tool", 14),
    Column("time", 6, right=True),
    Column("called with"),
    Column("result"),
)


def _rows(moment: Moment, first: int, end: int) -> MadeRows:
    children = moment.entry.children
    return MadeRows(end - first, lambda number: _row(moment, children[first + number]))


def _row(moment: Moment, child: Entry) -> Sequence[Cell]:
    view = moment.view
    aside = child.is_aside(moment.position)
    number = child.number_at(moment.position)
    look = look_of("aside" if aside else view.state_of(child))
    ended = child.ended(moment.position)
    event = view.record.events[ended] if ended is not None else None
    answer: Cell = ""
    if isinstance(event, NodeEnded | SubCallEnded):
        answer = (event.error, "bad") if event.error else event.answer
    return (
        "" if number is None else str(number),
        (f"{look.glyph} {look.word}", STYLES[look.kind]),
        short_time(view.record.seconds_of(child, moment.position)),
        child.model.rpartition("/")[2],
        child.query,
        answer,
    )


def _make(moment: Moment) -> Document:
    children = moment.entry.children
    last = bisect_right(children, moment.position, key=lambda child: child.began)
    now = (moment.iteration, -1)
    first = bisect_right(children, now, hi=last, key=lambda child: child.place)
    blocks: list[Block] = []
    if first < last:
        title = f"Iteration {moment.iteration}"
        blocks += [
            Heading(title, _count(last - first)),
            _table(moment, first, last),
        ]
    blocks += _tools(moment)
    if first:
        blocks += [Heading("Before", _count(first)), _table(moment, 0, first)]
    return Document(tuple(blocks) or (Words("Its code has asked for nothing yet.", "dim"),))


def _table(moment: Moment, first: int, end: int) -> Table:
    children = moment.entry.children[first:end]
    return Table(_COLUMNS, _rows(moment, first, end), [child.id for child in children])


def _tools(moment: Moment) -> list[Block]:
    rows: dict[int, tuple[Cell, ...]] = {}
    for _, event in moment.events_of_iteration():
        match event:
            case ToolCalled():
                rows[event.call] = (event.tool, "", event.arguments, ("▶ running", "accent"))
            case ToolReturned() if event.call in rows:
                took = short_time(event.seconds)
                rows[event.call] = (event.tool, took, rows[event.call][2], event.result)
            case ToolFailed() if event.call in rows:
                took, told = short_time(event.seconds), f"✗ {event.error}"
                rows[event.call] = (event.tool, took, rows[event.call][2], (told, "bad"))
    if not rows:
        return []
    return [Heading("Tools", f"{len(rows):,} calls"), Table(_TOOL_COLUMNS, tuple(rows.values()))]


def _count(number: int) -> str:
    return "1 sub-call" if number == 1 else f"{number:,} sub-calls"


def _has_news(moment: Moment) -> bool:
    children = moment.entry.children
    return bool(children and children[0].began <= moment.position) or any(
        isinstance(event, ToolCalled) for _, event in moment.events_of_iteration()
    )


CALLS = Page(name="Calls", short="Call", has_news=_has_news, make=_make, changes=True)
