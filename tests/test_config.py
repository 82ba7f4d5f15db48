from __future__ import annotations

from pathlib import Path

import pytest

from rlm_runtime._config import Environment, read_environment
from rlm_runtime._paths import default_cache_dir


def test_an_empty_environment_gives_the_defaults() -> None:
    assert read_environment({}) == Environment(
        api_key=None, cache_dir=default_cache_dir(), sandbox_assets=None
    )


def test_every_variable_is_read() -> None:
    variables = {"RLM_API_KEY": "k", "RLM_CACHE_DIR": "/c", "RLM_SANDBOX_ASSETS": "/a"}
    assert read_environment(variables) == Environment(
        api_key="k", cache_dir=Path("/c"), sandbox_assets=Path("/a")
    )


def test_what_is_set_to_nothing_counts_as_not_set() -> None:
    names = ("RLM_API_KEY", "OPENAI_API_KEY", "RLM_CACHE_DIR", "RLM_SANDBOX_ASSETS")
    assert read_environment(dict.fromkeys(names, "")) == read_environment({})


@pytest.mark.parametrize(
    ("variables", "key"),
    [
        ({"OPENAI_API_KEY": "theirs"}, "theirs"),
        ({"OPENAI_API_KEY": "theirs", "RLM_API_KEY": "ours"}, "ours"),
        ({"OPENAI_API_KEY": "theirs", "RLM_API_KEY": ""}, "theirs"),
    ],
)
def test_our_key_comes_before_the_provider_s(variables: dict[str, str], key: str) -> None:
    assert read_environment(variables).api_key == key


def test_the_process_s_own_environment_is_read_at_the_call(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("RLM_API_KEY", "first")
    assert read_environment().api_key == "first"
    monkeypatch.setenv("RLM_API_KEY", "second")
    assert read_environment().api_key == "second"
