"""What the line at the top says of a run at a moment, as much of it as there is room for."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from rich.cells import cell_len

from rlm_runtime._events import ModeChosen, RunForked, RunResumed, RunStarted, usage_of
from rlm_runtime._printable import one_line
from rlm_runtime._tui.amounts import short_cost, short_count, short_money, short_time
from rlm_runtime._tui.record.node_counts import NodeCounts
from rlm_runtime._tui.record.record import Record
from rlm_runtime._tui.states import StateKind, look_of
from rlm_runtime._tui.view import View

GAP = "  "
_ALL_BUT_READ = 0.97
"""A trace that grows is read up to its end every moment; only one that is far from it is told."""
_MOST_SESSIONS = 200
_MOST_EXACT = 100_000
_MODE_WITHIN = 16
"""So many events after its begin a run has chosen its mode."""


class Part(NamedTuple):
    """Something that the line says."""

    text: str
    weight: int
    """What has the lowest is left out first."""
    kind: StateKind | None = None
    """What it looks like."""


class _Spent(NamedTuple):
    """What a run has spent."""

    calls: int
    tokens: int
    cost: float | None
    """None where a part of it is not known."""
    known: float


def tell_run(view: View, counts: NodeCounts) -> list[Part]:
    """Tell all of a run at a moment, in the order of the line."""
    record, at = view.record, view.position
    parts = [Part(one_line(record.run, 60), 90), *_tell_state(view)]
    parts.append(Part(short_time(view.seconds), 85))
    spent = _spent(record, at)
    parts.append(_tell_cost(record, at, spent))
    if errors := bisect_right(record.marks.errors, at):
        parts.append(Part(f"✗ {_count(errors, 'error')}", 75, "error"))
    parts.append(Part(_tell_nodes(view, counts), 65))
    parts.append(Part(_count(spent.calls, "call"), 50))
    parts.append(Part(f"{short_count(spent.tokens)} tokens", 60))
    parts += _tell_sessions(record, at)
    return [part for part in parts if part.text]


def fit(parts: Sequence[Part], width: int) -> list[Part]:
    """Leave out what matters least until the rest fits into a width; the weightiest stays."""
    kept = list(parts)
    while len(kept) > 1 and sum(cell_len(part.text) + len(GAP) for part in kept) > width:
        kept.remove(min(kept, key=lambda part: part.weight))
    return kept


def _tell_state(view: View) -> Iterator[Part]:
    ended = view.record.ended(view.position)
    if view.state == "reading" and view.part_read < _ALL_BUT_READ:
        yield Part(f"… reading {view.part_read:.0%}", 100, "queued")
    elif ended is not None:
        look = look_of(one_line(ended.stop_reason, 40))
        word = f"stopped by {look.word}" if look.kind == "limit" else look.word
        yield Part(f"{look.glyph} {word}", 100, look.kind)
    elif not (view.damage and view.is_over):
        look = look_of("crashed" if view.is_over else "running")
        yield Part(f"{look.glyph} {look.word}", 100, look.kind)
    if view.damage:
        yield Part("✗ damaged", 95, "error")


def _spent(record: Record, at: int) -> _Spent:
    """Tell what the run has spent; at its end by its own account.

    That has in it what calls took that a crash cut off, of which no event tells.
    """
    total = record.total
    spent = _Spent(total.calls(at), total.tokens(at), total.cost(at), total.known_cost(at))
    ended = record.ended(at)
    if ended is None:
        return spent
    used = usage_of(ended)
    tokens = max(spent.tokens, used.prompt_tokens + used.completion_tokens)
    known = spent.known if used.cost is None else max(spent.known, used.cost)
    return _Spent(max(spent.calls, used.calls), tokens, None if used.cost is None else known, known)


def _tell_cost(record: Record, at: int, spent: _Spent) -> Part:
    cost = short_cost(spent.cost, spent.known)
    text = "cost unknown" if cost == "?" else cost
    limit = _max_cost(record, at)
    return Part(text if limit is None else f"{text} of {short_money(limit)}", 80)


def _max_cost(record: Record, at: int) -> float | None:
    for position in _sessions(record, at):
        event = record.events[position]
        if isinstance(event, RunStarted | RunResumed):
            limit = event.limits.get("max_cost")
            is_number = isinstance(limit, int | float) and not isinstance(limit, bool)
            return float(limit) if is_number and limit and 0 < limit < math.inf else None
    return None


def _tell_nodes(view: View, counts: NodeCounts) -> str:
    begun, running = counts.at(view.position)
    if not running:
        return _count(begun, "node")
    return f"{_count(begun, 'node')}, {_exact(running)} {'crashed' if view.is_over else 'running'}"


def _tell_sessions(record: Record, at: int) -> Iterator[Part]:
    """Tell of the model and the mode, and whether the run was resumed or forked."""
    model, parent, resumed = "", "", 0
    for position in reversed(_sessions(record, at)):
        event = record.events[position]
        match event:
            case RunStarted():
                model = event.model
            case RunForked():
                parent, resumed = event.parent, -1  # its first session is no resumption
            case RunResumed():
                model, resumed = event.model, resumed + 1
    yield Part(one_line(model, 40), 55)
    if _is_direct(record, at):
        yield Part("direct", 45)
    if parent:
        yield Part(f"forked from {one_line(parent, 60)}", 35)
    if resumed > 0:
        often = "many times" if resumed >= _MOST_SESSIONS else f"{resumed}×"
        yield Part("resumed" if resumed == 1 else f"resumed {often}", 40)


def _is_direct(record: Record, at: int) -> bool:
    start = record.sessions[0] if record.sessions else 0
    early = record.events[start : min(start + _MODE_WITHIN, at + 1)]
    return any(isinstance(event, ModeChosen) and event.mode == "direct" for event in early)


def _sessions(record: Record, at: int) -> list[int]:
    """Give the positions of the newest sessions that had begun, the newest first."""
    end = bisect_right(record.sessions, at)
    return record.sessions[max(0, end - _MOST_SESSIONS) : end][::-1]


def _count(count: int, what: str) -> str:
    return f"{_exact(count)} {what}{'' if count == 1 else 's'}"


def _exact(count: int) -> str:
    return f"{count:,}" if count < _MOST_EXACT else short_count(count)
