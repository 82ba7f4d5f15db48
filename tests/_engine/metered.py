"""A model that bills what it is asked, and keeps within the length that a reply may have."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence

import anyio

from rlm_runtime._llm.base import NO_OPTIONS, CallOptions
from rlm_runtime._llm.scripted import Policy, ask
from rlm_runtime._models import ModelInfo, Price
from rlm_runtime._types import Completion, Message, Usage
from rlm_runtime._worst_case import money

PRICE = Price(prompt=0.25, completion=2.0)


class MeteredLLM:
    """Counts four bytes as a token; a reply that is too long is cut."""

    name = "metered"

    def __init__(
        self,
        policy: Policy,
        *,
        price: Price | None = PRICE,
        latency: Callable[[], float] = random.random,
        reply_tokens: int | None = None,
    ) -> None:
        self.info = ModelInfo(price=price)
        self.caps: list[int | None] = []
        self.tokens = 0
        self.money = 0
        self.calls = 0
        self._policy = policy
        self._latency = latency
        self._reply_tokens = reply_tokens

    async def complete(
        self, messages: Sequence[Message], options: CallOptions = NO_OPTIONS
    ) -> Completion:
        self.caps.append(options.max_completion_tokens)
        text = (await ask(self._policy, messages)).text
        reply = len(text) // 4 if self._reply_tokens is None else self._reply_tokens
        cap = options.max_completion_tokens
        reply = reply if cap is None else min(cap, reply)
        usage = Usage(
            calls=1,
            prompt_tokens=sum(len(one.content) for one in messages) // 4,
            completion_tokens=reply,
            cost=None,
        )
        cost = None if self.info.price is None else self.info.price.cost(usage)
        # A provider bills what it was asked, whether or not somebody waits for it
        self.calls += 1
        self.tokens += usage.prompt_tokens + usage.completion_tokens
        self.money += money(cost or 0.0)
        await anyio.sleep(self._latency() / 100)
        return Completion(
            text=text,
            model=self.name,
            usage=Usage(
                calls=1,
                prompt_tokens=usage.prompt_tokens,
                completion_tokens=reply,
                cost=cost,
            ),
        )
