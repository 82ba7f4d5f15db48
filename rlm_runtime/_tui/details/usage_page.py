"""What the entry has spent: itself, all below it, and call by call."""

from __future__ import annotations

from dataclasses import dataclass, replace

from rlm_runtime._events import (
    Event,
    LimitsTold,
    ModelAttemptFailed,
    ModelFailed,
    ModelReplied,
    usage_of,
)
from rlm_runtime._tui.amounts import short_cost, short_count, short_money, short_time
from rlm_runtime._tui.details.document import (
    Block,
    Cell,
    Column,
    Document,
    Heading,
    Pairs,
    Rule,
    Table,
)
from rlm_runtime._tui.details.moment import Moment
from rlm_runtime._tui.details.page import Page
from rlm_runtime._tui.record.spending import Spending

_COLUMNS = (
    Column("call", 6, right=True),
    Column("in", 6, right=True),
    Column("cached", 6, right=True),
    Column("out", 6, right=True),
    Column("reason", 6, right=True),
    Column("cost", 7, right=True),
    Column("time", 6, right=True),
    Column("first", 6, right=True),
    Column("how it ended"),
)
_Ended = ModelReplied | ModelAttemptFailed | ModelFailed
_MOST_LIMITS = 40
_MOST_CALLS = 20_000
"""So many of the latest attempts are summed up by kind of token."""


@dataclass(frozen=True, slots=True)
class _Sums:
    """What the entry itself has used, by kind of token."""

    prompt: int = 0
    cached: int = 0
    completion: int = 0
    reasoning: int = 0
    retries: int = 0
    estimated: bool = False


def _make(moment: Moment) -> Document:
    ended = [event for _, event in moment.events() if isinstance(event, _Ended)]
    blocks: list[Block] = [
        Heading("Spent so far", moment.name()),
        Pairs(
            (
                ("itself", _spent(moment.entry.own, moment.position)),
                ("with all below", _spent(moment.entry.below, moment.position)),
                *_time(moment),
                *_tokens(moment),
            )
        ),
    ]
    if ended:
        rows = tuple(_row(event) for event in reversed(ended))
        blocks += [
            Rule(is_empty=True),
            Heading("Attempts", "the latest first"),
            Table(_COLUMNS, rows),
        ]
    return Document((*blocks, *_limits(moment)))


def _spent(spending: Spending, position: int) -> str:
    calls, tokens = spending.calls(position), spending.tokens(position)
    cost = short_cost(spending.cost(position), spending.known_cost(position))
    return f"{cost}  {tokens:,} tokens  {calls:,} calls"


def _time(moment: Moment) -> list[tuple[str, Cell]]:
    took = moment.view.record.seconds_of(moment.entry, moment.position)
    return [("time", short_time(took))]


def _tokens(moment: Moment) -> list[tuple[str, Cell]]:
    sums = _Sums()
    for position in moment.entry.own.positions(moment.position, _MOST_CALLS):
        event = moment.view.record.events[position]
        sums = _add(sums, event) if isinstance(event, _Ended) else sums
    rows: list[tuple[str, Cell]] = [
        ("prompt tokens", f"{sums.prompt:,}, of them {sums.cached:,} cached"),
        ("completion tokens", f"{sums.completion:,}, of them {sums.reasoning:,} for reasoning"),
    ]
    if sums.retries:
        rows.append(("failed attempts", (f"{sums.retries:,}", "warning")))
    if sums.estimated:
        rows.append(("", ("A part of it is an estimate: nobody counted it.", "warning")))
    return rows


def _add(sums: _Sums, event: _Ended) -> _Sums:
    if isinstance(event, ModelReplied) and event.recalled:
        return sums
    used = usage_of(event)
    return replace(
        sums,
        prompt=sums.prompt + used.prompt_tokens,
        cached=sums.cached + used.cached_tokens,
        completion=sums.completion + used.completion_tokens,
        reasoning=sums.reasoning + used.reasoning_tokens,
        retries=sums.retries + isinstance(event, ModelAttemptFailed),
        estimated=sums.estimated or _is_estimate(event),
    )


def _is_estimate(event: Event) -> bool:
    match event:
        case ModelReplied():
            return not event.counted
        case ModelFailed():
            return event.cancelled and bool(event.prompt_tokens or event.completion_tokens)
    return False


def _row(event: _Ended) -> tuple[Cell, ...]:
    used = usage_of(event)
    first = event.seconds_to_first_token if isinstance(event, ModelReplied) else None
    return (
        str(event.call),
        short_count(used.prompt_tokens),
        short_count(used.cached_tokens),
        short_count(used.completion_tokens),
        short_count(used.reasoning_tokens),
        "?" if used.cost is None else short_money(used.cost),
        short_time(event.seconds),
        "" if first is None else short_time(first),
        _end(event),
    )


def _end(event: _Ended) -> Cell:
    match event:
        case ModelReplied():
            if event.recalled:
                return ("from the record", "dim")
            again = f", attempt {event.attempts}" if event.attempts > 1 else ""
            return (f"✓ {event.finish_reason or 'replied'}{again}", "good")
        case ModelAttemptFailed():
            return (f"✗ attempt {event.attempt}: {event.error}", "warning")
        case ModelFailed():
            return ("‖ given up", "warning") if event.cancelled else (f"✗ {event.error}", "bad")


def _limits(moment: Moment) -> list[Block]:
    """Show what the code was told that it may still spend, when it asked last."""
    told = None
    for _, event in moment.events():
        told = event if isinstance(event, LimitsTold) else told
    if told is None:
        return []
    rows = tuple(
        (name, "no limit" if left is None else f"{left:,}")
        for name, left in list(told.limits.items())[:_MOST_LIMITS]
    )
    title = "Left, as its code was told"
    return [Rule(is_empty=True), Heading(title, f"iteration {told.iteration}"), Pairs(rows)]


def _has_news(moment: Moment) -> bool:
    return moment.entry.below.calls(moment.position) > 0 or any(
        isinstance(event, _Ended) for _, event in moment.events_of_iteration()
    )


USAGE = Page(name="Usage", short="Use", has_news=_has_news, make=_make, changes=True)
