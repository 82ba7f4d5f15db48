"""What a run has spent, against its limits: nothing begins before its worst case is set aside."""

from __future__ import annotations

import itertools
import math
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace

import anyio

from rlm_runtime._account import Account, Granted, Room
from rlm_runtime._errors import LimitExceededError
from rlm_runtime._limits import Limits
from rlm_runtime._types import Message, Usage
from rlm_runtime._worst_case import Kind, WorstCase, dollars, messages_tokens, money, rates

_BYTES_PER_TOKEN = 4
_TOKENS_PER_SECOND = 80
_LAST_PART_OF_TIME = 8


class Reservation:
    """What is set aside for one attempt while it is under way."""

    def __init__(self, account: Account, worst: WorstCase) -> None:
        self.completion_tokens: int | None = None
        """The most tokens that the reply may have; None where no limit bounds it."""
        self.used: Usage | None = None
        self.is_certain = True
        self.is_recalled = False
        self.is_exceeded = False
        """Whether more was used than was set aside, as the endpoint says; known after the block."""
        self._account = account
        self._worst = worst

    def settle(
        self,
        used: Usage,
        *,
        reply: str | None = None,
        is_certain: bool = True,
        is_recalled: bool = False,
    ) -> None:
        """Enter what the attempt has used, instead of what was set aside for it.

        Args:
            used: As the endpoint counted it.
            reply: The text that came; the node's next prompt will hold it.
            is_certain: Whether that is all that can be billed; else all that was set aside counts.
            is_recalled: Whether another run has spent it: it counts against the limits alone.
        """
        self.used = used
        self.is_certain = is_certain
        self.is_recalled = is_recalled
        if reply is not None:
            self._account.learn(self._worst.messages, reply, used)


@dataclass(eq=False, slots=True)
class _Waiter:
    """An attempt that has not begun."""

    account: Account
    worst: WorstCase
    decided: anyio.Event
    granted: Granted | None = None
    refusal: LimitExceededError | None = None


class Ledger:
    """The accounts of one run; every model call and every node is entered before it begins."""

    def __init__(self, limits: Limits) -> None:
        self.account = Account.root(limits)
        """The root's; what limits it limits the run."""
        self._limits = limits
        self._started = time.monotonic()
        self._spent = Usage()
        self._money = 0
        self._recalled = Usage()
        self._recalled_money = 0
        self._numbers = itertools.count()
        self._nodes = 0
        self._waiters: list[_Waiter] = []

    @property
    def usage(self) -> Usage:
        """What has been spent; a call counts from its beginning, its tokens from its end."""
        cost = None if self._spent.cost is None else dollars(self._money)
        calls = self.account.calls - self._recalled.calls
        return replace(self._spent, calls=calls, cost=cost)

    @property
    def recalled(self) -> Usage:
        """What replies from the record of other runs would have cost; it is no part of `usage`."""
        cost = None if self._recalled.cost is None else dollars(self._recalled_money)
        return replace(self._recalled, cost=cost)

    def carry_over(
        self,
        usage: Usage,
        recalled: Usage,
        amounts: Mapping[Kind, int],
        *,
        calls: int,
        next_call: int,
        nodes: int,
        seconds: float,
    ) -> None:
        """Enter what the run spent before this process began, ahead of anything else.

        Args:
            usage: What is told of it.
            recalled: What the replies from the record of other runs would have cost.
            amounts: What of it counts against the limits of tokens and money.
            calls: Model calls.
            next_call: The number of the next one.
            nodes: Nodes that were started.
            seconds: How long the run has taken.
        """
        self._spent += usage
        self._money += money(usage.cost or 0.0)
        self._recalled += recalled
        self._recalled_money += money(recalled.cost or 0.0)
        self.account.carry_over(amounts, calls)
        self._numbers = itertools.count(next_call)
        self._nodes = nodes
        self._started -= seconds

    @property
    def nodes(self) -> int:
        """Nodes that were started."""
        return self._nodes

    def nodes_left(self) -> int | None:
        """Tell how many nodes may still be started; None for no limit."""
        # A run that goes on may have started more than it is granted now
        limit = self._limits.max_nodes
        return None if limit is None else max(0, limit - self._nodes)

    def seconds_left(self) -> float | None:
        """Tell how much of the run's time is left; None for no limit."""
        if self._limits.max_seconds is None:
            return None
        return max(0.0, self._limits.max_seconds - (time.monotonic() - self._started))

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

    def reserve_call(self, account: Account, worst: WorstCase) -> int:
        """Enter a model call, and return its number from 0.

        Raises:
            LimitExceededError: None is left, or what it needs at least is not.
        """
        if account.calls_left() == 0:
            state = _state("max_calls", self._limits, account.max_calls, account)
            raise LimitExceededError(
                f"Cannot make another model call: {state}", stop_reason="max_calls"
            )
        if account.is_limited and (tightest := account.tightest(worst)).later < worst.least_reply:
            raise self._refusal(account, tightest, worst)
        account.add_call()
        return next(self._numbers)

    def withdraw_call(self, account: Account) -> None:
        """Take back a call that was entered, but never sent."""
        account.add_call(-1)

    def is_last_call(self, account: Account, worst: WorstCase) -> bool:
        """Tell whether a node may be unable to make another call after the one that is entered.

        It has no call left, too little of tokens or money for a useful reply and another one, or
        too little time.
        """
        seconds, limit = self.seconds_left(), self._limits.max_seconds
        if seconds is not None and limit is not None:
            # Time for this call and another one like it
            if seconds <= max(limit / _LAST_PART_OF_TIME, 2 * account.longest_seconds):
                return True
        return account.calls_left() == 0 or account.needs_notice(
            replace(worst, leaves_last_reply=True)
        )

    @asynccontextmanager
    async def reserve(self, account: Account, worst: WorstCase) -> AsyncIterator[Reservation]:
        """Set the worst case of an attempt aside, for the length of a block.

        It waits where others under way may give back enough, first come, first served. A block that
        is left without settling gives all back; one that is cancelled, or settles with what is not
        certain, gives nothing back, as nobody can know what the provider will bill. `usage` has an
        estimate of that.

        Raises:
            LimitExceededError: It does not fit into what is left.
        """
        reservation = Reservation(account, worst)
        granted: Granted | None = None
        if account.is_limited:
            granted = await self._wait_for_room(account, worst)
            reservation.completion_tokens = granted.completion_tokens
        started = time.monotonic()
        lost = False
        try:
            yield reservation
        except anyio.get_cancelled_exc_class():
            lost = reservation.used is None
            raise
        finally:
            seconds = time.monotonic() - started
            account.longest_seconds = max(account.longest_seconds, seconds)
            if lost:
                reservation.used = _estimate(worst, reservation.completion_tokens, seconds)
            if reservation.is_recalled:
                self._enter_recalled(reservation.used)
            else:
                self._enter(reservation.used)
            if granted is not None:
                reservation.is_exceeded = account.settle(
                    granted,
                    reservation.used,
                    worst.price,
                    lost=lost or not reservation.is_certain,
                )
                self._serve_waiters()

    def _enter(self, usage: Usage | None) -> None:
        if usage is None:
            return
        if usage.cost is not None and not math.isfinite(usage.cost):
            usage = replace(usage, cost=None)
        self._spent += usage
        self._money += money(usage.cost or 0.0)

    def _enter_recalled(self, usage: Usage | None) -> None:
        if usage is not None:
            self._recalled += replace(usage, calls=1)
            self._recalled_money += money(usage.cost or 0.0)

    async def _wait_for_room(self, account: Account, worst: WorstCase) -> Granted:
        waiter = _Waiter(account, worst, anyio.Event())
        self._waiters.append(waiter)
        self._serve_waiters()
        try:
            await waiter.decided.wait()
        except BaseException:
            self._withdraw(waiter)
            raise
        if waiter.refusal is not None:
            raise waiter.refusal
        assert waiter.granted is not None, "a decision is a grant or a refusal"
        return waiter.granted

    def _withdraw(self, waiter: _Waiter) -> None:
        """Forget an attempt that was cancelled before it began, and what it was granted."""
        if waiter in self._waiters:
            self._waiters.remove(waiter)
        if waiter.granted is not None:
            waiter.account.settle(waiter.granted, None, None)
        self._serve_waiters()

    def _serve_waiters(self) -> None:
        """Decide on all that can be decided on, in order; none overtakes where it would take from.

        Whoever waits, waits for an account that has something set aside for an attempt under way.
        That ends, and then this is called again.
        """
        contested: set[Account] = set()
        for waiter in self._waiters.copy():
            if self.account in contested:
                return
            if contested.isdisjoint(waiter.account.path):
                contested.update(self._decide(waiter))
            if waiter.decided.is_set():
                self._waiters.remove(waiter)

    def _decide(self, waiter: _Waiter) -> list[Account]:
        """Grant or refuse an attempt, or name the accounts where it waits for others to end."""
        worst, account = waiter.worst, waiter.account
        rooms = list(account.reply_rooms(worst))
        if min(room.later for room in rooms) < worst.least_reply:
            # What is left is for the last reply, and this is it
            rooms = list(account.reply_rooms(replace(worst, leaves_last_reply=False)))
        tightest = min(rooms, key=lambda room: room.later)
        if tightest.later < worst.least_reply:
            waiter.refusal = self._refusal(account, tightest, worst)
            waiter.decided.set()
            return []
        now = min(room.now for room in rooms)
        size = min(account.reply_size(worst.completion_tokens, now), tightest.later)
        if now < size:
            return [room.account for room in rooms if room.now < size]
        waiter.granted = account.take(worst, size)
        waiter.decided.set()
        return []

    def _refusal(self, account: Account, room: Room, worst: WorstCase) -> LimitExceededError:
        kind = room.kind
        state = _state(kind, self._limits, room.account.limit(kind), room.account)
        left = _amount(kind, account.left(kind) or 0)
        rate = rates(kind, worst.price)
        least = _amount(kind, rate.amount(worst.prompt_tokens, worst.least_reply))
        return LimitExceededError(
            f"Cannot make another model call: {state}, and the {left} left is too little"
            f" for one that may take {least}{self._doubt(kind)}",
            stop_reason=kind,
        )

    def _doubt(self, kind: Kind) -> str:
        """Say what counts against a limit beyond what `usage` shows."""
        tokens = self._spent.prompt_tokens + self._spent.completion_tokens
        more = self.account.spent(kind) - (self._money if kind == "max_cost" else tokens)
        return f"; {_amount(kind, more)} is kept for calls that broke off" if more > 0 else ""


def _state(name: str, limits: Limits, of_its_own: int | None, account: Account) -> str:
    """Say what a limit is, and what this node has of it where that is less."""
    limit = getattr(limits, name)
    shown = f"${limit:g}" if name == "max_cost" else f"{limit:,}"
    if account.parent is None or of_its_own is None:
        return f"{name} is {shown}"
    return f"{name} is {shown}, of which this node has {_amount(name, of_its_own)}"


def _amount(name: str, number: int) -> str:
    return f"${dollars(number):.6f}" if name == "max_cost" else f"{number:,}"


def _estimate(worst: WorstCase, completion_tokens: int | None, seconds: float) -> Usage:
    """Guess what an attempt used that was cancelled under way."""
    usage = estimate_unseen(
        worst.messages,
        seconds,
        most_prompt_tokens=worst.prompt_tokens,
        most_completion_tokens=completion_tokens,
    )
    cost = None if worst.price is None else worst.price.cost(usage)
    return replace(usage, calls=1, cost=cost)


def estimate_unseen(
    messages: Sequence[Message],
    seconds: float,
    *,
    most_prompt_tokens: int,
    most_completion_tokens: int | None,
) -> Usage:
    """Guess what an attempt used whose end nobody saw; what it cost is left open.

    Args:
        messages: What was sent.
        seconds: How long it was under way.
        most_prompt_tokens: The most that the prompt can have.
        most_completion_tokens: The most that the reply may have; None where nothing bounds it.
    """
    written = int(seconds * _TOKENS_PER_SECOND)
    if most_completion_tokens is not None:
        written = min(written, most_completion_tokens)
    prompt = messages_tokens(messages) // _BYTES_PER_TOKEN
    return Usage(
        prompt_tokens=min(prompt, most_prompt_tokens), completion_tokens=written, cost=None
    )
