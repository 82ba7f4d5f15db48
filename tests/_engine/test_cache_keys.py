"""Which calls share a prompt cache: those whose messages begin alike."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import pytest

from rlm_runtime._limits import Limits
from rlm_runtime._llm.base import NO_OPTIONS, CallOptions
from rlm_runtime._llm.scripted import ScriptedLLM
from rlm_runtime._types import Completion, Message
from tests._engine.fakes import asked, play, repl, script

pytestmark = pytest.mark.anyio

CODE = """
await llm_query("child")
await llm_query("leaf", recursive=False)
await llm_query("leaf", recursive=False)
await llm_query("small", model="small", recursive=False)
"""
REPLIES = {
    "root": [repl(CODE), repl("await FINAL(1)")],
    "child": [repl("1"), repl("await FINAL(2)")],
    "leaf": ["3"],
    "small": ["4"],
}


class KeyedLLM(ScriptedLLM):
    """A scripted model that keeps the cache keys of what it is asked."""

    keys: dict[str, list[str | None]]

    async def complete(
        self, messages: Sequence[Message], options: CallOptions = NO_OPTIONS
    ) -> Completion:
        self.keys.setdefault(asked(messages), []).append(options.cache_key)
        return await super().complete(messages, options)


async def test_a_node_s_calls_share_a_key_and_so_do_completions_of_one_system_prompt() -> None:
    keys: dict[str, list[str | None]] = {}
    model = KeyedLLM(script(REPLIES), name="big")
    small = KeyedLLM(script(REPLIES), name="llama-3.1-8b")
    model.keys = small.keys = keys
    played = await play(model, aliases={"small": small}, limits=Limits(max_depth=3))
    assert played.answer == 1
    assert (keys["root"], keys["child"]) == (["run/0"] * 2, ["run/1"] * 2)
    assert keys["leaf"][0] == keys["leaf"][1] == keys["small"][0]
    every = {key for each in keys.values() for key in each}
    assert len(every) == 3
    assert all(key is not None and key.startswith("run/") for key in every)
    # OpenAI takes no longer one; a run's id has 24 characters
    assert all(key is not None and len(key) <= 64 - 24 for key in every)


async def test_each_request_of_a_node_begins_with_all_of_the_one_before() -> None:
    replies = [*(repl(f"print({n})") for n in range(5)), "no code", repl("await FINAL(1)")]
    played = await play({"root": replies}, limits=Limits(max_iterations=7))
    assert played.answer == 1
    assert len(played.requests) == 7
    for earlier, later in pairwise(played.requests):
        assert later[: len(earlier)] == earlier
