"""The name of a model's settings: the same for the same, and never made of a key."""

from __future__ import annotations

from contextlib import AsyncExitStack

import pytest

from rlm_runtime._llm.extras import name_settings
from rlm_runtime._llm.opening import ModelOpener
from rlm_runtime._models import Model, Price

SETTINGS: list[dict[str, object]] = [
    {},
    {"temperature": 0.0},
    {"temperature": 0.5},
    {"top_p": 0.5},
    {"seed": 1},
    {"reasoning_effort": "low"},
    {"max_completion_tokens": 100},
    {"extra": {"max_tokens": 100}},
    {"extra": {"top_k": 1}},
    {"extra": {"provider": {"order": ["a"]}}},
    {"extra": {"provider": {"order": ["b"]}}},
]


def named(**settings: object) -> str:
    return name_settings(Model("m", **settings))  # type: ignore[arg-type]


def test_each_setting_changes_it_and_a_model_without_any_has_none() -> None:
    names = [named(**settings) for settings in SETTINGS]
    assert len(set(names)) == len(names)
    assert names[0] == ""


def test_it_is_the_same_in_any_order_and_for_what_changes_no_reply() -> None:
    assert named(extra={"a": 1, "b": 2}) == named(extra={"b": 2, "a": 1})
    same = named(
        base_url="http://x/v1", api_key="k", price=Price(prompt=1, completion=1), context_tokens=9
    )
    assert same == ""


@pytest.mark.parametrize("name", ["api_key_2", "aws_secret_access_key", "Authorization"])
def test_it_does_not_depend_on_secrets(name: str) -> None:
    assert named(extra={name: "one"}) == named(extra={name: "two"})
    one, two = ({"extra_headers": {name: value, "beta": "x"}} for value in ("one", "two"))
    assert named(extra=one) == named(extra=two) != named(extra={"extra_headers": {"beta": "y"}})


@pytest.mark.anyio
@pytest.mark.parametrize("is_offline", [False, True])
@pytest.mark.parametrize("name", ["openai/gpt-5", "anthropic/claude-sonnet-4-5"])
async def test_both_clients_tell_it(name: str, is_offline: bool) -> None:
    async with AsyncExitStack() as stack:
        opener = ModelOpener(stack, base_url=None, api_key="k", is_offline=is_offline)
        warm = await opener.open(Model(name, api_key="k", temperature=0.5))
        plain = await opener.open(Model(name, api_key="k"))
    assert warm.info.settings == named(temperature=0.5)
    assert plain.info.settings == ""
