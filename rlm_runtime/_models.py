"""What a caller says of a model, and what is known of it: settings, price, sizes."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import KW_ONLY, dataclass, field

from rlm_runtime._errors import ConfigError
from rlm_runtime._types import Usage

_MILLION = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Price:
    """What a model's tokens cost, in US dollars per million."""

    prompt: float
    completion: float
    """Reasoning tokens cost the same."""
    cached: float | None = None
    """Prompt tokens that come from the provider's cache; None: as the others."""
    short_tokens: int = 0
    """How long a prompt may be to cost `short` instead, where long ones cost more."""
    short: Price | None = None

    def __post_init__(self) -> None:
        """Check what money will be counted by.

        Raises:
            ConfigError: A rate is negative or no number.
        """
        for name in ("prompt", "completion", "cached"):
            rate = getattr(self, name)
            if rate is not None and not 0 <= rate < math.inf:
                raise ConfigError(
                    f"Cannot set the price {name!r} to {rate!r}: it must be 0 or more"
                )

    def cost(self, usage: Usage) -> float:
        """Price what one call used, in US dollars."""
        if self.short is not None and usage.prompt_tokens <= self.short_tokens:
            return self.short.cost(usage)
        cached = self.prompt if self.cached is None else self.cached
        fresh = usage.prompt_tokens - usage.cached_tokens
        total = (
            fresh * self.prompt
            + usage.cached_tokens * cached
            + usage.completion_tokens * self.completion
        )
        return total / _MILLION


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelInfo:
    """What is known of a model; the defaults know nothing."""

    price: Price | None = None
    """None where it cannot be known."""
    context_tokens: int | None = None
    """How many tokens of prompt and reply fit into its window."""
    max_completion_tokens: int | None = None
    """The most tokens that the model can put into a reply, reasoning included."""
    reply_tokens: int | None = None
    """The most that the caller lets a reply have; None: what the limits of a run suggest."""
    structured_output: bool = False
    """Whether a JSON schema can be sent with a call, so that the reply follows it."""
    settings: str = ""
    """Names all that is sent beside messages and schema and changes replies, such as a temperature:
    a recorded reply is recalled only where it is the same."""


@dataclass(frozen=True, slots=True)
class Model:
    """A model by its name, with settings of its own; None leaves each to the provider."""

    name: str
    """As litellm names it, such as `openai/gpt-5`, or as the endpoint of `base_url` does."""
    _: KW_ONLY
    base_url: str | None = None
    """An OpenAI-compatible endpoint that serves this model."""
    api_key: str | None = field(default=None, repr=False)
    """Its key."""
    temperature: float | None = None
    top_p: float | None = None
    seed: int | None = None
    reasoning_effort: str | None = None
    """As the provider names it, such as `low`."""
    max_completion_tokens: int | None = None
    """The most tokens that a reply may have, reasoning included."""
    extra: Mapping[str, object] = field(default_factory=dict, repr=False)
    """Further members of the request's body, as the provider names them."""
    price: Price | None = None
    """Where the price table does not know it, or knows it wrong."""
    context_tokens: int | None = None
    """The size of its window, where the table does not know it."""
    structured_output: bool | None = None
    """Whether it takes a JSON schema; None: as the table has it."""

    def __post_init__(self) -> None:
        """Check what limits will rest on.

        Raises:
            ConfigError: A number of tokens is none.
        """
        for name in ("max_completion_tokens", "context_tokens"):
            tokens = getattr(self, name)
            if tokens is not None and tokens < 1:
                raise ConfigError(
                    f"Cannot set {name} of {self.name!r} to {tokens!r}: it must be 1 or more"
                )
