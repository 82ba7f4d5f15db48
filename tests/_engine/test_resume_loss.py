"""Sandboxes that were lost before a run was cut off, or are lost while it is rebuilt."""

from __future__ import annotations

import pytest

from rlm_runtime._engine.tools import Tools
from rlm_runtime._events import ModelReplied, ModelRequested, SandboxLost
from rlm_runtime._tools.function import Tool
from tests._engine.fakes import repl, script
from tests._engine.resuming import session
from tests._engine.test_resume import new, until

pytestmark = pytest.mark.anyio


async def test_code_whose_sandbox_was_lost_counts_once_it_came_to_its_end_after_all() -> None:
    loses = True

    async def is_losing() -> bool:
        return loses

    # What the block does differs from session to session, as it does where memory is short
    tools = Tools(root={"is_losing": Tool(is_losing)})
    lossy = "n += 1\nif await is_losing():\n    lose('It is gone')"
    replies = {"root": [repl("n = 1"), repl(lossy), repl("print(n)"), repl("await FINAL(n)")]}
    whole = await session(script(replies), tools=tools)
    lost = until(whole.trace, SandboxLost)
    # The host is killed before the model is told, and the call of the tool is not on record
    lost.log = [one for one in lost.log if getattr(one, "tool", "") != "is_losing"]
    loses = False
    second = await session(script(replies), lost, tools=tools)
    assert second.answer == 2
    third = await session(script(replies), until(second.trace, ModelReplied, 4), tools=tools)
    assert third.answer == 2 and not third.error
    assert not new(third, ModelRequested)
