"""The number of tokens where nobody counted them: an estimate, never a price."""

from __future__ import annotations

from collections.abc import Sequence

from rlm_runtime._types import Message

_CHARS_PER_TOKEN = 4


def estimate_tokens(text: str) -> int:
    """Estimate the tokens of a text as a quarter of its characters, rounded up."""
    return estimate_tokens_of(len(text))


def estimate_tokens_of(chars: int) -> int:
    """Estimate the tokens of so many characters."""
    return -(-chars // _CHARS_PER_TOKEN)


def estimate_prompt_tokens(messages: Sequence[Message]) -> int:
    """Estimate the tokens of a prompt as the sum over its messages."""
    return sum(estimate_tokens(message.content) for message in messages)
