"""What a trace tells of settings: all that is needed, and no secret."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from rlm_runtime._models import Model, Price
from rlm_runtime._settings import describe_settings, read_settings, told_tools
from rlm_runtime.testing import ScriptedLLM

SECRET = "hunter2"


def described() -> str:
    return describe_settings(
        model=Model(
            "openai/m",
            base_url=f"https://user:{SECRET}@host:8/v1?key={SECRET}#{SECRET}",
            api_key=SECRET,
            temperature=0.0,
            seed=3,
            extra={"header": SECRET},
            price=Price(prompt=1, completion=2),
        ),
        sub_models=["small", ScriptedLLM([], name="scripted/x")],
        aliases={"fast": "quick"},
        base_url=f"http://{SECRET}@[::1]:9/v1",
        mode="auto",
        direct_below_chars=10,
        packages=("attrs",),
        spare_sandboxes=0,
        prompts=Path("prompts"),
        tools=["add"],
        child_tools=["sub"],
    )


def test_all_that_is_needed_is_told() -> None:
    assert json.loads(described()) == {
        "model": {
            "name": "openai/m",
            "base_url": "https://host:8/v1",
            "temperature": 0.0,
            "seed": 3,
            "price": {"prompt": 1, "completion": 2},
            "extra": ["header"],
        },
        "sub_models": [{"name": "small"}, {"name": "scripted/x"}],
        "models": {"fast": {"name": "quick"}},
        "base_url": "http://[::1]:9/v1",
        "mode": "auto",
        "direct_below_chars": 10,
        "packages": ["attrs"],
        "spare_sandboxes": 0,
        "prompts": "prompts",
        "tools": ["add"],
        "child_tools": ["sub"],
    }


def test_no_secret_is_told() -> None:
    assert SECRET not in described()


def test_the_tools_that_nodes_were_told_of_are_found() -> None:
    assert told_tools(described()) == {"add", "sub"}


@pytest.mark.parametrize("text", ["", "[]", "1", '{"tools": 3}', "{", "[" * 100_000, "\ud800"])
def test_settings_that_make_no_sense_are_none(text: str) -> None:
    assert told_tools(text) == set()
    assert isinstance(read_settings(text), dict)
