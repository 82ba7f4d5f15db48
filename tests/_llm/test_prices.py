"""The price table that comes with litellm, and how a price is read out of it."""

from __future__ import annotations

import subprocess
import sys

import pytest

from rlm_runtime._errors import ConfigError
from rlm_runtime._llm.prices import check_priced, find_info, read_table
from rlm_runtime._models import ModelInfo, Price
from rlm_runtime._types import Usage
from rlm_runtime.testing import ScriptedLLM
from tests._llm.priced import Priced

CHAT = {"litellm_provider": "p", "input_cost_per_token": 1e-06, "output_cost_per_token": 2e-06}


def price_of(**entry: object) -> Price | None:
    return find_info("p/m", {"p/m": {**CHAT, **entry}}).price


def test_a_known_model() -> None:
    info = find_info("openai/gpt-5")
    assert info.price == Price(prompt=1.25, completion=10.0, cached=0.125)
    assert info.context_tokens is not None and info.context_tokens > 100_000
    assert info.max_completion_tokens is not None and info.max_completion_tokens > 10_000
    assert info.structured_output


@pytest.mark.parametrize(
    "name",
    [
        "gemini/gemini-2.5-pro",
        "vertex_ai/gemini-2.5-pro",
        "anthropic/claude-sonnet-4-5",
        "bedrock/us.anthropic.claude-sonnet-4-5-20250929-v1:0",
        "bedrock/converse/us.anthropic.claude-sonnet-4-5-20250929-v1:0",
        "deepseek/deepseek-chat",
        "mistral/mistral-large-latest",
    ],
)
def test_names_of_all_forms_are_found(name: str) -> None:
    assert find_info(name).price is not None


@pytest.mark.parametrize("name", ["openai/nobody", "openai/claude-sonnet-4-5", "nobody/gpt-5", ""])
def test_a_name_that_is_not_there_has_nothing_known(name: str) -> None:
    assert find_info(name) == ModelInfo()


def test_what_can_be_dearer_than_the_plain_price_counts() -> None:
    assert price_of(cache_creation_input_token_cost=1.5e-06) == Price(prompt=1.5, completion=2.0)
    assert price_of(output_cost_per_reasoning_token=4e-06) == Price(prompt=1.0, completion=4.0)


def test_a_long_prompt_is_dearer() -> None:
    price = price_of(
        cache_read_input_token_cost=1e-07,
        input_cost_per_token_above_128k_tokens=3e-06,
        input_cost_per_token_above_256k_tokens=5e-06,
        output_cost_per_token_above_256k_tokens=9e-06,
        cache_read_input_token_cost_above_256k_tokens=5e-07,
    )
    assert price is not None
    assert (price.prompt, price.completion, price.cached) == (5.0, 9.0, 0.5)
    short = Usage(prompt_tokens=128_000, completion_tokens=1000)
    assert price.cost(short) == pytest.approx(0.128 + 0.002)
    long = Usage(prompt_tokens=128_001, completion_tokens=1000)
    assert price.cost(long) == pytest.approx(128_001 * 5e-06 + 0.009)


def test_a_list_of_tiers_is_read_as_well() -> None:
    tiers = [
        {"input_cost_per_token": 1e-06, "output_cost_per_token": 2e-06, "range": [0, 1000.0]},
        {"input_cost_per_token": 4e-06, "output_cost_per_token": 8e-06, "range": [1000, 2000]},
    ]
    price = price_of(tiered_pricing=tiers)
    short = Price(prompt=1.0, completion=2.0)
    assert price == Price(prompt=4.0, completion=8.0, short_tokens=1000, short=short)
    assert price_of(tiered_pricing=[{"range": [0, 10]}]) is None
    # Where one tier has no price for what is cached, it costs as much as the rest there
    tiers[0]["cache_read_input_token_cost"] = 1e-07
    price = price_of(tiered_pricing=tiers)
    assert price is not None and price.cached is None


@pytest.mark.parametrize(
    "entry",
    [
        {"input_cost_per_token": 0, "output_cost_per_token": 0},
        {"input_cost_per_token": None},
        {"output_cost_per_token": "free"},
        {"output_cost_per_token": -1e-06},
        {"input_cost_per_token": float("nan")},
        {"input_cost_per_request": 0.01},
    ],
)
def test_a_price_that_cannot_be_relied_on_is_unknown(entry: dict[str, object]) -> None:
    assert price_of(**entry) is None


def test_no_price_of_the_table_is_free_or_out_of_order() -> None:
    table = read_table()
    assert len(table) > 1000
    for name in table:
        price = find_info(name, table).price
        if price is not None:
            assert price.prompt + price.completion > 0
            assert price.short is None or price.short.prompt <= price.prompt
            assert price.short is None or 0 < price.short_tokens <= 2_000_000


def test_max_cost_refuses_a_model_without_a_price() -> None:
    free = ScriptedLLM(["hi"])
    check_priced([free, Priced("m", Price(prompt=1, completion=1))])
    with pytest.raises(
        ConfigError, match="price of model 'm' is not known; give it with --price m"
    ):
        check_priced([free, Priced("m", None)])


def test_the_table_is_read_without_importing_litellm() -> None:
    code = (
        "import sys; from rlm_runtime._llm.prices import find_info;"
        "assert find_info('openai/gpt-5').price; assert 'litellm' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=30)


def test_a_model_that_is_paid_by_its_searches_too_has_no_price() -> None:
    search = {"search_context_cost_per_query": {"search_context_size_low": 0.005}}
    paid = {**CHAT, **search}
    assert (
        find_info(
            "perplexity/m", {"perplexity/m": {**paid, "litellm_provider": "perplexity"}}
        ).price
        is None
    )
    assert find_info("p/m-search-preview", {"p/m-search-preview": paid}).price is None
    # Others search where a tool is asked for, which nothing here does
    assert price_of(**search) == Price(prompt=1.0, completion=2.0)


def test_a_region_may_be_dearer() -> None:
    price = price_of(regional_endpoint_uplift_multiplier=1.1, cache_read_input_token_cost=1e-07)
    assert price == Price(prompt=1.1, completion=2.2, cached=0.11)
    assert price_of(regional_endpoint_uplift_multiplier=0.5) == Price(prompt=1.0, completion=2.0)
