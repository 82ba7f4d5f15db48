"""The providers that litellm serves, and the variables that hold their keys.

All of this is known without importing litellm, so that a wrong name is told at once.
"""

from __future__ import annotations

import difflib
import json
import os
import re
from collections.abc import Mapping
from pathlib import Path

from rlm_runtime._llm.prices import package_folder

_MEMBER = re.compile(r'^    [A-Z0-9_]+ = "([^"]+)"', re.MULTILINE)

# One of them suffices. Only providers that can do with nothing but a key in the environment are
# here: others know roles, profiles, files and local servers, and say themselves what they lack.
_KEYS: Mapping[str, tuple[str, ...]] = {
    "ai21": ("AI21_API_KEY",),
    "anthropic": ("ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN"),
    "cerebras": ("CEREBRAS_API_KEY",),
    "codestral": ("CODESTRAL_API_KEY",),
    "cohere": ("COHERE_API_KEY", "CO_API_KEY"),
    "dashscope": ("DASHSCOPE_API_KEY",),
    "deepinfra": ("DEEPINFRA_API_KEY",),
    "deepseek": ("DEEPSEEK_API_KEY",),
    "fireworks_ai": (
        "FIREWORKS_AI_API_KEY",
        "FIREWORKS_API_KEY",
        "FIREWORKSAI_API_KEY",
        "FIREWORKS_AI_TOKEN",
    ),
    "gemini": ("GEMINI_API_KEY", "GOOGLE_API_KEY"),
    "groq": ("GROQ_API_KEY",),
    "mistral": ("MISTRAL_API_KEY",),
    "moonshot": ("MOONSHOT_API_KEY",),
    "nebius": ("NEBIUS_API_KEY",),
    "novita": ("NOVITA_API_KEY",),
    "nvidia_nim": ("NVIDIA_NIM_API_KEY",),
    "openrouter": ("OPENROUTER_API_KEY", "OR_API_KEY"),
    "perplexity": ("PERPLEXITYAI_API_KEY", "PERPLEXITY_API_KEY"),
    "replicate": ("REPLICATE_API_KEY", "REPLICATE_API_TOKEN"),
    "together_ai": ("TOGETHERAI_API_KEY", "TOGETHER_API_KEY", "TOGETHER_AI_API_KEY"),
    "xai": ("XAI_API_KEY",),
}


def key_variables(provider: str) -> tuple[str, ...]:
    """Give the variables of which one must hold the key; none where that is not known."""
    return _KEYS.get(provider, ())


def known_providers() -> frozenset[str]:
    """Give the names that may stand before the slash; none if litellm does not tell them."""
    folder = package_folder()
    if folder is None:
        return frozenset()
    try:
        source = (folder / "types" / "utils.py").read_text("utf-8")
        more = _keys_of(folder / "llms" / "openai_like" / "providers.json")
    except (OSError, ValueError):
        return frozenset()
    _, _, body = source.partition("\nclass LlmProviders(")
    names = _MEMBER.findall(body.partition("\n\n\n")[0])
    return frozenset(names) | more if names else frozenset()


def name_fault(name: str, base_url: str | None) -> str | None:
    """Say why no endpoint serves a name, and what would; None where one does."""
    if base_url or (name.startswith("openai/") and name != "openai/"):
        return None
    provider, slash, rest = name.partition("/")
    hint = "give the base_url of an OpenAI-compatible endpoint that serves it"
    if not slash or not rest:
        return f"{hint}, or a name with its provider in front, such as openai/gpt-5"
    known = known_providers()
    if provider in known or not known:
        return None
    close = difflib.get_close_matches(provider, known, n=3)
    meant = f"; did you mean {' or '.join(close)}?" if close else ""
    return f"litellm knows no provider {provider!r}{meant or f'; {hint}'}"


def missing_key(name: str) -> tuple[str, ...]:
    """Give the variables of which one must hold the key of a model, if none of them does."""
    variables = key_variables(name.partition("/")[0])
    return () if any(os.environ.get(variable) for variable in variables) else variables


def _keys_of(file: Path) -> frozenset[str]:
    content: object = json.loads(file.read_bytes())
    return frozenset(map(str, content)) if isinstance(content, dict) else frozenset()
