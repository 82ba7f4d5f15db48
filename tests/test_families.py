"""Which models need words of their own."""

from __future__ import annotations

import pytest

from rlm_runtime._families import FAMILIES, family_of

NAMES = {
    "qwen3-coder": [
        "Qwen/Qwen3-Coder-480B-A35B-Instruct",
        "qwen3-coder",
        "qwen3-coder:30b",
        "openrouter/qwen/qwen3-coder-plus",
        "fireworks_ai/accounts/fireworks/models/qwen3-coder-480b-a35b-instruct",
        "qwen3coder-7b",
    ],
    "small": [
        "llama3.1:8b",
        "ollama/qwen3:1.7b",
        "meta-llama/Llama-3.2-11B-Vision-Instruct",
        "Qwen2.5-14B-Instruct-1M",
        "deepseek-ai/DeepSeek-R1-Distill-Qwen-7B",
        "gemini/gemini-1.5-flash-8b",
        "qwen2.5-coder:0.5b",
        "mistral-7b-instruct-q4_K_M.gguf",
        "gemma-3n-e4b-it",
        "microsoft/Phi-4-mini-instruct",
        "azure_ai/phi-4",
        "tinyllama",
    ],
    None: [
        "openai/gpt-5",
        "gpt-5-mini",
        "o4-mini",
        "anthropic/claude-sonnet-4-5",
        "gemini/gemini-2.5-flash-lite",
        "llama-3.3-70b-versatile",
        "qwen3-30b-a3b",
        "qwen/qwen3-235b-a22b-2507",
        "mixtral-8x7b-instruct",
        "gpt-oss-20b",
        "qwen3:32b",
        "some-model-8bit",
        "llama-3.1-70b-8b-draft",
        "deepseek/deepseek-chat",
        "scripted/letter_counts",
        "",
    ],
}


@pytest.mark.parametrize(
    ("name", "family"), [(name, family) for family, names in NAMES.items() for name in names]
)
def test_family_of(name: str, family: str | None) -> None:
    assert family_of(name) == family


def test_every_family_has_a_case() -> None:
    assert {*FAMILIES, None} == NAMES.keys()
