"""The providers that are known without importing litellm, against what litellm itself says."""

from __future__ import annotations

import os

import pytest

from rlm_runtime._llm.litellm_load import load_litellm
from rlm_runtime._llm.providers import (
    key_variables,
    known_providers,
    missing_key,
    name_fault,
)


def test_the_providers_are_those_that_litellm_knows() -> None:
    litellm = load_litellm()
    assert known_providers() >= {str(one.value) for one in litellm.LlmProviders}
    assert known_providers() >= {"anthropic", "gemini", "bedrock", "ollama", "venice" + "ai"}


def test_a_key_is_looked_for_where_litellm_does(monkeypatch: pytest.MonkeyPatch) -> None:
    litellm = load_litellm()
    for name in list(os.environ):
        if "KEY" in name or "TOKEN" in name:
            monkeypatch.delenv(name)
    checked = [provider for provider in known_providers() if key_variables(provider)]
    assert len(checked) > 15
    for provider in checked:
        variables = key_variables(provider)
        assert missing_key(f"{provider}/m") == variables
        told = litellm.validate_environment(f"{provider}/m")
        assert set(told["missing_keys"]) <= set(variables), provider
        assert told["missing_keys"], provider
        for variable in variables:
            with monkeypatch.context() as patch:
                patch.setenv(variable, "k")
                assert missing_key(f"{provider}/m") == ()


@pytest.mark.parametrize(
    ("name", "base_url", "fault"),
    [
        ("anthropic/x", None, None),
        ("openai/x", None, None),
        ("anything at all", "http://localhost/v1", None),
        ("x", None, "give the base_url of an OpenAI-compatible endpoint that serves it, or a name"),
        ("anthropic/", None, "give the base_url of"),
        ("openai/", None, "give the base_url of"),
        ("gemni/x", None, "litellm knows no provider 'gemni'; did you mean gemini"),
        ("zzzzzz/x", None, "litellm knows no provider 'zzzzzz'; give the base_url of"),
    ],
)
def test_a_name_that_leads_nowhere_is_told(
    name: str, base_url: str | None, fault: str | None
) -> None:
    found = name_fault(name, base_url)
    assert found == fault if fault is None else (found or "").startswith(fault)
