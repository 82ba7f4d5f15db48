"""What the row of an entry, or of a group of them, tells at a moment."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from rlm_runtime._tui.record.entry import Entry
from rlm_runtime._tui.rows import Row
from rlm_runtime._tui.states import StateKind, look_of
from rlm_runtime._tui.view import View

_TELLING: tuple[StateKind, ...] = (
    "running",
    "queued",
    "crashed",
    "error",
    "limit",
    "interrupted",
    "answered",
    "aside",
)
"""The first one of these that a member has is what a group is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """What the columns of a row are made of."""

    state: str
    """A word that `look_of` knows; of a group the most telling one."""
    counts: tuple[tuple[StateKind, int], ...] = ()
    """Of a group: how many members are what."""
    own_cost: float | None
    own_known: float
    cost: float | None
    known: float
    own_tokens: int
    tokens: int
    seconds: float
    critical: float
    """The seconds that it is on the critical path."""


def figures_of(row: Row, view: View) -> Figures:
    """Work out what a row tells at the moment of a view."""
    return _figures_of_group(row.group, view) if row.group else _figures_of_entry(row.entry, view)


def shares_of(figures: Figures, view: View) -> tuple[float, float]:
    """Tell which share of the run a row is, in cost or in time: on its own, and with all below."""
    if view.heat == "cost":
        total = view.record.total.known_cost(view.position)
        own, whole = figures.own_known, figures.known
    else:
        # A node takes its time as long as those below it do: there is no own part
        total, own, whole = view.seconds, figures.seconds, figures.seconds
    if not total > 0:
        return 0.0, 0.0
    return min(1.0, own / total), min(1.0, whole / total)


def _state_of(entry: Entry, view: View) -> str:
    return "aside" if entry.is_aside(view.position) else view.state_of(entry)


def _figures_of_entry(entry: Entry, view: View) -> Figures:
    at = view.position
    ended = entry.ended(at)
    time = view.record.time
    return Figures(
        state=_state_of(entry, view),
        own_cost=entry.own.cost(at),
        own_known=entry.own.known_cost(at),
        cost=entry.below.cost(at),
        known=entry.below.known_cost(at),
        own_tokens=entry.own.tokens(at),
        tokens=entry.below.tokens(at),
        seconds=time(at if ended is None else ended) - time(entry.began),
        critical=view.critical.get(entry.id, 0.0),
    )


def _figures_of_group(members: Sequence[Entry], view: View) -> Figures:
    at = view.position
    kinds = Counter(look_of(_state_of(one, view)).kind for one in members)
    own_known = sum(one.own.known_cost(at) for one in members)
    known = sum(one.below.known_cost(at) for one in members)
    ends = [one.ended(at) for one in members]
    last = max(at if end is None else end for end in ends)
    telling = next(kind for kind in _TELLING if kinds[kind])
    return Figures(
        state=telling,
        counts=tuple((kind, kinds[kind]) for kind in reversed(_TELLING) if kinds[kind]),
        own_cost=None if any(one.own.cost(at) is None for one in members) else own_known,
        own_known=own_known,
        cost=None if any(one.below.cost(at) is None for one in members) else known,
        known=known,
        own_tokens=sum(one.own.tokens(at) for one in members),
        tokens=sum(one.below.tokens(at) for one in members),
        seconds=view.record.time(last) - view.record.time(members[0].began),
        critical=sum(view.critical.get(one.id, 0.0) for one in members) if view.critical else 0.0,
    )
