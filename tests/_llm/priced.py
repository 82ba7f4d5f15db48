"""A model of which only the price matters."""

from __future__ import annotations

from collections.abc import Sequence

from rlm_runtime._llm.base import NO_OPTIONS, CallOptions
from rlm_runtime._models import ModelInfo, Price
from rlm_runtime._types import Completion, Message


class Priced:
    """Has a price, and answers nothing."""

    def __init__(self, name: str, price: Price | None) -> None:
        self.name = name
        self.info = ModelInfo(price=price)

    async def complete(
        self, messages: Sequence[Message], options: CallOptions = NO_OPTIONS
    ) -> Completion:
        raise AssertionError(messages)
