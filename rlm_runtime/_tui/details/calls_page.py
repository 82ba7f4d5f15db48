"""What the entry's code asked of others: sub-calls, and tools."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from typing import overload

from rlm_runtime._events import NodeEnded, SubCallEnded, ToolCalled, ToolFailed, ToolReturned
from rlm_runtime._tui.amounts import short_time
from rlm_runtime._tui.details.document import (
    Block,
    Cell,
    Column,
    Document,
    Heading,
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
    Column("#", 5, right=True),
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


class _Rows(Sequence[Sequence[Cell]]):
    """The rows of some sub-calls; each is made when it is seen."""

    def __init__(self, moment: Moment, first: int, end: int) -> None:
        self._moment = moment
        self._numbers = range(first, end)

    def __len__(self) -> int:
        return len(self._numbers)

    @overload
    def __getitem__(self, at: int) -> Sequence[Cell]: ...
    @overload
    def __getitem__(self, at: slice) -> Sequence[Sequence[Cell]]: ...
    def __getitem__(self, at: int | slice) -> Sequence[Cell] | Sequence[Sequence[Cell]]:
        if isinstance(at, slice):
            return [self[number] for number in range(*at.indices(len(self)))]
        return _row(self._moment, self._moment.entry.children[self._numbers[at]])


def _row(moment: Moment, child: Entry) -> Sequence[Cell]:
    view = moment.view
    aside = child.is_aside(moment.position)
    look = look_of("aside" if aside else view.state_of(child))
    ended = child.ended(moment.position)
    until = moment.position if ended is None else ended
    took = view.record.time(until) - view.record.time(child.began)
    event = view.record.events[ended] if ended is not None else None
    answer: Cell = ""
    if isinstance(event, NodeEnded | SubCallEnded):
        answer = (event.error, "bad") if event.error else event.answer
    return (
        "" if child.sub_call is None else str(child.sub_call),
        (f"{look.glyph} {look.word}", STYLES[look.kind]),
        short_time(took),
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
            Table(_COLUMNS, _Rows(moment, first, last)),
        ]
    blocks += _tools(moment)
    if first:
        blocks += [Heading("Before", _count(first)), Table(_COLUMNS, _Rows(moment, 0, first))]
    return Document(tuple(blocks) or (Words("Its code has asked for nothing yet.", "dim"),))


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
