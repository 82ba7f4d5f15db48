"""What the members of a group are and have spent in sum, at any moment."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence

from rlm_runtime._tui.record.entry import Entry
from rlm_runtime._tui.record.spending import Spending
from rlm_runtime._tui.rows import Row
from rlm_runtime._tui.states import StateKind, look_of
from rlm_runtime._tui.tree.layout import GroupKey

_ONGOING = ("queued", "running")


class Sums:
    """What many entries spent in sum up to any position."""

    def __init__(self) -> None:
        self._at: list[int] = []
        self._tokens: list[int] = []
        self._cost: list[float] = []
        self._unknown_at: int | None = None

    def add(self, samples: list[tuple[int, int, float]], unknown: Iterable[int | None]) -> None:
        """Count what was spent after all that is counted already."""
        tokens, cost = (self._tokens[-1], self._cost[-1]) if self._at else (0, 0.0)
        for position, more_tokens, more_cost in sorted(samples):
            tokens += more_tokens
            cost += more_cost
            self._at.append(position)
            self._tokens.append(tokens)
            self._cost.append(cost)
        if self._unknown_at is None:
            self._unknown_at = min((one for one in unknown if one is not None), default=None)

    def tokens(self, position: int) -> int:
        """Give the tokens up to a position."""
        last = bisect_right(self._at, position)
        return self._tokens[last - 1] if last else 0

    def known_cost(self, position: int) -> float:
        """Give what is known of the US dollars up to a position."""
        last = bisect_right(self._at, position)
        return self._cost[last - 1] if last else 0.0

    def cost(self, position: int) -> float | None:
        """Give the US dollars up to a position; None where a part of them is not known."""
        if self._unknown_at is not None and self._unknown_at <= position:
            return None
        return self.known_cost(position)


class Tally:
    """Sums over a group that only grows, worked out once for all moments."""

    def __init__(self) -> None:
        self.own = Sums()
        self.below = Sums()
        self.members: Sequence[Entry] = ()
        self.last = -1
        """The last position that is counted."""
        self._seen: list[list[int]] = []
        """For each member: how much of its own spending, that below it and its states is in."""
        self._aside: set[int] = set()
        self._entered: dict[StateKind, list[int]] = {}
        self._left: dict[StateKind, list[int]] = {}
        self._ends: list[int] = []

    def catch_up(self, members: Sequence[Entry], last: int) -> None:
        """Count what came since; all that is new is after all that is counted.

        Args:
            members: Those that were there before, and new ones behind them.
            last: The last position of the record.
        """
        if last == self.last:
            return
        own: list[tuple[int, int, float]] = []
        below: list[tuple[int, int, float]] = []
        changes: list[tuple[int, StateKind | None, StateKind]] = []
        self.members, self.last = members, last
        for number, one in enumerate(members):
            if number == len(self._seen):
                self._seen.append([0, 0, 0])
                changes.append((one.began, None, "queued"))
            seen = self._seen[number]
            own += one.own.since(seen[0])
            below += one.below.since(seen[1])
            changes += self._changes(one, seen[2])
            seen[:] = one.own.times, one.below.times, len(one.states)
        self.own.add(own, _unknown(one.own for one in members))
        self.below.add(below, _unknown(one.below for one in members))
        self._count(changes)

    def counts(self, position: int) -> dict[StateKind, int]:
        """Tell how many members are what at a position; `crashed` is none of these."""
        counts = {
            kind: bisect_right(entered, position) - bisect_right(self._left.get(kind, ()), position)
            for kind, entered in self._entered.items()
        }
        return {kind: count for kind, count in counts.items() if count}

    def ended(self, position: int) -> int | None:
        """Give the position where the last member ended, if all have at a position."""
        counts = self.counts(position)
        if any(kind in counts for kind in _ONGOING):
            return None
        last = bisect_right(self._ends, position)
        return self._ends[last - 1] if last else None

    def _changes(self, one: Entry, seen: int) -> list[tuple[int, StateKind | None, StateKind]]:
        """Tell how a member came from one state to the next, after so many that are counted."""
        changes: list[tuple[int, StateKind | None, StateKind]] = []
        before = look_of(one.states[seen - 1][1]).kind if seen else "queued"
        for position, state in one.states[seen:]:
            if one.is_aside(position):
                break
            kind = look_of(state).kind
            changes.append((position, before, kind))
            before = kind
        if one.aside is not None and one.id not in self._aside:
            self._aside.add(one.id)
            changes.append((one.aside, before, "aside"))
        return changes

    def _count(self, changes: list[tuple[int, StateKind | None, StateKind]]) -> None:
        changes.sort(key=lambda change: change[0])
        for position, before, kind in changes:
            if before is not None:
                self._left.setdefault(before, []).append(position)
            self._entered.setdefault(kind, []).append(position)
            if kind not in _ONGOING:
                self._ends.append(position)


class Tallies:
    """The tally of each group that was looked at."""

    def __init__(self) -> None:
        self._tallies: dict[GroupKey, Tally] = {}

    def of(self, row: Row, last: int) -> Tally:
        """Give the tally of the group that a row is, up to the last position of its record."""
        assert row.key is not None
        tally = self._tallies.get(row.key)
        if tally is None or not _goes_on(tally, row.whole):
            tally = self._tallies[row.key] = Tally()
        tally.catch_up(row.whole, last)
        return tally


def _goes_on(tally: Tally, members: Sequence[Entry]) -> bool:
    """Tell whether the members are those of a tally, and new ones; a filter may choose others."""
    known = len(tally.members)
    if members[:known] != tally.members:
        return False
    return len(members) == known or members[known].began > tally.last


def _unknown(spendings: Iterable[Spending]) -> Iterable[int | None]:
    return (one.unknown_at for one in spendings)
