"""The whole texts of a step or an entry, out of the trace where the record holds less."""

from __future__ import annotations

from bisect import bisect_right
from reprlib import Repr

from rlm_runtime._errors import TraceError
from rlm_runtime._tui.amounts import short_cost, short_time
from rlm_runtime._tui.comparing.align import Alignment, Pair
from rlm_runtime._tui.comparing.steps import StepKind
from rlm_runtime._tui.comparing.texts import MOST_CHARS
from rlm_runtime._tui.comparing.told import ref_of, text_of
from rlm_runtime._tui.record.entry import Entry
from rlm_runtime._tui.record.record import Record
from rlm_runtime._tui.source import Source

_MOST_ITEMS = 2000


async def read_step(
    record: Record, source: Source, position: int | None, kind: StepKind
) -> str | None:
    """Read what a step says; None where there is none."""
    if position is None:
        return None
    event = record.events[position]
    ref = ref_of(event, kind)
    try:
        if position in record.cut:
            event = await source.event(record.places[position])
        value = value_text(await source.value(ref)) if ref else ""
    except TraceError as exc:
        return f"{text_of(event, kind)}\n\n… the rest is not there: {exc}"
    told = text_of(event, kind)
    if not ref:
        return told
    # What a value is, and why an answer was rejected, is in the event alone
    return f"{told}\n\n{value}" if kind in ("context", "answer given") else value


def tell_entry(record: Record, entry: Entry | None, last: int) -> str | None:
    """Tell of an entry in a few lines; None where there is none."""
    if entry is None:
        return None
    children = bisect_right(entry.children, last, key=lambda one: one.began)
    spent = short_cost(entry.below.cost(last), entry.below.known_cost(last))
    return "\n".join(
        (
            f"{name_of(entry, last)}, depth {entry.depth}, {entry.model}",
            f"state: {entry.state(last)}",
            f"time: {short_time(record.seconds_of(entry, last))}",
            f"cost with all below: {spent}",
            f"tokens with all below: {entry.below.tokens(last):,}",
            f"iterations: {entry.iteration(last)}",
            f"children: {children:,}",
            f"context: {entry.context}",
            f"query: {entry.query}",
        )
    )


def name_of(entry: Entry, last: int) -> str:
    """Name an entry as its run does at a position."""
    number = entry.number_at(last)
    if number is not None:
        return f"node {number}"
    return "llm_query" if entry.kind == "completion" else "node"


def name_of_pair(alignment: Alignment, pair: Pair) -> str:
    """Name the entry of a pair; empty for the run itself."""
    if pair.a is not None:
        return name_of(pair.a, alignment.last_a)
    return "" if pair.b is None else name_of(pair.b, alignment.last_b)


def value_text(value: object) -> str:
    """Write the beginning of a value, one line or more for each thing in it."""
    short = Repr()
    short.maxstring = short.maxother = short.maxlong = 200
    if isinstance(value, str):
        return value
    items: list[tuple[object, object]] | None = None
    if isinstance(value, dict):
        items = list(zip(value, value.values(), strict=True))[:_MOST_ITEMS]
    elif isinstance(value, list | tuple):
        items = list(enumerate(value[:_MOST_ITEMS]))
    if items is None:
        return short.repr(value)
    parts, room = [], MOST_CHARS
    for name, one in items:
        text = one if isinstance(one, str) else short.repr(one)
        parts.append(f"{short.repr(name)}: {text[: max(0, room)]}")
        room -= len(parts[-1])
        if room <= 0:
            break
    return "\n".join(parts)
