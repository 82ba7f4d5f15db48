"""The account of a run never goes over its limits."""

from __future__ import annotations

from collections.abc import Callable

import anyio
import anyio.lowlevel
import pytest

from rlm_runtime._account import Account
from rlm_runtime._errors import LimitExceededError
from rlm_runtime._limits import Limits
from rlm_runtime._models import Price
from rlm_runtime._types import Message, Usage
from rlm_runtime._usage import Ledger
from rlm_runtime._worst_case import WorstCase

pytestmark = pytest.mark.anyio

PRICE = Price(prompt=1.0, completion=10.0)
"""A microdollar for a token of the prompt, ten for one of the reply."""


def worst(prompt: int = 100, reply: int = 1000, *, leaves: bool = False) -> WorstCase:
    return WorstCase(
        prompt_tokens=prompt, completion_tokens=reply, price=PRICE, leaves_last_reply=leaves
    )


def usage(prompt: int, reply: int) -> Usage:
    used = Usage(calls=1, prompt_tokens=prompt, completion_tokens=reply)
    return Usage(calls=1, prompt_tokens=prompt, completion_tokens=reply, cost=PRICE.cost(used))


async def spend(ledger: Ledger, account: Account, prompt: int, reply: int) -> None:
    async with ledger.reserve(account, worst(prompt, reply)) as reservation:
        reservation.settle(usage(prompt, reply))


def nested(ledger: Ledger, depth: int) -> Account:
    account = ledger.account
    for _ in range(depth):
        account = account.child()
    return account


def test_calls_are_numbered_and_counted_from_their_beginning() -> None:
    ledger = Ledger(Limits())
    assert [ledger.reserve_call(ledger.account, worst()) for _ in range(3)] == [0, 1, 2]
    assert ledger.usage == Usage(calls=3)


async def test_tokens_and_cost_are_counted_from_the_end_of_a_call() -> None:
    ledger = Ledger(Limits())
    async with ledger.reserve(ledger.account, worst()) as reservation:
        reservation.settle(Usage(calls=1, prompt_tokens=5, completion_tokens=2, cost=0.25))
        assert reservation.completion_tokens is None
        assert ledger.usage == Usage()
    assert ledger.usage == Usage(prompt_tokens=5, completion_tokens=2, cost=0.25)
    async with ledger.reserve(ledger.account, worst()) as reservation:
        reservation.settle(Usage(calls=1, cached_tokens=3, reasoning_tokens=1, cost=None))
    assert ledger.usage == Usage(
        prompt_tokens=5, cached_tokens=3, completion_tokens=2, reasoning_tokens=1, cost=None
    )


async def test_the_sum_of_costs_does_not_drift() -> None:
    ledger = Ledger(Limits(max_cost=1.0))
    for _ in range(10):
        async with ledger.reserve(ledger.account, worst()) as reservation:
            reservation.settle(Usage(calls=1, cost=0.1))
    assert ledger.usage.cost == 1.0 != sum([0.1] * 10)
    assert ledger.account.left("max_cost") == 0


def test_what_was_counted_bounds_only_a_prompt_that_begins_alike() -> None:
    account = Account.root(Limits(max_tokens=100_000))
    sent = [Message(role="user", content="x" * 4000)]
    account.learn(sent, "yes", usage(1000, 1))
    longer = [*sent, Message(role="assistant", content="yes")]
    assert account.prompt_bound(longer) < 1100
    other = [Message(role="user", content="z" * 9000), *longer[1:]]
    assert account.prompt_bound(other) > 9000


def test_what_is_under_way_makes_the_root_end_and_not_its_other_nodes() -> None:
    root = Account.root(Limits(max_tokens=100_000))
    busy, idle = root.child(), root.child()
    busy.take(worst(100, 95_000), 95_000)
    assert root.needs_notice(worst(leaves=True)) and not idle.needs_notice(worst(leaves=True))


@pytest.mark.parametrize("depth", [0, 1, 2, 5])
def test_one_call_is_kept_back_for_each_account_above(depth: int) -> None:
    ledger = Ledger(Limits(max_calls=7))
    account = nested(ledger, depth)
    for left in range(7 - depth, 0, -1):
        assert account.calls_left() == left
        ledger.reserve_call(account, worst())
    assert account.calls_left() == 0
    with pytest.raises(LimitExceededError, match="another model call: max_calls is 7") as caught:
        ledger.reserve_call(account, worst())
    assert caught.value.stop_reason == "max_calls"
    assert ledger.usage.calls == 7 - depth
    assert ledger.account.calls_left() == depth


def test_a_refused_or_withdrawn_call_is_not_counted_and_no_number_comes_twice() -> None:
    ledger = Ledger(Limits(max_calls=1))
    for _ in range(3):
        with pytest.raises(LimitExceededError):
            ledger.reserve_call(nested(ledger, 1), worst())
    assert ledger.reserve_call(ledger.account, worst()) == 0
    ledger.withdraw_call(ledger.account)
    assert ledger.usage.calls == 0
    assert ledger.reserve_call(ledger.account, worst()) == 1


def test_fewer_calls_than_accounts_above_leave_none_and_not_less() -> None:
    assert nested(Ledger(Limits(max_calls=2)), 5).calls_left() == 0


def test_nodes_are_numbered_up_to_their_limit() -> None:
    ledger = Ledger(Limits(max_nodes=2))
    assert [ledger.start_node(), ledger.start_node()] == [0, 1]
    assert (ledger.nodes, ledger.nodes_left()) == (2, 0)
    with pytest.raises(LimitExceededError, match="Cannot start node 3: max_nodes is 2") as caught:
        ledger.start_node()
    assert caught.value.stop_reason == "max_nodes"
    assert ledger.nodes == 2


def test_without_limits_nothing_ends() -> None:
    ledger = Ledger(Limits(max_calls=None, max_nodes=None))
    account = nested(ledger, 9)
    for number in range(2000):
        assert (ledger.reserve_call(account, worst()), ledger.start_node()) == (number, number)
    assert account.calls_left() is ledger.nodes_left() is account.left("max_tokens") is None


@pytest.mark.parametrize(
    ("limits", "spent", "message"),
    [
        (Limits(max_tokens=2000), 1400, "max_tokens is 2,000, and the 600 left"),
        (Limits(max_cost=0.02), 1940, "max_cost is $0.02, and the $0.000600 left"),
    ],
)
async def test_what_does_not_fit_is_refused(limits: Limits, spent: int, message: str) -> None:
    ledger = Ledger(limits)
    await spend(ledger, ledger.account, 0, spent)
    for refused in (worst(100, 1000), worst(520, 90), worst(601, 0)):
        with pytest.raises(LimitExceededError) as caught:
            ledger.reserve_call(ledger.account, refused)
        tokens = Usage(prompt_tokens=refused.prompt_tokens, completion_tokens=refused.least_reply)
        least = f"${PRICE.cost(tokens):.6f}"
        if limits.max_tokens:
            least = f"{refused.prompt_tokens + refused.least_reply:,}"
        told = f"Cannot make another model call: {message} is too little for one that may take "
        assert str(caught.value) == told + least
        with pytest.raises(LimitExceededError):
            async with ledger.reserve(ledger.account, refused):
                raise AssertionError
    assert (ledger.usage.calls, ledger.usage.completion_tokens) == (0, spent)


async def test_a_reply_is_cut_to_what_is_left_but_not_below_what_is_of_use() -> None:
    ledger = Ledger(Limits(max_tokens=1000))
    async with ledger.reserve(ledger.account, worst(100, 16_384)) as reservation:
        assert reservation.completion_tokens == 900
        reservation.settle(usage(100, 288))
    async with ledger.reserve(ledger.account, worst(100, 16_384)) as reservation:
        assert reservation.completion_tokens == 512
    with pytest.raises(LimitExceededError):
        async with ledger.reserve(ledger.account, worst(101, 16_384)):
            raise AssertionError
    async with ledger.reserve(ledger.account, worst(600, 10)) as reservation:
        assert reservation.completion_tokens == 10


async def test_one_reply_may_have_a_part_of_what_is_left() -> None:
    ledger = Ledger(Limits(max_tokens=40_000))
    async with ledger.reserve(ledger.account, worst(0, 16_384)) as first:
        async with ledger.reserve(ledger.account, worst(0, 16_384)) as second:
            assert (first.completion_tokens, second.completion_tokens) == (10_000, 7_500)


async def test_a_call_waits_for_those_under_way_and_gets_what_they_give_back() -> None:
    ledger = Ledger(Limits(max_tokens=4000))
    order: list[str] = []

    async def second() -> None:
        async with ledger.reserve(ledger.account, worst(0, 3000)) as reservation:
            order.append(f"second has {reservation.completion_tokens}")

    async with anyio.create_task_group() as tasks:
        async with ledger.reserve(ledger.account, worst(1000, 1000)) as first:
            assert first.completion_tokens == 1000
            async with ledger.reserve(ledger.account, worst(1500, 500)):
                tasks.start_soon(second)
                await anyio.wait_all_tasks_blocked()
                order.append("first ends")
            first.settle(usage(1000, 200))
    assert order == ["first ends", "second has 2048"]
    assert ledger.account.left("max_tokens") == 2800


async def test_none_overtakes_a_large_one_that_waits() -> None:
    ledger = Ledger(Limits(max_tokens=10_000))
    order: list[str] = []

    async def ask(name: str, prompt: int) -> None:
        async with ledger.reserve(ledger.account, worst(prompt, 100)):
            order.append(name)

    async with anyio.create_task_group() as tasks:
        async with ledger.reserve(ledger.account, worst(5000, 100)):
            tasks.start_soon(ask, "large", 9000)
            await anyio.wait_all_tasks_blocked()
            tasks.start_soon(ask, "small", 10)
            await anyio.wait_all_tasks_blocked()
            assert order == []
    assert order == ["large", "small"]


async def test_a_waiter_that_is_cancelled_holds_up_none_behind_it() -> None:
    ledger = Ledger(Limits(max_tokens=10_000))
    order: list[str] = []
    scope = anyio.CancelScope()

    async def ask(name: str, prompt: int, scope: anyio.CancelScope) -> None:
        with scope:
            async with ledger.reserve(ledger.account, worst(prompt, 100)):
                order.append(name)

    async with anyio.create_task_group() as tasks:
        async with ledger.reserve(ledger.account, worst(5000, 100)):
            tasks.start_soon(ask, "large", 9000, scope)
            await anyio.wait_all_tasks_blocked()
            tasks.start_soon(ask, "small", 10, anyio.CancelScope())
            await anyio.wait_all_tasks_blocked()
            scope.cancel()
            await anyio.wait_all_tasks_blocked()
            assert order == ["small"]
    assert ledger.account.left("max_tokens") == 10_000


async def test_a_failed_attempt_gives_back_what_it_did_not_use() -> None:
    ledger = Ledger(Limits(max_tokens=10_000))
    for spent in (None, usage(100, 20)):
        with pytest.raises(ValueError, match="failed"):
            async with ledger.reserve(ledger.account, worst()) as reservation:
                if spent is not None:
                    reservation.settle(spent)
                raise ValueError("failed")
    assert ledger.account.left("max_tokens") == 10_000 - 120
    assert (ledger.usage.prompt_tokens, ledger.usage.completion_tokens) == (100, 20)


async def test_what_is_not_certain_counts_whole_but_shows_as_it_was_told() -> None:
    ledger = Ledger(Limits(max_tokens=10_000))
    async with ledger.reserve(ledger.account, worst(500, 1000)) as reservation:
        reservation.settle(usage(100, 20), is_certain=False)
    assert ledger.account.left("max_tokens") == 10_000 - 1500
    assert (ledger.usage.prompt_tokens, ledger.usage.completion_tokens) == (100, 20)


async def test_a_cancelled_attempt_counts_as_its_worst_case_and_shows_as_an_estimate() -> None:
    ledger = Ledger(Limits(max_tokens=10_000, max_cost=1.0))
    sent = WorstCase(
        prompt_tokens=500,
        completion_tokens=1000,
        price=PRICE,
        messages=(Message(role="user", content="x" * 384),),
    )
    with anyio.CancelScope() as scope:
        async with ledger.reserve(ledger.account, sent) as reservation:
            assert reservation.completion_tokens == 1000
            scope.cancel()
            await anyio.lowlevel.checkpoint()
    assert ledger.account.left("max_tokens") == 8500
    assert ledger.account.left("max_cost") == (1_000_000 - 500 - 10_000) * 10**6
    assert ledger.usage.prompt_tokens == 100
    assert 0 <= ledger.usage.completion_tokens <= 1000
    assert ledger.usage.cost is not None and 0.0001 <= ledger.usage.cost < 0.0105


async def test_a_reply_that_came_before_the_cancellation_counts_as_it_is() -> None:
    ledger = Ledger(Limits(max_tokens=10_000))
    with anyio.CancelScope() as scope:
        async with ledger.reserve(ledger.account, worst()) as reservation:
            reservation.settle(usage(10, 10))
            scope.cancel()
            await anyio.lowlevel.checkpoint()
    assert ledger.account.left("max_tokens") == 9980


ODD: list[Callable[[], Usage]] = [
    lambda: usage(10**9, 10**9),
    lambda: Usage(calls=1, prompt_tokens=-5, completion_tokens=-(10**9), cost=-3.0),
    lambda: Usage(calls=1, cost=float("nan")),
    lambda: Usage(calls=1, cost=float("inf")),
    lambda: Usage(calls=1, cost=1e300),
]


@pytest.mark.parametrize("odd", ODD)
async def test_what_an_odd_endpoint_says_breaks_nothing(odd: Callable[[], Usage]) -> None:
    ledger = Ledger(Limits(max_tokens=5000, max_cost=1.0, max_node_share=0.5))
    used = odd()
    async with ledger.reserve(ledger.account, worst(leaves=True)) as reservation:
        reservation.settle(used, reply="x")
    more = used.prompt_tokens > 0 or used.cost == 1e300
    assert reservation.is_exceeded == more
    left = ledger.account.left("max_tokens"), ledger.account.left("max_cost")
    assert left <= (5000, 10**12) and min(one or 0 for one in left) >= 0
    child = ledger.account.child(0.5)
    assert (child.left("max_tokens") or 0) <= 2500 and ledger.account.observation_room()
    if more:
        with pytest.raises(LimitExceededError):
            ledger.reserve_call(child, worst())


async def test_a_child_has_its_share_of_what_was_left_when_it_started() -> None:
    ledger = Ledger(Limits(max_tokens=100_000, max_cost=1.0, max_calls=101))
    await spend(ledger, ledger.account, 0, 20_000)
    child = ledger.account.child(0.25)
    left = ledger.account.child().left("max_tokens")
    assert left is not None and child.left("max_tokens") == left // 4
    assert child.calls_left() == 25
    await spend(ledger, child, 0, left // 4 - 100)
    with pytest.raises(LimitExceededError) as caught:
        ledger.reserve_call(child, worst())
    assert f"max_tokens is 100,000, of which this node has {left // 4:,}" in str(caught.value)
    # Its parent and another child still have theirs
    ledger.reserve_call(ledger.account.child(0.25), worst())
    assert (ledger.account.left("max_tokens") or 0) > 50_000


async def test_a_share_of_calls_is_one_at_least() -> None:
    ledger = Ledger(Limits(max_calls=3))
    child = ledger.account.child(0.001)
    assert child.calls_left() == 1
    ledger.reserve_call(child, worst())
    with pytest.raises(LimitExceededError, match="is 3, of which this node has 1") as caught:
        ledger.reserve_call(child, worst())
    assert caught.value.stop_reason == "max_calls"


async def test_a_call_waits_for_its_own_account_only() -> None:
    ledger = Ledger(Limits(max_tokens=1_000_000))
    await spend(ledger, ledger.account, 10, 10)
    small, other = ledger.account.child(0.005), ledger.account.child(0.5)
    order: list[str] = []

    async def ask(account: Account, name: str) -> None:
        async with ledger.reserve(account, worst(2500, 600)):
            order.append(name)

    async with anyio.create_task_group() as tasks:
        async with ledger.reserve(small, worst(2000, 600)):
            tasks.start_soon(ask, small, "the small one's second")
            await anyio.wait_all_tasks_blocked()
            tasks.start_soon(ask, other, "the other one's")
            await anyio.wait_all_tasks_blocked()
            assert order == ["the other one's"]
    assert order == ["the other one's", "the small one's second"]


@pytest.mark.parametrize(
    ("limits", "kept"),
    [(Limits(max_tokens=2000), "880"), (Limits(max_cost=0.011), r"\$0\.008800")],
)
async def test_a_refusal_names_what_usage_does_not_show(limits: Limits, kept: str) -> None:
    ledger = Ledger(limits)
    async with ledger.reserve(ledger.account, worst(100, 1000)) as reservation:
        reservation.settle(usage(100, 120), is_certain=False)
    with pytest.raises(LimitExceededError, match=f"; {kept} is kept for calls that broke off$"):
        ledger.reserve_call(ledger.account, worst(500, 1000))
