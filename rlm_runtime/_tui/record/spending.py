"""What was spent up to any position of a record."""

from __future__ import annotations

from bisect import bisect_right
from itertools import pairwise

from rlm_runtime._types import Usage


class Spending:
    """Sums that only grow, each with the position where it came to be."""

    __slots__ = ("_at", "_sums", "_unknown_at")

    def __init__(self) -> None:
        self._at: list[int] = []
        self._sums: list[tuple[int, int, float]] = []
        """Calls, tokens and dollars."""
        self._unknown_at: int | None = None

    def add(self, position: int, usage: Usage) -> None:
        """Count what was spent at a position, which is not before the last one."""
        calls, tokens, cost = self._sums[-1] if self._sums else (0, 0, 0.0)
        if usage.cost is None and self._unknown_at is None:
            self._unknown_at = position
        self._at.append(position)
        self._sums.append(
            (
                calls + usage.calls,
                tokens + usage.prompt_tokens + usage.completion_tokens,
                cost + (usage.cost or 0.0),
            )
        )

    @property
    def times(self) -> int:
        """How many times something was spent."""
        return len(self._at)

    def since(self, times: int) -> list[tuple[int, int, float]]:
        """Give what was spent after so many times: position, tokens and US dollars of each."""
        if times == len(self._at):
            return []
        sums = [self._sums[times - 1] if times else (0, 0, 0.0), *self._sums[times:]]
        return [
            (position, tokens - before, cost - cost_before)
            for position, ((_, before, cost_before), (_, tokens, cost)) in zip(
                self._at[times:], pairwise(sums), strict=True
            )
        ]

    def positions(self, position: int, most: int) -> list[int]:
        """Give where something was spent up to a position, the latest ones where there are many."""
        last = bisect_right(self._at, position)
        return self._at[max(0, last - most) : last]

    @property
    def unknown_at(self) -> int | None:
        """The position from which on a part of the cost is not known."""
        return self._unknown_at

    def calls(self, position: int) -> int:
        """Give the model calls that were answered, or failed, up to a position."""
        return self._sum(position)[0]

    def tokens(self, position: int) -> int:
        """Give the tokens up to a position."""
        return self._sum(position)[1]

    def cost(self, position: int) -> float | None:
        """Give the US dollars up to a position; None where a part of them is not known."""
        if self._unknown_at is not None and self._unknown_at <= position:
            return None
        return self.known_cost(position)

    def known_cost(self, position: int) -> float:
        """Give what is known of the US dollars up to a position."""
        return self._sum(position)[2]

    def _sum(self, position: int) -> tuple[int, int, float]:
        last = bisect_right(self._at, position)
        return self._sums[last - 1] if last else (0, 0, 0.0)
