"""What a run has spent, against its limits."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace

from rlm_runtime._errors import LimitExceededError
from rlm_runtime._limits import Limits
from rlm_runtime._models import Price
from rlm_runtime._types import Usage


@dataclass(frozen=True, slots=True, kw_only=True)
class WorstCase:
    """The most that one attempt of a model call can use."""

    prompt_tokens: int
    completion_tokens: int | None
    """None where nothing bounds the reply."""
    price: Price | None


class Reservation:
    """What is set aside for one attempt while it is under way."""

    def __init__(self, worst: WorstCase) -> None:
        self.completion_tokens = worst.completion_tokens
        """The most tokens that the reply may have; it may be less than what was asked for."""
        self.used: Usage | None = None

    def settle(self, used: Usage) -> None:
        """Enter what the attempt has used, instead of what was set aside for it."""
        self.used = used


class Ledger:
    """The account of one run; every model call and every node is entered before it begins."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._spent = Usage()
        self._calls = 0
        self._nodes = 0

    @property
    def usage(self) -> Usage:
        """What has been spent; a call counts from its beginning, its tokens from its end."""
        return replace(self._spent, calls=self._calls)

    @property
    def nodes(self) -> int:
        """Nodes that were started."""
        return self._nodes

    def calls_left(self, depth: int) -> int | None:
        """Tell how many model calls a node at this depth may still cause; None for no limit.

        One call is kept back for each of its ancestors, so that they can still answer.
        """
        if self._limits.max_calls is None:
            return None
        return max(0, self._limits.max_calls - self._calls - depth)

    def nodes_left(self) -> int | None:
        """Tell how many nodes may still be started; None for no limit."""
        return None if self._limits.max_nodes is None else self._limits.max_nodes - self._nodes

    def reserve_call(self, depth: int) -> int:
        """Enter a model call that a node at this depth makes, and return its number from 0.

        Raises:
            LimitExceededError: None is left.
        """
        if self.calls_left(depth) == 0:
            raise LimitExceededError(
                f"Cannot make another model call: max_calls is {self._limits.max_calls}",
                stop_reason="max_calls",
            )
        self._calls += 1
        return self._calls - 1

    @asynccontextmanager
    async def reserve(self, worst: WorstCase) -> AsyncIterator[Reservation]:
        """Set the worst case of an attempt aside, for the length of a block.

        Raises:
            LimitExceededError: It does not fit into what is left.
        """
        reservation = Reservation(worst)
        try:
            yield reservation
        finally:
            if reservation.used is not None:
                self._spent += reservation.used

    def start_node(self) -> int:
        """Enter a node, and return its number from 0.

        Raises:
            LimitExceededError: None is left.
        """
        if self.nodes_left() == 0:
            raise LimitExceededError(
                f"Cannot start node {self._nodes + 1}: max_nodes is {self._limits.max_nodes}",
                stop_reason="max_nodes",
            )
        self._nodes += 1
        return self._nodes - 1
