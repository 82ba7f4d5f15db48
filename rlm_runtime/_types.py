"""The values that every layer speaks of: messages, completions, usage, limits."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Role = Literal["system", "user", "assistant"]

# Lower-case forms of what OpenAI, Anthropic, Gemini and Mistral say, with or without a proxy
_CUT = ("length", "max_tokens", "max_output_tokens", "model_length")
_FILTERED = ("content_filter", "safety", "refusal")

StopReason = Literal[
    "answered",
    "no_answer",
    "max_iterations",
    "max_calls",
    "max_cost",
    "max_nodes",
    "max_seconds",
    "max_tokens",
    "repetition",
    "model_error",
    "sandbox_error",
    "interrupted",
    "error",
]
"""Why a node, or the run, ended."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One message of a node's history."""

    role: Role
    content: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """What was spent; `a + b` adds two of them."""

    calls: int = 0
    """Model calls, the failed ones included."""
    prompt_tokens: int = 0
    cached_tokens: int = 0
    """The part of `prompt_tokens` that the provider took from its prompt cache."""
    completion_tokens: int = 0
    reasoning_tokens: int = 0
    """The part of `completion_tokens` that was spent on reasoning."""
    cost: float | None = 0.0
    """US dollars; None when any part of it is unknown."""

    def __add__(self, other: Usage) -> Usage:
        known = self.cost is not None and other.cost is not None
        return Usage(
            calls=self.calls + other.calls,
            prompt_tokens=self.prompt_tokens + other.prompt_tokens,
            cached_tokens=self.cached_tokens + other.cached_tokens,
            completion_tokens=self.completion_tokens + other.completion_tokens,
            reasoning_tokens=self.reasoning_tokens + other.reasoning_tokens,
            cost=(self.cost or 0.0) + (other.cost or 0.0) if known else None,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Completion:
    """One reply of a model."""

    text: str
    model: str
    """The model's name as the endpoint gives it."""
    usage: Usage
    reasoning: str = ""
    """Reasoning text that the endpoint sent apart from the reply."""
    finish_reason: str | None = None
    seconds_to_first_token: float | None = None
    """Seconds from the request to the first piece of the reply, where it was streamed."""
    is_counted: bool = True
    """Whether somebody counted the tokens of `usage`; else they are an estimate, no bound."""

    @property
    def is_cut(self) -> bool:
        """Whether it was cut off at the most tokens that it may have."""
        return (self.finish_reason or "").lower() in _CUT

    @property
    def is_filtered(self) -> bool:
        """Whether the provider's content filter held it back, or a part of it."""
        return (self.finish_reason or "").lower() in _FILTERED
