"""Where a run can be forked: at the requests of its nodes for a reply."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import islice

from rlm_runtime._errors import InputError
from rlm_runtime._events import Event, ModelRequested, ReplayDiverged

_NODES_SHOWN = 20


@dataclass(frozen=True, slots=True)
class ForkPoint:
    """A reply of a node that is to be asked for anew."""

    node: int
    iteration: int
    seq: int
    """Number of the event of its request, the first one that is not shared."""
    mono: float
    """When the last one happened that is shared, on the clock of the trace."""

    def asks_for(self, request: ModelRequested) -> bool:
        """Tell whether a request is for this reply."""
        return (request.node, request.iteration) == (self.node, self.iteration)


def find_fork_point(events: Iterable[Event], node: int, iteration: int) -> ForkPoint:
    """Find the request for a reply in the record of a run, the newest one that counts.

    Raises:
        InputError: There is none; the message says which there are.
    """
    found: dict[int, dict[int, ForkPoint]] = {}
    mono = 0.0
    for event in events:
        match event:
            case ModelRequested(iteration=int(number)):
                point = ForkPoint(event.node, number, event.seq, mono)
                # Where a request was sent again, as after a crash, it is the first of them
                found.setdefault(event.node, {}).setdefault(number, point)
            case ReplayDiverged():
                here = found.get(event.node, {})
                found[event.node] = {n: one for n, one in here.items() if n <= event.iteration}
        mono = event.mono
    point_there = found.get(node, {}).get(iteration)
    if point_there is None:
        raise InputError(_explain(node, iteration, found))
    return point_there


def _explain(node: int, iteration: int, found: Mapping[int, Mapping[int, ForkPoint]]) -> str:
    place = f"Cannot fork at {node}:{iteration}"
    if not found:
        return f"{place}: no reply was ever asked for in this run"
    if here := found.get(node):
        return f"{place}: node {node} has {_replies(here)}"
    shown = [f"node {n} has {_replies(found[n])}" for n in islice(sorted(found), _NODES_SHOWN)]
    if (more := len(found) - len(shown)) > 0:
        shown.append(f"and {more:,} more nodes")
    return f"{place}: there is no such node; {', '.join(shown)}"


def _replies(points: Mapping[int, ForkPoint]) -> str:
    return "reply 1" if max(points) == 1 else f"replies 1 to {max(points)}"
