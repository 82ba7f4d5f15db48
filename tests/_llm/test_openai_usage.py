from __future__ import annotations

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rlm_runtime._llm.openai_usage import is_counted, read_usage
from rlm_runtime._models import Price
from rlm_runtime._types import Message, Usage

MESSAGES = [Message(role="user", content="x" * 400)]
REPLY = "y" * 40
PRICE = Price(prompt=1.0, completion=10.0, cached=0.1)
PLAIN = {"prompt_tokens": 1000, "completion_tokens": 100, "total_tokens": 1100}


def read(said: object, price: Price | None = None) -> Usage:
    return read_usage(said, MESSAGES, REPLY, price)


@pytest.mark.parametrize(
    ("said", "cached"),
    [
        ({}, 0),
        ({"prompt_tokens_details": None}, 0),
        ({"prompt_tokens_details": {"cached_tokens": None}}, 0),
        ({"prompt_tokens_details": {"cached_tokens": 600}}, 600),
        ({"prompt_cache_hit_tokens": 600, "prompt_cache_miss_tokens": 400}, 600),
        ({"cached_tokens": 600}, 600),
        ({"prompt_tokens_details": {"cached_tokens": 5000}}, 1000),
    ],
)
def test_cached_tokens_in_every_form(said: dict[str, object], cached: int) -> None:
    assert read({**PLAIN, **said}).cached_tokens == cached


def test_the_providers_cost_wins_over_the_price() -> None:
    assert read({**PLAIN, "cost": 0.5}, PRICE).cost == 0.5
    assert read(PLAIN, PRICE).cost == pytest.approx(0.002)
    cached = {**PLAIN, "prompt_tokens_details": {"cached_tokens": 500}}
    assert read(cached, PRICE).cost == pytest.approx(0.00155)
    assert read(PLAIN).cost is None
    # A gateway that knows no price says 0, which would lift a limit of money
    assert read({**PLAIN, "cost": 0}, PRICE).cost == pytest.approx(0.002)
    assert read({**PLAIN, "cost": 0}).cost == 0


def test_what_was_estimated_is_priced_too() -> None:
    usage = read(None, PRICE)
    assert (usage.prompt_tokens, usage.completion_tokens) == (100, 10)
    assert usage.cost == pytest.approx(0.0002)


def test_a_count_of_nothing_is_estimated() -> None:
    usage = read({"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0})
    assert (usage.prompt_tokens, usage.completion_tokens) == (100, 10)


@pytest.mark.parametrize(
    ("details", "cost"),
    [({"upstream_inference_cost": 0.25}, 0.5), ({}, None), (None, None)],
)
def test_a_key_of_the_users_own_is_billed_in_two_parts(details: object, cost: float | None) -> None:
    said = {**PLAIN, "cost": 0.25, "is_byok": True, "cost_details": details}
    assert read(said).cost == cost


def test_reasoning_that_was_left_out_of_the_completion_is_counted() -> None:
    usage = read({"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 40})
    assert (usage.completion_tokens, usage.reasoning_tokens) == (30, 25)
    told = {"completion_tokens_details": {"reasoning_tokens": 3}}
    assert read({**PLAIN, **told}).completion_tokens == 100
    assert read({**PLAIN, **told}).reasoning_tokens == 3


def test_no_more_was_spent_on_reasoning_than_on_the_completion() -> None:
    told = {"completion_tokens_details": {"reasoning_tokens": 5000}}
    assert read({**PLAIN, **told}).reasoning_tokens == 100


HOSTILE = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.just(10**400),
    st.floats(),
    st.text(max_size=3),
    st.dictionaries(st.sampled_from(["cached_tokens", "reasoning_tokens"]), st.integers()),
)
NAMES = [*PLAIN, "prompt_tokens_details", "completion_tokens_details", "cost", "cached_tokens"]


# How fast values are made up is a matter of the machine
@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(st.dictionaries(st.sampled_from(NAMES), HOSTILE))
def test_nothing_that_is_said_makes_a_use_that_cannot_be(said: dict[str, object]) -> None:
    usage = read(json.loads(json.dumps(said)), PRICE)
    assert 0 <= usage.cached_tokens <= usage.prompt_tokens
    assert 0 <= usage.reasoning_tokens <= usage.completion_tokens
    assert usage.cost is not None
    assert 0 <= usage.cost < 1e10


@pytest.mark.parametrize(
    ("said", "reply", "counted"),
    [
        (PLAIN, REPLY, True),
        ({**PLAIN, "completion_tokens": 0}, "", True),
        ({**PLAIN, "completion_tokens": 0}, REPLY, False),
        ({**PLAIN, "prompt_tokens": 0}, REPLY, False),
        ({"prompt_tokens": 9}, REPLY, False),
        (None, REPLY, False),
    ],
)
def test_an_estimate_is_told_from_a_count(said: object, reply: str, counted: bool) -> None:
    assert is_counted(said, reply) == counted
