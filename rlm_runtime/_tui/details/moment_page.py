"""What happened just now: the event at the moment, in words and field by field."""

from __future__ import annotations

from dataclasses import fields

from rlm_runtime._events import CodeStarted, Event
from rlm_runtime._printable import one_line
from rlm_runtime._tui.details.document import (
    Block,
    Cell,
    Code,
    Document,
    Heading,
    Pairs,
    Rule,
    Words,
)
from rlm_runtime._tui.details.moment import Moment
from rlm_runtime._tui.details.page import Page
from rlm_runtime._tui.details.telling import main_text, tell
from rlm_runtime._tui.record.marks import is_error

_SHORT = 400
_TOLD = {"seq", "time", "mono"}
"""What all events have, for the reader of the file: the line with the moment says it already."""


def _make(moment: Moment) -> Document:
    record = moment.view.record
    event = moment.event(moment.position)
    owner = record.owners[moment.position]
    of = "the run" if owner is None else moment.name(owner)
    text, what = main_text(event)
    blocks: list[Block] = [
        Heading(tell(event), style="bad" if is_error(event) else "heading"),
        Words(f"{of}, event {moment.position + 1:,} at {moment.seconds:.3f} s", "dim"),
        Rule(is_empty=True),
    ]
    if text:
        blocks += [Heading(what), Code(text) if isinstance(event, CodeStarted) else Words(text)]
        blocks.append(Rule(is_empty=True))
    blocks.append(Pairs(tuple(_fields(event, text))))
    return Document(tuple(blocks), text, ".py" if isinstance(event, CodeStarted) else ".txt")


def _fields(event: Event, shown: str) -> list[tuple[str, Cell]]:
    rows: list[tuple[str, Cell]] = []
    for field in fields(event):
        value: object = getattr(event, field.name)
        if field.name in _TOLD or value in ("", None, (), {}) or value is shown:
            continue
        rows.append((field.name, _write(value)))
    return rows


def _write(value: object) -> str:
    match value:
        case str():
            size = f"  ({len(value):,} characters)" if len(value) > _SHORT else ""
            return one_line(value, _SHORT) + size
        case bool():
            return "yes" if value else "no"
        case int():
            return str(value)
        case float():
            return f"{value:.6g}"
        case dict():
            shown = ", ".join(f"{name}: {_write(one)}" for name, one in list(value.items())[:40])
            return one_line(shown, 2 * _SHORT)
        case tuple():
            if value and isinstance(value[0], dict):
                return f"{len(value):,}"
            return one_line(", ".join(_write(one) for one in value[:40]), _SHORT)
    return ""


NOW = Page(
    name="Now", short="Now", has_news=lambda moment: moment.position >= 0, make=_make, changes=True
)
