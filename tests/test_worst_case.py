"""The worst case of a call is never less than what it uses."""

from __future__ import annotations

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from rlm_runtime._account import Account
from rlm_runtime._limits import Limits
from rlm_runtime._models import Price
from rlm_runtime._types import Message, Usage
from rlm_runtime._worst_case import (
    WorstCase,
    dollars,
    money,
    money_limit,
    prompt_tokens,
    rates,
    used,
)

COUNTS = st.integers(0, 10**7)
# Price lists have six decimals at most, per million tokens
PRICES = st.integers(0, 10**9).map(lambda micros: micros / 10**6)


def said(role: str, content: str) -> Message:
    return Message(role=role, content=content)  # type: ignore[arg-type]  # a role as text


@given(PRICES, PRICES, PRICES, COUNTS, COUNTS, COUNTS)
def test_no_usage_costs_more_than_its_worst_case(
    prompt: float, completion: float, cached: float, tokens: int, from_cache: int, reply: int
) -> None:
    price = Price(prompt=prompt, completion=completion, cached=cached)
    usage = Usage(
        prompt_tokens=tokens,
        cached_tokens=min(tokens, from_cache),
        completion_tokens=reply,
        cost=None,
    )
    # A float tells trillionths apart up to a call that costs a thousand dollars
    assume(price.cost(usage) < 1000)
    assert used("max_cost", usage, price) == money(price.cost(usage))
    assert used("max_cost", usage, price) <= rates("max_cost", price).amount(tokens, reply)


def test_a_rounding_of_floats_is_no_money() -> None:
    assert 0.1 + 0.2 > 0.3 and money(0.1 + 0.2) == money(0.3) == 3 * 10**11
    assert dollars(money(0.1) * 3) == 0.3


@given(st.floats(0, 1000))
def test_what_may_be_spent_is_never_more_than_the_limit(limit: float) -> None:
    assert dollars(money_limit(limit)) <= limit
    assert limit - dollars(money_limit(limit)) < 1e-11


def test_a_price_that_nobody_can_write_out_is_rounded_up() -> None:
    price = Price(prompt=1 / 3, completion=2 / 3)
    assert rates("max_cost", price).amount(3, 3) > money(3e-6)


@pytest.mark.parametrize("text", ["a" * 100, "é" * 50, "\N{ROCKET}" * 25, "\ud800" * 33 + "a"])
def test_a_prompt_has_no_more_tokens_than_bytes_and_what_is_put_around_it(text: str) -> None:
    bound = prompt_tokens([said("system", text), said("user", text)])
    assert 200 <= bound <= 400
    assert prompt_tokens([said("system", text), said("user", text)], "{schema}") == bound + 8


def settled(account: Account, messages: list[Message], reply: str, usage: Usage) -> None:
    worst = WorstCase(prompt_tokens=account.prompt_bound(messages), completion_tokens=1000)
    granted = account.take(worst, 1000)
    account.settle(granted, usage, None)
    account.learn(messages, reply, usage)


def test_what_was_sent_before_counts_as_the_endpoint_counted_it() -> None:
    account = Account.root(Limits(max_tokens=100_000))
    sent = [said("system", "s" * 4000), said("user", "u" * 4000)]
    assert account.prompt_bound(sent) > 8000
    settled(account, sent, "r" * 400, Usage(prompt_tokens=2000, completion_tokens=100))
    following = [*sent, said("assistant", "r" * 400), said("user", "o" * 50)]
    assert account.prompt_bound(following) == 2000 + 100 + 50 + 2 * 16
    # What is not the reply that was counted counts by its bytes
    changed = [*sent, said("assistant", "R" * 400), said("user", "o" * 50)]
    assert account.prompt_bound(changed) == 2000 + 400 + 50 + 2 * 16
    # A history that was trimmed is another prompt
    trimmed = [sent[0], said("user", "u" * 3000), *following[2:]]
    assert account.prompt_bound(trimmed) == prompt_tokens(trimmed) > 7000


def test_reasoning_is_no_part_of_the_next_prompt() -> None:
    account = Account.root(Limits(max_tokens=100_000))
    sent = [said("system", "s" * 4000)]
    settled(account, sent, "short", Usage(prompt_tokens=1000, completion_tokens=9000))
    assert account.prompt_bound([*sent, said("assistant", "short")]) == 1000 + 5 + 16
