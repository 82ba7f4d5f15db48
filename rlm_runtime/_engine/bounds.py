"""What bounds a model call of the engine, and what a node is told of its limits."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence

from rlm_runtime._account import Account
from rlm_runtime._errors import ConfigError
from rlm_runtime._limits import Limits
from rlm_runtime._llm.base import LLM, CallOptions
from rlm_runtime._types import Completion, Message
from rlm_runtime._usage import Ledger
from rlm_runtime._worst_case import WorstCase, dollars

Left = Mapping[str, int | float | None]
"""What may still be spent, by name; None is no limit."""

# A limit has to know how long a reply may be, so where one is set and the caller says nothing, no
# reply is longer than this
_NODE_REPLY = 16_384
_COMPLETION_REPLY = 8_192

_PART = r"(?:[\d,]+ calls?|[\d,]+ tokens|\$\d+\.\d{2,4}|\d+ s)"
LEFT_LINE = re.compile(rf"Left: {_PART}(?:, {_PART}){{0,3}}\.")
"""What `describe_left` writes: it differs from run to run, if only in its seconds."""


def worst_case(
    account: Account,
    llm: LLM,
    messages: Sequence[Message],
    options: CallOptions,
    limits: Limits,
    *,
    is_completion: bool,
    is_last: bool,
    is_recalled: bool = False,
) -> WorstCase:
    """Bound what a model call can use; what is recalled needs no price, as its cost is on record.

    Raises:
        ConfigError: Nobody knows what it costs, and the cost is limited.
    """
    if limits.max_cost is not None and llm.info.price is None and not is_recalled:
        raise ConfigError(f"Cannot call {llm.name!r}: its price is unknown, and max_cost is set")
    schema = "" if options.schema is None else json.dumps(dict(options.schema))
    longest = _COMPLETION_REPLY if is_completion else _NODE_REPLY
    asked = llm.info.reply_tokens or longest
    bounds = (options.max_completion_tokens, llm.info.max_completion_tokens, asked)
    messages = tuple(messages)
    return WorstCase(
        prompt_tokens=account.prompt_bound(messages, schema),
        completion_tokens=min(tokens for tokens in bounds if tokens is not None),
        price=llm.info.price,
        leaves_last_reply=not (is_completion or is_last),
        messages=messages,
    )


def check_cost_known(llm: LLM, completion: Completion, limits: Limits) -> None:
    """See that a recalled reply can be counted against the cost that is allowed.

    Raises:
        ConfigError: Neither its record nor a price tells what it cost.
    """
    if limits.max_cost is not None and completion.usage.cost is None and llm.info.price is None:
        raise ConfigError(
            f"Cannot keep to max_cost: what a recorded reply of {llm.name!r} cost is not known"
        )


def limits_left(
    account: Account, ledger: Ledger, limits: Limits, *, depth: int, iteration: int
) -> dict[str, int | float | None]:
    """Tell what a node may still spend."""
    cost = account.left("max_cost")
    return {
        "calls": account.calls_left(),
        "tokens": account.left("max_tokens"),
        "cost": None if cost is None else dollars(cost),
        "seconds": ledger.seconds_left(),
        "nodes": ledger.nodes_left(),
        "iterations": limits.max_iterations - iteration,
        "depth": max(0, limits.max_depth - depth),
    }


def describe_left(left: Left) -> str:
    """Say in one line what calls, tokens, money and time are left; nothing without limits."""
    parts = []
    if (calls := left.get("calls")) is not None:
        parts.append(f"{calls:,} call{'' if calls == 1 else 's'}")
    if (tokens := left.get("tokens")) is not None:
        parts.append(f"{tokens:,} tokens")
    if (cost := left.get("cost")) is not None:
        parts.append(f"${cost:.2f}" if cost >= 1 else f"${cost:.4f}")
    if (seconds := left.get("seconds")) is not None:
        parts.append(f"{seconds:.0f} s")
    return f"Left: {', '.join(parts)}." if parts else ""
