"""What is known of models: the table that comes with litellm, read without importing it.

Where a price depends on what nobody knows before the call, the dearest one counts, so that no worst
case is too low: writing to a prompt cache, reasoning, a dear region, prompts longer than the last
threshold. Only prompts up to the first threshold are priced apart. A price of nothing at all counts
as unknown, and so does one of more than tokens.
"""

from __future__ import annotations

import importlib.util
import json
import math
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from rlm_runtime._errors import ConfigError
from rlm_runtime._llm.base import LLM
from rlm_runtime._models import ModelInfo, Price

_TABLE = "model_prices_and_context_window_backup.json"
_PER = 1_000_000
_PROMPT = ("input_cost_per_token", "cache_creation_input_token_cost")
_COMPLETION = ("output_cost_per_token", "output_cost_per_reasoning_token")
_CACHED = ("cache_read_input_token_cost",)
_ABOVE = re.compile(r"_above_(\d+)k_tokens$")

Table = Mapping[str, object]


def find_info(name: str, table: Table | None = None) -> ModelInfo:
    """Look up a model, by the name that litellm gives it; what is not known is left open.

    Args:
        name: Such as `openai/gpt-5`.
        table: What `read_table` gave, where several are looked up.
    """
    entry = _entry(read_table() if table is None else table, name)
    return ModelInfo(
        price=None if _is_paid_by_search(name, entry) else _price(entry),
        context_tokens=_size(entry.get("max_input_tokens")),
        max_completion_tokens=_size(entry.get("max_output_tokens")),
        structured_output=entry.get("supports_response_schema") is True,
    )


def read_table() -> Table:
    """Read the table, 3 MB of it, so call this in a thread; it is empty where there is none."""
    folder = package_folder()
    if folder is None:
        return {}
    try:
        table: object = json.loads((folder / _TABLE).read_bytes())
    except (OSError, ValueError):
        # A version of litellm that keeps it elsewhere: nothing is known then
        return {}
    return table if isinstance(table, Mapping) else {}


def check_priced(models: Iterable[LLM]) -> None:
    """See that each model has a price, without which there is no keeping to a cost.

    Raises:
        ConfigError: One has none.
    """
    for model in models:
        if model.info.price is None:
            raise ConfigError(
                f"Cannot keep to max_cost: the price of model {model.name!r} is not known; give it"
                f" with --price {model.name}=PROMPT/COMPLETION, in US dollars per million tokens,"
                " or in Python as the price of a Model or in the info of a client of your own"
            )


def package_folder() -> Path | None:
    """Find the folder of litellm, without importing it; None where there is none."""
    spec = importlib.util.find_spec("litellm")
    return None if spec is None or spec.origin is None else Path(spec.origin).parent


def _entry(table: Table, name: str) -> Mapping[str, object]:
    for key, provider in _keys(name):
        entry = table.get(key)
        if isinstance(entry, Mapping) and str(entry.get("litellm_provider")).startswith(provider):
            return entry
    return {}


def _keys(name: str) -> Iterator[tuple[str, str]]:
    """Yield the keys that may stand for a name, each with the provider it must be of."""
    yield name, ""
    provider, _, rest = name.partition("/")
    while rest:
        yield rest, provider
        # Such as the region in bedrock/eu-west-1/…
        _, _, rest = rest.partition("/")


def _is_paid_by_search(name: str, entry: Mapping[str, object]) -> bool:
    """Tell whether each call of a model searches the web, which its tokens do not pay."""
    always = "search" in name or entry.get("litellm_provider") == "perplexity"
    return always and bool(entry.get("search_context_cost_per_query"))


def _price(entry: Mapping[str, object]) -> Price | None:
    if entry.get("input_cost_per_request"):
        return None
    short, longer, threshold = _tiers(entry)
    if short is None or not longer:
        return short
    tiers = [short, *longer]
    cached = [tier.cached for tier in tiers if tier.cached is not None]
    return Price(
        prompt=max(tier.prompt for tier in tiers),
        completion=max(tier.completion for tier in tiers),
        cached=max(cached) if len(cached) == len(tiers) else None,
        short_tokens=threshold,
        short=short,
    )


def _tiers(entry: Mapping[str, object]) -> tuple[Price | None, list[Price], int]:
    """Read the price of short prompts, those of longer ones, and how long a short one may be."""
    listed = entry.get("tiered_pricing")
    if isinstance(listed, list) and listed:
        tiers = [_rates(tier) for tier in listed if isinstance(tier, Mapping)]
        known = [tier for tier in tiers if tier is not None]
        if len(known) < len(listed):
            return None, [], 0
        bounds = listed[0].get("range")
        end = _size(bounds[-1]) if isinstance(bounds, list) and bounds else None
        return known[0], known[1:], end or 0
    found = {int(match[1]): match[0] for key in entry if (match := _ABOVE.search(key))}
    base = _rates(entry)
    longer = [_rates(entry, suffix=suffix, base=base) for suffix in found.values()]
    return base, [tier for tier in longer if tier is not None], min(found, default=0) * 1000


def _rates(
    entry: Mapping[str, object], *, suffix: str = "", base: Price | None = None
) -> Price | None:
    """Read one tier; what it does not name is as in the base."""
    uplift = _uplift(entry)

    def dearest(names: Iterable[str], otherwise: float | None) -> float | None:
        found = [rate for name in names if (rate := _rate(entry.get(name + suffix))) is not None]
        return round(max(found) * uplift, 9) if found else otherwise

    prompt = dearest(_PROMPT, base.prompt if base else None)
    completion = dearest(_COMPLETION, base.completion if base else None)
    if prompt is None or completion is None or prompt == completion == 0:
        return None
    cached = dearest(_CACHED, base.cached if base else None)
    return Price(prompt=prompt, completion=completion, cached=cached)


def _uplift(entry: Mapping[str, object]) -> float:
    """Give the factor by which a region may be dearer."""
    factor = entry.get("regional_endpoint_uplift_multiplier")
    if not isinstance(factor, int | float) or not math.isfinite(factor):
        return 1.0
    return max(1.0, factor)


def _rate(value: object) -> float | None:
    """Turn dollars for one token into those for a million."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    # Figures such as 1.25e-06 are not exact; what they stand for has few digits
    return round(value * _PER, 9) if math.isfinite(value) and value >= 0 else None


def _size(value: object) -> int | None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not value >= 1:
        return None
    return int(value) if math.isfinite(value) else None
