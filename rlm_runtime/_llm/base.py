"""What the engine asks of a model."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from rlm_runtime._types import Completion, Message


class LLM(Protocol):
    """A model that answers a list of messages; one object serves many calls at once."""

    @property
    def name(self) -> str:
        """The name that traces and messages give this model."""
        ...

    async def complete(self, messages: Sequence[Message]) -> Completion:
        """Answer the messages, system message first.

        Raises:
            ModelError: The model failed for good.
        """
        ...
