"""What was spent up to any position of a record."""

from __future__ import annotations

from array import array
from bisect import bisect_right

from rlm_runtime._types import Usage


class Spending:
    """Sums that only grow, each with the position where it came to be."""

    __slots__ = ("_at", "_calls", "_cost", "_tokens", "_unknown_at")

    def __init__(self) -> None:
        self._at = array("q")
        self._calls = array("q")
        self._tokens = array("d")
        self._cost = array("d")
        self._unknown_at: int | None = None

    def add(self, position: int, usage: Usage) -> None:
        """Count what was spent at a position, which is not before the last one."""
        calls, tokens, cost = 0, 0.0, 0.0
        if self._at:
            calls, tokens, cost = self._calls[-1], self._tokens[-1], self._cost[-1]
        if usage.cost is None and self._unknown_at is None:
            self._unknown_at = position
        self._at.append(position)
        self._calls.append(calls + usage.calls)
        # As floats: a forged count may be larger than any machine word
        self._tokens.append(
            tokens + float(min(usage.prompt_tokens + usage.completion_tokens, 2**53))
        )
        self._cost.append(cost + (usage.cost or 0.0))

    def calls(self, position: int) -> int:
        """Give the model calls that were answered, or failed, up to a position."""
        last = bisect_right(self._at, position)
        return self._calls[last - 1] if last else 0

    def tokens(self, position: int) -> int:
        """Give the tokens up to a position."""
        last = bisect_right(self._at, position)
        return int(self._tokens[last - 1]) if last else 0

    def cost(self, position: int) -> float | None:
        """Give the US dollars up to a position; None where a part of them is not known."""
        if self._unknown_at is not None and self._unknown_at <= position:
            return None
        return self.known_cost(position)

    def known_cost(self, position: int) -> float:
        """Give what is known of the US dollars up to a position."""
        last = bisect_right(self._at, position)
        return self._cost[last - 1] if last else 0.0
