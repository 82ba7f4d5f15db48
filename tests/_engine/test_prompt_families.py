"""The words that each model of a run hears of itself and of the models below it."""

from __future__ import annotations

import pytest

from rlm_runtime._limits import Limits
from rlm_runtime._llm.scripted import ScriptedLLM
from rlm_runtime._models import ModelInfo
from tests._engine.fakes import play, repl, script

pytestmark = pytest.mark.anyio


async def test_each_node_hears_the_words_for_the_family_of_its_own_model() -> None:
    code = "await llm_query('child'); await llm_query('leaf', recursive=False); await FINAL(1)"
    policy = script({"root": [repl(code)], "child": [repl("await FINAL(2)")], "leaf": ["3"]})
    sub = ScriptedLLM(policy, name="llama-3.1-8b")
    played = await play(policy, sub_model=sub, limits=Limits(max_depth=3))
    assert played.answer == 1
    root, child, leaf = (request[0].content for request in played.requests)
    form = "# The form of each reply"
    assert [form in each for each in (root, child, leaf)] == [False, True, False]


class Narrow(ScriptedLLM):
    """A model with a window of 8,192 tokens."""

    @property
    def info(self) -> ModelInfo:
        return ModelInfo(context_tokens=8192)


@pytest.mark.parametrize("max_depth", [1, 2])
async def test_code_is_told_how_much_the_model_below_can_read(max_depth: int) -> None:
    replies = {"root": [repl("await FINAL(1)")]}
    limits = Limits(max_depth=max_depth)
    wide = await play(replies, limits=limits)
    narrow = await play(replies, sub_model=Narrow([]), limits=limits)
    assert "about 100,000 characters" in wide.requests[0][0].content
    assert "about 14,336 characters" in narrow.requests[0][0].content
