"""What the engine asks of a model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from rlm_runtime._models import ModelInfo
from rlm_runtime._types import Completion, Message


@dataclass(frozen=True, slots=True, kw_only=True)
class CallOptions:
    """What one call asks beside its messages; a model that cannot do it may leave it out."""

    max_completion_tokens: int | None = None
    """The most tokens that this reply may have; what was reserved for it rests on that."""
    schema: Mapping[str, object] | None = None
    """A JSON schema that the reply is to follow, where `info.structured_output` says it can."""
    cache_key: str | None = None
    """The same for calls whose messages begin alike, so that one prompt cache serves them."""


NO_OPTIONS = CallOptions()


class LLM(Protocol):
    """A model that answers a list of messages; one object serves many calls at once."""

    @property
    def name(self) -> str:
        """The name that traces and messages give this model."""
        ...

    @property
    def info(self) -> ModelInfo:
        """What is known of it: price, sizes, abilities."""
        ...

    async def complete(
        self, messages: Sequence[Message], options: CallOptions = NO_OPTIONS
    ) -> Completion:
        """Answer the messages, system message first, in one attempt.

        Limits count what the `usage` of the completion says; where its cost is None, it is reckoned
        from the price in `info`.

        Raises:
            ModelError: This attempt failed; the class says whether another one makes sense.
        """
        ...
