"""What a call used, as OpenAI-compatible endpoints count it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from rlm_runtime._llm.openai_errors import dig
from rlm_runtime._llm.tokens import estimate_prompt_tokens, estimate_tokens
from rlm_runtime._models import Price
from rlm_runtime._types import Message, Usage

COST_MEMBERS = ("cost", "is_byok", "cost_details")
"""What `read_cost` reads."""

# An endpoint may say anything, and a float cannot hold just any integer
MOST_TOKENS = 10**12
_MOST_COST = 1e9


def read_usage(said: object, messages: Sequence[Message], reply: str, price: Price | None) -> Usage:
    """Read what the endpoint counted; tokens that it did not count are estimated.

    Args:
        said: The `usage` of the response, if there was one.
        messages: The prompt.
        reply: All text that came, reasoning included.
        price: What tokens cost, where the endpoint does not say what the call did, or says nothing.
    """
    counted_prompt, counted = _count(said, "prompt_tokens"), _count(said, "completion_tokens")
    # Gateways that do not count say 0, which would be a reply for nothing
    prompt = counted_prompt or estimate_prompt_tokens(messages)
    completion = counted or estimate_tokens(reply)
    reasoning = _count(said, "completion_tokens_details", "reasoning_tokens") or 0
    total = _count(said, "total_tokens")
    if counted_prompt is not None and counted is not None and total is not None:
        # Gemini and xAI leave reasoning out of the completion, but bill it
        missing = max(total - prompt - completion, 0)
        completion, reasoning = completion + missing, max(reasoning, missing)
    usage = Usage(
        calls=1,
        prompt_tokens=prompt,
        cached_tokens=min(_cached(said), prompt),
        completion_tokens=completion,
        reasoning_tokens=min(reasoning, completion),
        cost=read_cost(said),
    )
    # A gateway that knows no price says 0
    if not usage.cost and price is not None:
        return replace(usage, cost=price.cost(usage))
    return usage


def is_counted(said: object, reply: str) -> bool:
    """Tell whether the endpoint counted prompt and reply; 0 tokens of a text are no count."""
    completion = _count(said, "completion_tokens")
    return bool(_count(said, "prompt_tokens") and (completion or (completion == 0 and not reply)))


def _cached(said: object) -> int:
    counts = (
        _count(said, "prompt_tokens_details", "cached_tokens"),
        # DeepSeek and Moonshot
        _count(said, "prompt_cache_hit_tokens"),
        _count(said, "cached_tokens"),
    )
    return next((count for count in counts if count is not None), 0)


def _count(said: object, *path: str) -> int | None:
    value = dig(said, *path)
    if isinstance(value, bool) or not isinstance(value, int):
        return None
    return value if 0 <= value <= MOST_TOKENS else None


def read_cost(said: object) -> float | None:
    """Read the cost, as OpenRouter says it; with a key of the user's own it is in two parts."""
    cost = _dollars(dig(said, "cost"))
    if cost is None or dig(said, "is_byok") is not True:
        return cost
    upstream = _dollars(dig(said, "cost_details", "upstream_inference_cost"))
    return None if upstream is None else cost + upstream


def _dollars(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    # This is false for nan too
    return float(value) if 0 <= value <= _MOST_COST else None
