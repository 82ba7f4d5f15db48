"""A model that is known, but asked nothing: all of its replies are on record."""

from __future__ import annotations

from collections.abc import Sequence

from rlm_runtime._errors import ModelError
from rlm_runtime._llm.base import NO_OPTIONS, CallOptions
from rlm_runtime._models import ModelInfo
from rlm_runtime._types import Completion, Message


class OfflineLLM:
    """Stands for a model; it needs neither an endpoint nor a key."""

    def __init__(self, name: str, info: ModelInfo) -> None:
        self._name = name
        self._info = info

    def __repr__(self) -> str:
        return f"OfflineLLM({self._name!r})"

    @property
    def name(self) -> str:
        """The name that the model goes by."""
        return self._name

    @property
    def info(self) -> ModelInfo:
        """What is known of it."""
        return self._info

    async def complete(
        self, messages: Sequence[Message], options: CallOptions = NO_OPTIONS
    ) -> Completion:
        """Refuse.

        Raises:
            ModelError: Always.
        """
        raise ModelError(f"Cannot ask {self._name!r}: this run is offline")
