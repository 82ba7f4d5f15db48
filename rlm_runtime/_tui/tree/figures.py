"""What the row of an entry, or of a group of them, tells at a moment."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from rlm_runtime._tui.record.entry import Entry
from rlm_runtime._tui.rows import Row
from rlm_runtime._tui.states import StateKind
from rlm_runtime._tui.tree.tally import Tallies
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


def figures_of(row: Row, view: View, tallies: Tallies | None = None) -> Figures:
    """Work out what a row tells at the moment of a view.

    Args:
        row: It.
        view: What tells the moment.
        tallies: Those of the groups that were looked at before; None for the first look.
    """
    if row.group:
        return _figures_of_group(row, view, tallies or Tallies())
    return _figures_of_entry(row.entry, view)


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
    return Figures(
        state=_state_of(entry, view),
        own_cost=entry.own.cost(at),
        own_known=entry.own.known_cost(at),
        cost=entry.below.cost(at),
        known=entry.below.known_cost(at),
        own_tokens=entry.own.tokens(at),
        tokens=entry.below.tokens(at),
        seconds=view.record.seconds_of(entry, at),
        critical=view.critical.get(entry.id, 0.0),
    )


def _figures_of_group(row: Row, view: View, tallies: Tallies) -> Figures:
    at = view.position
    tally = tallies.of(row, view.record.last)
    kinds = Counter(tally.counts(at))
    if view.is_over:
        kinds["crashed"] = kinds.pop("running", 0) + kinds.pop("queued", 0)
    ended = tally.ended(at)
    time = view.record.time
    return Figures(
        state=next((kind for kind in _TELLING if kinds[kind]), "queued"),
        counts=tuple((kind, kinds[kind]) for kind in reversed(_TELLING) if kinds[kind]),
        own_cost=tally.own.cost(at),
        own_known=tally.own.known_cost(at),
        cost=tally.below.cost(at),
        known=tally.below.known_cost(at),
        own_tokens=tally.own.tokens(at),
        tokens=tally.below.tokens(at),
        seconds=time(at if ended is None else ended) - time(row.entry.began),
        critical=sum(view.critical.get(one.id, 0.0) for one in row.group) if view.critical else 0.0,
    )
