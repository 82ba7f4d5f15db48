"""The account of a run never goes over its limits."""

from __future__ import annotations

import pytest

from rlm_runtime._errors import LimitExceededError
from rlm_runtime._limits import Limits
from rlm_runtime._types import Usage
from rlm_runtime._usage import Ledger, WorstCase

pytestmark = pytest.mark.anyio
WORST = WorstCase(prompt_tokens=10, completion_tokens=None, price=None)


def test_calls_are_numbered_and_counted_from_their_beginning() -> None:
    ledger = Ledger(Limits())
    assert [ledger.reserve_call(0) for _ in range(3)] == [0, 1, 2]
    assert ledger.usage == Usage(calls=3)


async def test_tokens_and_cost_are_counted_from_the_end_of_a_call() -> None:
    ledger = Ledger(Limits())
    ledger.reserve_call(0)
    ledger.reserve_call(0)
    async with ledger.reserve(WORST) as reservation:
        reservation.settle(Usage(calls=1, prompt_tokens=5, completion_tokens=2, cost=0.25))
    assert ledger.usage == Usage(calls=2, prompt_tokens=5, completion_tokens=2, cost=0.25)
    async with ledger.reserve(WORST) as reservation:
        reservation.settle(Usage(calls=1, cached_tokens=3, reasoning_tokens=1, cost=None))
    assert ledger.usage == Usage(
        calls=2,
        prompt_tokens=5,
        cached_tokens=3,
        completion_tokens=2,
        reasoning_tokens=1,
        cost=None,
    )


@pytest.mark.parametrize("depth", [0, 1, 2, 5])
def test_one_call_is_kept_back_for_each_ancestor(depth: int) -> None:
    ledger = Ledger(Limits(max_calls=7))
    for left in range(7 - depth, 0, -1):
        assert ledger.calls_left(depth) == left
        ledger.reserve_call(depth)
    assert ledger.calls_left(depth) == 0
    with pytest.raises(LimitExceededError, match="another model call: max_calls is 7") as caught:
        ledger.reserve_call(depth)
    assert caught.value.stop_reason == "max_calls"
    assert ledger.usage.calls == 7 - depth
    assert ledger.calls_left(0) == depth


def test_a_refused_call_is_not_counted() -> None:
    ledger = Ledger(Limits(max_calls=1))
    for _ in range(3):
        with pytest.raises(LimitExceededError):
            ledger.reserve_call(1)
    assert ledger.reserve_call(0) == 0
    assert ledger.usage.calls == 1


def test_fewer_calls_than_ancestors_leave_none_and_not_less() -> None:
    assert Ledger(Limits(max_calls=2)).calls_left(5) == 0


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
    for number in range(2000):
        assert (ledger.reserve_call(9), ledger.start_node()) == (number, number)
    assert ledger.calls_left(0) is ledger.nodes_left() is None
