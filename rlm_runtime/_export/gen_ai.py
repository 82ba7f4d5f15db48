"""The words of OpenTelemetry's GenAI conventions for what a run does.

They are those of semantic-conventions-genai (status: development). What they have no word for is
named `rlm.…`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

# By the prefix of a model's name, as litellm gives it
_PROVIDERS = {
    "anthropic": "anthropic",
    "azure": "azure.ai.openai",
    "azure_ai": "azure.ai.inference",
    "bedrock": "aws.bedrock",
    "bedrock_converse": "aws.bedrock",
    "cohere": "cohere",
    "cohere_chat": "cohere",
    "deepseek": "deepseek",
    "gemini": "gcp.gemini",
    "groq": "groq",
    "mistral": "mistral_ai",
    "moonshot": "moonshot_ai",
    "openai": "openai",
    "perplexity": "perplexity",
    "vertex_ai": "gcp.vertex_ai",
    "watsonx": "ibm.watsonx.ai",
    "xai": "x_ai",
}
_MOST_CONTENT_CHARS = 32_000
"""Of one attribute: collectors and their stores take no more than some megabytes at once."""


def provider_and_model(name: str) -> tuple[str, str]:
    """Tell provider and model apart; a name without a provider is that of an OpenAI-like server."""
    prefix, slash, model = name.partition("/")
    if not slash:
        return "openai", name
    known = _PROVIDERS.get(prefix.lower())
    return (known, model) if known else (prefix, name)


def input_messages(messages: Sequence[Mapping[str, str]]) -> str:
    """Write messages as `gen_ai.input.messages`; where they are too long, the newest matter."""
    left = _MOST_CONTENT_CHARS
    written: list[dict[str, object]] = []
    for one in reversed(messages):
        content = cut(one.get("content", ""), left)
        left = max(0, left - len(content))
        part = {"type": "text", "content": content}
        written.append({"role": one.get("role", ""), "parts": [part]})
    return _as_json(written[::-1])


def output_messages(text: str, *, reasoning: str = "", finish_reason: str | None = None) -> str:
    """Write a reply as `gen_ai.output.messages`."""
    parts = [{"type": "text", "content": cut(text)}]
    if reasoning:
        parts.insert(0, {"type": "reasoning", "content": cut(reasoning)})
    # The conventions want a reason, whatever the endpoint said
    message = {"role": "assistant", "parts": parts, "finish_reason": finish_reason or "stop"}
    return _as_json([message])


def as_object(**texts: str | None) -> str:
    """Write texts as the object that a tool's arguments or result are."""
    return _as_json({name: text and cut(text) for name, text in texts.items()})


def cut(text: str, most: int = _MOST_CONTENT_CHARS) -> str:
    """Give the beginning of a text, and how much is left out."""
    if len(text) <= most:
        return text
    return f"{text[:most]}… ({len(text) - most:,} characters more)"


def _as_json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)
