"""Random trees of accounts, in random orders: the limits hold, and nothing is lost."""

from __future__ import annotations

import random

import anyio
import anyio.lowlevel
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rlm_runtime._account import Account
from rlm_runtime._errors import LimitExceededError
from rlm_runtime._limits import Limits
from rlm_runtime._models import Price
from rlm_runtime._types import Usage
from rlm_runtime._usage import Ledger
from rlm_runtime._worst_case import KINDS, WorstCase, money_limit, used
from tests.examples import examples

PRICES = [
    Price(prompt=0.25, completion=2.0),
    Price(prompt=1.25, completion=10.0, cached=0.125),
    Price(prompt=0.0375, completion=0.15, cached=0.3),
    Price(prompt=1 / 3, completion=0.7),
    Price(prompt=0.0, completion=0.0),
]


class Play:
    """A run without models: every attempt uses at most what it may."""

    def __init__(self, limits: Limits, seed: int) -> None:
        self.limits = limits
        self.ledger = Ledger(limits)
        self.random = random.Random(seed)
        self.accounts = [self.ledger.account]
        self.in_flight = 0
        self.outcomes: list[str] = []
        self.billed_tokens = 0
        self.billed = 0

    async def node(self, account: Account, depth: int) -> None:
        """Call a model, then start what a node's code does, again and again."""
        self.accounts.append(account)
        for iteration in range(self.random.randrange(1, 4)):
            if await self.attempt(account, leaves=iteration < 3) == "refused" or depth == 3:
                return
            async with anyio.create_task_group() as tasks:
                for _ in range(self.random.randrange(5)):
                    if self.random.random() < 0.4:
                        child = account.child(self.limits.max_node_share)
                        tasks.start_soon(self.node, child, depth + 1)
                    else:
                        tasks.start_soon(self.attempt, account.child())
                if self.random.random() < 0.2:
                    await self.pause()
                    tasks.cancel_scope.cancel()

    async def attempt(self, account: Account, *, leaves: bool = False) -> str:
        """Make one attempt that succeeds, fails, or is cancelled with its node."""
        price = self.random.choice(PRICES)
        worst = WorstCase(
            prompt_tokens=self.random.randrange(1, 5000),
            completion_tokens=self.random.choice([10, 600, 8192, 16_384]),
            price=price,
            leaves_last_reply=leaves,
        )
        if leaves:
            self.ledger.is_last_call(account, worst)
        try:
            async with self.ledger.reserve(account, worst) as reservation:
                assert reservation.completion_tokens is not None
                assert reservation.completion_tokens >= worst.least_reply
                most = reservation.completion_tokens
                self.check()
                # What is on its way is billed, whatever becomes of it here
                share = self.random.choice([0.0, 0.1, 1.0])
                tokens = Usage(
                    calls=1,
                    prompt_tokens=int(worst.prompt_tokens * self.random.choice([0.2, 1.0])),
                    completion_tokens=int(most * share),
                )
                cost = price.cost(tokens)
                bill = Usage(
                    prompt_tokens=tokens.prompt_tokens,
                    completion_tokens=tokens.completion_tokens,
                    cost=self.random.choice([cost, None]),
                )
                self.billed_tokens += used("max_tokens", bill, price)
                self.billed += used("max_cost", bill, price)
                await self.pause()
                reservation.settle(bill, reply="x" if leaves else None)
                if self.random.random() < 0.2:
                    raise ValueError("failed")
            assert not reservation.is_exceeded
        except LimitExceededError:
            return "refused"
        except ValueError:
            return "failed"
        finally:
            self.check()
        return "answered"

    async def pause(self) -> None:
        for _ in range(self.random.randrange(6)):
            await anyio.lowlevel.checkpoint()

    def check(self) -> None:
        """Check that no account has more spent and set aside than it may."""
        for account in self.accounts:
            for kind in KINDS:
                pot = account._pots[kind]
                assert pot.reserved >= 0
                assert pot.limit is None or pot.spent + pot.reserved <= pot.limit
        if self.limits.max_tokens is not None:
            assert self.billed_tokens <= self.limits.max_tokens
        if self.limits.max_cost is not None:
            assert self.billed <= money_limit(self.limits.max_cost)


LIMITS = st.builds(
    Limits,
    max_tokens=st.one_of(st.none(), st.integers(1, 300_000)),
    max_cost=st.one_of(st.none(), st.floats(0, 0.5)),
    max_node_share=st.sampled_from([0.05, 0.5, 1.0]),
).filter(lambda limits: limits.max_tokens is not None or limits.max_cost is not None)


@pytest.mark.timeout(120)
@settings(max_examples=examples(300), deadline=None)
@given(limits=LIMITS, seed=st.integers(0, 10**9))
def test_no_account_is_overdrawn_and_nothing_stays_set_aside(limits: Limits, seed: int) -> None:
    async def play() -> None:
        played = Play(limits, seed)
        with anyio.fail_after(10):
            await played.node(played.ledger.account, 0)
        played.check()
        assert not played.ledger._waiters, "a waiter was lost"
        for account in played.accounts:
            assert all(account._pots[kind].reserved == 0 for kind in KINDS)

    anyio.run(play)


@pytest.mark.timeout(120)
@settings(max_examples=examples(200), deadline=None)
@given(limits=LIMITS, seed=st.integers(0, 10**9))
def test_the_root_can_answer_whatever_the_tree_below_it_does(limits: Limits, seed: int) -> None:
    async def play() -> None:
        played = Play(limits, seed)
        root, price = played.ledger.account, PRICES[0]
        first = WorstCase(
            prompt_tokens=2000, completion_tokens=4096, price=price, leaves_last_reply=True
        )
        if root.needs_notice(first):
            return
        async with played.ledger.reserve(root, first) as reservation:
            assert reservation.completion_tokens is not None
            used_up = Usage(prompt_tokens=2000, completion_tokens=reservation.completion_tokens)
            reservation.settle(used_up, reply="x" * 10_000)
        with anyio.fail_after(10):
            async with anyio.create_task_group() as tasks:
                for _ in range(30):
                    tasks.start_soon(played.node, root.child(limits.max_node_share), 1)
                    tasks.start_soon(played.attempt, root.child())
        # Its history, an observation and the words beside it
        last = WorstCase(
            prompt_tokens=2000 + reservation.completion_tokens + 2600,
            completion_tokens=16_384,
            price=price,
        )
        async with played.ledger.reserve(root, last) as reservation:
            assert (reservation.completion_tokens or 0) >= 512

    anyio.run(play)
