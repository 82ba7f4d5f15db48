"""An entry of a record's tree: a node, or a plain completion that a node's code asked for."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass, field
from typing import Literal

from rlm_runtime._tui.record.spending import Spending

SpanKind = Literal["sandbox", "wait", "model", "code", "tool"]
"""What an entry did: its sandbox started, a model call waited for its turn or its next attempt, an
attempt was under way, code ran, a tool was called."""


@dataclass(slots=True, kw_only=True, eq=False)
class Span:
    """Something that an entry did for a while."""

    kind: SpanKind
    number: int
    """Of the model call, the code block or the tool call; 0 for a sandbox."""
    iteration: int
    began: int
    """The position that tells of it first."""
    start: float
    """In seconds of the run."""
    ended: int | None = None
    """The position that tells of its end."""
    end: float | None = None
    failed: bool = False


@dataclass(slots=True, kw_only=True, eq=False)
class Entry:
    """A node or a completion, from its first event on."""

    id: int
    """Its index in `Record.entries`."""
    kind: Literal["node", "completion"]
    number: int | None
    """The node's number in its run; None for a completion, and as long as the node has not begun:
    `number_at` tells it at a moment."""
    sub_call: int | None
    parent: Entry | None = field(repr=False)
    depth: int
    model: str
    query: str
    """One line; the events have the whole."""
    context: str
    """Type, size and shape of it, in one line."""
    began: int
    """The position of its first event."""
    place: tuple[int, int]
    """Iteration and block of the parent whose code asked for it."""
    children: list[Entry] = field(default_factory=list, repr=False)
    """In the order in which they began."""
    events: list[int] = field(default_factory=list)
    """The positions of its own events."""
    own: Spending = field(default_factory=Spending)
    below: Spending = field(default_factory=Spending)
    """Of itself and of all below it."""
    spans: list[Span] = field(default_factory=list)
    """In the order in which they began to be told of."""
    iterations: list[tuple[int, int]] = field(default_factory=list)
    """The position where each iteration began, and its number."""
    states: list[tuple[int, str]] = field(default_factory=list)
    """Positions, and what it was from there on: `queued`, `running` or a stop reason."""
    numbered: int | None = None
    """The position where its number is told, and the node begins."""
    aside: int | None = None
    """The position from which on it counts no more, as its parent was run again differently."""

    def number_at(self, position: int) -> int | None:
        """Give the node's number, if it has begun at a position."""
        return None if self.numbered is None or self.numbered > position else self.number

    def state(self, position: int) -> str:
        """Tell what it is at a position: `queued`, `running`, or why it ended."""
        last = bisect_right(self.states, position, key=lambda state: state[0])
        return self.states[last - 1][1] if last else "queued"

    def ended(self, position: int) -> int | None:
        """Give the position where it ended, if it has at a position."""
        last = bisect_right(self.states, position, key=lambda state: state[0])
        if last and self.states[last - 1][1] not in ("queued", "running"):
            return self.states[last - 1][0]
        return None

    def iteration(self, position: int) -> int:
        """Give the number of its iteration at a position; 0 before the first."""
        last = bisect_right(self.iterations, position, key=lambda one: one[0])
        return self.iterations[last - 1][1] if last else 0

    def is_aside(self, position: int) -> bool:
        """Tell whether it counts no more at a position."""
        return self.aside is not None and self.aside <= position
