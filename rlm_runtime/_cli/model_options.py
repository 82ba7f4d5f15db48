"""The options that say how models are asked, what they cost, and what code may call them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import click

from rlm_runtime._cli.models import resolve_model
from rlm_runtime._llm.base import LLM
from rlm_runtime._models import Model, Price

_OPTIONS = (
    click.option(
        "--alias",
        "aliases",
        envvar="RLM_ALIAS",
        multiple=True,
        metavar="NAME=MODEL",
        help="A model that the code may name in llm_query(model=…); may be repeated.",
    ),
    click.option(
        "--price",
        "prices",
        envvar="RLM_PRICE",
        multiple=True,
        metavar="MODEL=PROMPT/COMPLETION[/CACHED]",
        help="US dollars per million tokens, where the price is not known; may be repeated.",
    ),
    click.option(
        "--temperature",
        envvar="RLM_TEMPERATURE",
        type=float,
        metavar="X",
        help="How freely all models sample; the provider's where not given.",
    ),
    click.option(
        "--top-p",
        envvar="RLM_TOP_P",
        type=float,
        metavar="X",
        help="The part of the likeliest tokens that all models sample from.",
    ),
    click.option(
        "--seed",
        envvar="RLM_SEED",
        type=int,
        metavar="N",
        help="Makes all models sample alike, where they can.",
    ),
    click.option(
        "--reasoning-effort",
        envvar="RLM_REASONING_EFFORT",
        metavar="TEXT",
        help="How long all models think, as the provider names it, such as low.",
    ),
    click.option(
        "--max-completion-tokens",
        envvar="RLM_MAX_COMPLETION_TOKENS",
        type=click.IntRange(1),
        metavar="N",
        help="The most tokens of one reply, reasoning included.",
    ),
    click.option(
        "--model-option",
        "extra",
        envvar="RLM_MODEL_OPTION",
        multiple=True,
        metavar="KEY=VALUE",
        help="A further member of each request, its value JSON or text; may be repeated.",
    ),
)
NAMES = (
    "aliases",
    "prices",
    "temperature",
    "top_p",
    "seed",
    "reasoning_effort",
    "max_completion_tokens",
    "extra",
)
"""The parameters that the options fill."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelOptions:
    """What the options say of models, apart from their names."""

    aliases: Mapping[str, str]
    prices: Mapping[str, Price]
    temperature: float | None
    top_p: float | None
    seed: int | None
    reasoning_effort: str | None
    max_completion_tokens: int | None
    extra: Mapping[str, object] = field(repr=False)
    base_url: str | None = None
    """The endpoint of all models, which is sent no key."""

    def resolve(self, name: str) -> Model | LLM:
        """Give the model of a name, with its settings; a scripted one has none.

        Raises:
            ConfigError: There is no scripted model of this name.
        """
        resolved = resolve_model(name)
        if not isinstance(resolved, str):
            return resolved
        return Model(
            name,
            base_url=self.base_url,
            temperature=self.temperature,
            top_p=self.top_p,
            seed=self.seed,
            reasoning_effort=self.reasoning_effort,
            max_completion_tokens=self.max_completion_tokens,
            extra=self.extra,
            price=self.price(name),
        )

    def price(self, name: str) -> Price | None:
        """Give what an option says of the price of a model, by its name or the short one."""
        return self.prices.get(name) or self.prices.get(_short(name))

    def resolve_aliases(self) -> dict[str, str | Model | LLM]:
        """Give the model of each alias."""
        return {alias: self.resolve(name) for alias, name in self.aliases.items()}

    def check_prices(self, names: Iterable[str | None]) -> None:
        """See that each price is that of a model which the run may ask.

        Raises:
            UsageError: One is not, so it would have no effect.
        """
        named = {name for name in (*names, *self.aliases.values()) if name is not None}
        known = {*named, *map(_short, named)}
        for name in self.prices:
            if name not in known:
                raise click.UsageError(f"--price names {name!r}, which no option names as a model")


def model_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the options that `take_model_options` takes."""
    for option in reversed(_OPTIONS):
        function = option(function)
    return function


def take_model_options(options: dict[str, Any]) -> ModelOptions:
    """Take the values of `model_options` out of all options, and read them.

    Raises:
        UsageError: One makes no sense.
    """
    given = {name: options.pop(name) for name in NAMES}
    return ModelOptions(
        **{
            **given,
            "aliases": dict(_pair("--alias", text, "=") for text in given["aliases"]),
            "prices": dict(_price(text) for text in given["prices"]),
            "extra": {
                key: _value(text)
                for key, text in (_pair("--model-option", text, "=") for text in given["extra"])
            },
        }
    )


def _short(name: str) -> str:
    """Give the name by which a model is told of."""
    return name.removeprefix("openai/")


def _pair(option: str, text: str, sign: str) -> tuple[str, str]:
    name, found, value = text.partition(sign)
    if not name.strip() or not found or not value.strip():
        raise click.UsageError(f"{option} {text!r} is not of the form NAME{sign}VALUE")
    return name.strip(), value.strip()


def _price(text: str) -> tuple[str, Price]:
    name, _, rates = text.rpartition("=")
    try:
        prompt, completion, *cached = [float(rate) for rate in rates.split("/")]
        if (
            not name
            or len(cached) > 1
            or not all(0 <= r < 1e9 for r in (prompt, completion, *cached))
        ):
            raise ValueError(text)
    except ValueError:
        form = "MODEL=PROMPT/COMPLETION[/CACHED] in US dollars per million tokens"
        raise click.UsageError(f"--price {text!r} is not of the form {form}") from None
    return name, Price(prompt=prompt, completion=completion, cached=cached[0] if cached else None)


def _value(text: str) -> object:
    try:
        return json.loads(text)
    except ValueError:
        return text
