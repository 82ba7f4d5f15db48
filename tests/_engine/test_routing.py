"""Which model answers where."""

from __future__ import annotations

import pytest

from rlm_runtime._engine.models import Models
from rlm_runtime._llm.scripted import ScriptedLLM


@pytest.mark.parametrize(
    ("subs", "by_depth"),
    [("a", "raaaa"), ("ab", "rabbb"), ("abc", "rabcc"), ("abcdef", "rabcd")],
)
def test_each_depth_has_its_model_and_the_last_is_for_all_below(subs: str, by_depth: str) -> None:
    models = Models(
        root=ScriptedLLM([], name="r"), subs=[ScriptedLLM([], name=n) for n in subs], aliases={}
    )
    found = [models.for_depth(depth).name.removeprefix("scripted/") for depth in range(5)]
    assert "".join(found) == by_depth
