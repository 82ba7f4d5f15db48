"""What a model call can use at most, in tokens and in money.

Money is counted in whole trillionths of a dollar, so that no sum of it drifts.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import ROUND_DOWN, ROUND_HALF_EVEN, ROUND_UP, Decimal
from typing import Literal

from rlm_runtime._models import Price
from rlm_runtime._types import Message, Usage

Kind = Literal["max_tokens", "max_cost"]
"""What is counted beside calls, by the name of its limit."""

KINDS: tuple[Kind, ...] = ("max_tokens", "max_cost")

LEAST_REPLY = 512
_PER_DOLLAR = 10**12
_PER_MILLION_TOKENS = 10**6
# What chat templates and providers put around messages: marks, roles, a default system prompt
_TOKENS_AROUND_MESSAGE = 16
_TOKENS_AROUND_REQUEST = 128


@dataclass(frozen=True, slots=True, kw_only=True)
class WorstCase:
    """The most that one attempt of a model call can use."""

    prompt_tokens: int
    completion_tokens: int
    """The reply that is asked for, where a limit allows as much."""
    price: Price | None = None
    leaves_last_reply: bool = False
    """Whether its node must be able to give one more reply after this one."""
    messages: Sequence[Message] = ()
    """What is sent; the node's next prompt is known better where it begins with that."""

    @property
    def least_reply(self) -> int:
        """The shortest reply that is of use."""
        return min(LEAST_REPLY, self.completion_tokens)


@dataclass(frozen=True, slots=True)
class Rates:
    """What a token of the prompt and one of the reply take of a limit, in its unit."""

    prompt: int
    completion: int

    def amount(self, prompt_tokens: int, completion_tokens: int) -> int:
        """Weigh tokens."""
        return prompt_tokens * self.prompt + completion_tokens * self.completion


def rates(kind: Kind, price: Price | None) -> Rates:
    """Tell what tokens take of a limit at a price; nothing of money where there is none."""
    if kind == "max_tokens":
        return Rates(1, 1)
    if price is None:
        return Rates(0, 0)
    dearest = max(price.prompt, price.cached or 0.0)
    return Rates(_per_token(dearest), _per_token(price.completion))


def used(kind: Kind, usage: Usage, price: Price | None) -> int:
    """Tell what was used of a limit; a cost that nobody said is reckoned from the price."""
    if kind == "max_tokens":
        return max(0, usage.prompt_tokens) + max(0, usage.completion_tokens)
    cost = usage.cost
    if cost is None or not math.isfinite(cost):
        cost = 0.0 if price is None else price.cost(usage)
    return max(0, money(cost))


def money(dollars: float) -> int:
    """Count dollars in the unit of accounts, as a float means them."""
    # Dearer by a rounding of floats is not dearer: half to even finds the number that was meant
    return _scaled(dollars, _PER_DOLLAR, ROUND_HALF_EVEN)


def money_limit(dollars: float) -> int:
    """Count dollars that may be spent: never more than that."""
    return _scaled(dollars, _PER_DOLLAR, ROUND_DOWN)


def dollars(money: int) -> float:
    """Give money as dollars."""
    return money / _PER_DOLLAR


def prompt_tokens(messages: Sequence[Message], extra: str = "") -> int:
    """Bound the tokens of a request from above, with an `extra` that is sent beside its messages.

    A token of a byte-level vocabulary stands for one byte at least.
    """
    return _TOKENS_AROUND_REQUEST + text_bytes(extra) + messages_tokens(messages)


def messages_tokens(messages: Sequence[Message]) -> int:
    """Bound the tokens of messages from above, those that a template puts around them included."""
    return sum(text_bytes(one.content) + _TOKENS_AROUND_MESSAGE for one in messages)


def text_bytes(text: str) -> int:
    """Count the bytes of a text in UTF-8."""
    return len(text) if text.isascii() else len(text.encode("utf-8", "surrogatepass"))


def _per_token(price: float) -> int:
    return max(0, _scaled(price, _PER_DOLLAR // _PER_MILLION_TOKENS, ROUND_UP))


def _scaled(number: float, factor: int, rounding: str) -> int:
    # The shortest decimal that a float prints as is the one that its writer meant
    return int((Decimal(repr(float(number))) * factor).to_integral_value(rounding))
