"""What a run was set to, as its trace has it: enough to set the next one alike, and no secret.

Of members of requests that the caller added, and of tools, there are only names. An address has
neither user nor password nor query.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

from rlm_runtime._errors import ConfigError
from rlm_runtime._llm.base import LLM
from rlm_runtime._models import Model, Price

_MODEL_FIELDS = (
    "temperature",
    "top_p",
    "seed",
    "reasoning_effort",
    "max_completion_tokens",
    "context_tokens",
    "structured_output",
)
_RATES = ("prompt", "completion", "cached")


def describe_settings(
    *,
    model: str | Model | LLM,
    sub_models: Sequence[str | Model | LLM],
    aliases: Mapping[str, str | Model | LLM],
    base_url: str | None,
    mode: str,
    direct_below_chars: int,
    packages: Sequence[str],
    spare_sandboxes: int | None,
    prompts: Path | None,
    tools: Sequence[str],
    child_tools: str | Sequence[str],
    recall_only: bool = False,
) -> str:
    """Write settings as JSON; what was not set is left out."""
    settings: dict[str, object] = {
        "model": _describe_model(model),
        "sub_models": [_describe_model(one) for one in sub_models],
        "models": {alias: _describe_model(one) for alias, one in aliases.items()},
        "base_url": _without_secrets(base_url),
        "mode": mode,
        "direct_below_chars": direct_below_chars,
        "packages": list(packages),
        "spare_sandboxes": spare_sandboxes,
        "prompts": None if prompts is None else str(prompts),
        "tools": list(tools),
        "child_tools": child_tools if isinstance(child_tools, str) else list(child_tools),
        "recall_only": recall_only or None,
    }
    return json.dumps({key: one for key, one in settings.items() if one not in (None, [], {})})


def read_settings(text: str) -> Mapping[str, object]:
    """Read settings as a trace has them; what makes no sense is as if it were not there."""
    try:
        settings: object = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return settings if isinstance(settings, dict) else {}


def told_tools(text: str) -> set[str]:
    """Give the tools that nodes were told of."""
    settings = read_settings(text)
    found = [settings.get("tools"), settings.get("child_tools")]
    lists = [one for one in found if isinstance(one, list)]
    return {name for names in lists for name in names if isinstance(name, str)}


def told_prices(text: str) -> dict[str, Price]:
    """Give the prices that models were said to have, by the names that their calls go by."""
    settings = read_settings(text)
    subs, aliases = settings.get("sub_models"), settings.get("models")
    told: list[object] = [settings.get("model")]
    told += subs if isinstance(subs, list) else []
    told += aliases.values() if isinstance(aliases, dict) else []
    found: dict[str, Price] = {}
    for model in told:
        name, price = (
            (model.get("name"), model.get("price")) if isinstance(model, dict) else (None, None)
        )
        if isinstance(name, str) and isinstance(price, dict):
            # What makes no sense is as if it were not there
            with suppress(KeyError, TypeError, ValueError, OverflowError, ConfigError):
                rates = {key: float(price[key]) for key in _RATES if key in price}
                told_price = Price(
                    prompt=rates["prompt"],
                    completion=rates["completion"],
                    cached=rates.get("cached"),
                )
                found[name] = found[name.removeprefix("openai/")] = told_price
    return found


def _describe_model(model: str | Model | LLM) -> dict[str, object]:
    if isinstance(model, str):
        return {"name": model}
    if not isinstance(model, Model):
        return {"name": model.name}
    found: dict[str, object] = {
        "name": model.name,
        "base_url": _without_secrets(model.base_url),
        **{name: getattr(model, name) for name in _MODEL_FIELDS},
        "price": None if model.price is None else _describe_price(model.price),
        "extra": sorted(model.extra),
    }
    return {key: one for key, one in found.items() if one not in (None, [])}


def _describe_price(price: Price) -> dict[str, object]:
    rates = {"prompt": price.prompt, "completion": price.completion, "cached": price.cached}
    return {name: rate for name, rate in rates.items() if rate is not None}


def _without_secrets(url: str | None) -> str | None:
    if url is None:
        return None
    try:
        parts = urlsplit(url)
        netloc = parts.netloc.rpartition("@")[2]
    except ValueError:
        return None
    return urlunsplit((parts.scheme, netloc, parts.path, "", ""))
