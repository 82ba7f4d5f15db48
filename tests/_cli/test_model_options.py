"""The options of models: what they give to `RLM`, and what they refuse."""

from __future__ import annotations

from typing import Any

import click
import pytest
from click.testing import CliRunner

from rlm_runtime._cli.model_options import ModelOptions, model_options, take_model_options
from rlm_runtime._models import Model, Price
from rlm_runtime.testing import ScriptedLLM


def read(*args: str, env: dict[str, str] | None = None) -> ModelOptions:
    found: list[ModelOptions] = []

    @click.command()
    @model_options
    def command(**options: Any) -> None:
        found.append(take_model_options(options))
        assert options == {}

    done = CliRunner().invoke(command, args, env=env, standalone_mode=False)
    if done.exception is not None:
        raise done.exception
    return found[0]


def test_settings_and_prices_go_to_the_model_of_a_name() -> None:
    options = read(
        *("--temperature", "0.2", "--top-p", "0.9", "--seed", "7", "--reasoning-effort", "low"),
        *("--max-completion-tokens", "900", "--price", "a/b=c=1.5/2/0.1"),
        *("--model-option", "top_k=3", "--model-option", "route=fallback"),
        *("--model-option", 'provider={"order": ["x"]}'),
    )
    model = options.resolve("a/b=c")
    assert model == Model(
        "a/b=c",
        temperature=0.2,
        top_p=0.9,
        seed=7,
        reasoning_effort="low",
        max_completion_tokens=900,
        extra={"top_k": 3, "route": "fallback", "provider": {"order": ["x"]}},
        price=Price(prompt=1.5, completion=2.0, cached=0.1),
    )
    other = options.resolve("other")
    assert isinstance(other, Model) and other.price is None


def test_without_options_a_model_has_no_settings() -> None:
    assert read().resolve("openai/gpt-5") == Model("openai/gpt-5")


def test_aliases_are_models_too() -> None:
    options = read("--alias", "fast=openai/gpt-5-nano", "--alias", "demo=scripted/letter_counts")
    models = options.resolve_aliases()
    assert models["fast"] == Model("openai/gpt-5-nano")
    assert isinstance(models["demo"], ScriptedLLM)


def test_every_option_has_its_variable() -> None:
    names = {
        "RLM_ALIAS": "a=m b=n",
        "RLM_PRICE": "m=1/2",
        "RLM_TEMPERATURE": "0",
        "RLM_TOP_P": "1",
        "RLM_SEED": "0",
        "RLM_REASONING_EFFORT": "high",
        "RLM_MAX_COMPLETION_TOKENS": "5",
        "RLM_MODEL_OPTION": "k=1",
    }
    options = read(env=names)
    assert options.aliases == {"a": "m", "b": "n"}
    model = options.resolve("m")
    assert isinstance(model, Model)
    assert (model.temperature, model.top_p, model.seed) == (0.0, 1.0, 0)
    assert (model.reasoning_effort, model.max_completion_tokens) == ("high", 5)
    assert (model.extra, model.price) == ({"k": 1}, Price(prompt=1.0, completion=2.0))


@pytest.mark.parametrize(
    "args",
    [
        ("--alias", "fast"),
        ("--alias", "=m"),
        ("--alias", "fast="),
        ("--model-option", "top_k"),
        ("--price", "m=1"),
        ("--price", "m=1/2/3/4"),
        ("--price", "m=-1/2"),
        ("--price", "m=nan/2"),
        ("--price", "m=inf/2"),
        ("--price", "m=one/two"),
        ("--price", "1/2"),
        ("--max-completion-tokens", "0"),
        ("--temperature", "hot"),
    ],
)
def test_what_makes_no_sense_is_refused(args: tuple[str, str]) -> None:
    with pytest.raises(click.UsageError):
        read(*args)


def test_a_price_that_would_have_no_effect_is_refused() -> None:
    options = read("--price", "m=1/2", "--alias", "fast=m")
    options.check_prices(["other", None])
    # As messages and traces name it
    served = read("--price", "m=1/2")
    served.check_prices(["openai/m"])
    model = served.resolve("openai/m")
    assert isinstance(model, Model) and model.price == Price(prompt=1.0, completion=2.0)
    with pytest.raises(click.UsageError, match="--price names 'm', which no option names"):
        read("--price", "m=1/2").check_prices(["other"])


def test_a_price_goes_by_the_name_that_a_model_is_told_of_as_well() -> None:
    options = read("--price", "gpt-9=1/2")
    options.check_prices(["openai/gpt-9"])
    model = options.resolve("openai/gpt-9")
    assert isinstance(model, Model) and model.price == Price(prompt=1.0, completion=2.0)
