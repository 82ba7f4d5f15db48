"""The words that each model of a run hears."""

from __future__ import annotations

import pytest

from rlm_runtime._limits import Limits
from rlm_runtime._llm.scripted import ScriptedLLM
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
