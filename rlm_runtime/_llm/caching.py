"""Marks for providers that cache a prompt only where they are told to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

from rlm_runtime._types import Message

CacheStyle = Literal["none", "anthropic"]
"""How a provider wants to be told; most cache by themselves."""

_OPENROUTER = "openrouter.ai"
_MARK: Mapping[str, str] = {"type": "ephemeral"}


def style_of(name: str, host: str | None) -> CacheStyle:
    """Tell how a model wants its prompt marked.

    Args:
        name: The model's name, as litellm names it, or as the endpoint does.
        host: Where the OpenAI-compatible endpoint is; None where litellm serves the model. What an
            endpoint does not know it may refuse, so only OpenRouter's gets marks.
    """
    if "claude" not in name.lower():
        return "none"
    marked = host is None or host == _OPENROUTER or host.endswith(f".{_OPENROUTER}")
    return "anthropic" if marked else "none"


def cached_messages(messages: Sequence[Message], style: CacheStyle) -> list[dict[str, object]]:
    """Write messages as a request has them, marked where the prompt is to be cached.

    The system message is marked for all calls that share it. The last user message is marked for
    the next call of the same history, which begins with all that this call has sent.
    """
    plain: list[dict[str, object]] = [
        {"role": one.role, "content": one.content} for one in messages
    ]
    if style == "anthropic":
        for index in _marked(messages):
            part = {"type": "text", "text": messages[index].content, "cache_control": _MARK}
            plain[index]["content"] = [part]
    return plain


def _marked(messages: Sequence[Message]) -> set[int]:
    """Choose the messages: two, where four marks are allowed; an empty text may have none."""
    full = [(index, one.role) for index, one in enumerate(messages) if one.content.strip()]
    first_system = [index for index, role in full if role == "system"][:1]
    last_user = [index for index, role in full if role == "user"][-1:]
    return {*first_system, *last_user}
