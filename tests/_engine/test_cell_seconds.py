"""How long code may run, and what becomes of it then."""

from __future__ import annotations

from collections.abc import Sequence

import anyio
import pytest

from rlm_runtime._events import CodeExecuted, SandboxLost
from rlm_runtime._limits import Limits
from rlm_runtime._prompts import Prompts
from rlm_runtime._types import Message
from tests._engine.fakes import play, repl

pytestmark = pytest.mark.anyio

SHORT = Limits(max_depth=1, max_cell_seconds=0.2)
LEAF = Prompts.load().leaf()
END = repl("await FINAL('done')")


async def test_code_that_runs_too_long_is_interrupted_and_keeps_its_variables() -> None:
    replies = [repl("x = 1"), repl("print('begun')\nawait sleep(60)"), repl("await FINAL(x)")]
    played = await play({"root": replies}, limits=SHORT)
    assert played.answer == 1
    told = played.told()
    assert "begun\n\nerror:\nKeyboardInterrupt\nThe code ran for more than 0.2 seconds and" in told
    assert "Your variables are kept" in told
    assert not played.of(SandboxLost) and len(played.sandboxes.opened) == 1
    assert "was stopped" in (played.of(CodeExecuted)[1].error or "")


@pytest.mark.parametrize("last", ["spin()", "stop_reading()"])
async def test_code_that_does_not_stop_is_ended_with_its_sandbox(last: str) -> None:
    replies = [repl("x = 1"), repl(f"print('begun')\nawait {last}"), END]
    played = await play({"root": replies}, limits=SHORT)
    assert played.answer == "done"
    told = played.told()
    assert "begun\n\nerror:\nThe code ran for more than 0.2 seconds and did not stop" in told
    assert "your variables (x)" in told
    assert len(played.of(SandboxLost)) == 1


async def test_waiting_for_a_sub_call_does_not_count() -> None:
    async def policy(messages: Sequence[Message]) -> str:
        if messages[0].content == LEAF:
            await anyio.sleep(0.6)
            return "slow"
        return repl("await FINAL(await llm_query('p'))")

    played = await play(policy, limits=SHORT)
    assert played.answer == "slow"


async def test_code_that_spins_beside_an_open_sub_call_counts() -> None:
    async def policy(messages: Sequence[Message]) -> str:
        if messages[0].content == LEAF:
            await anyio.sleep_forever()
        spins = repl("call = llm_query('p')\nawait busy(60)")
        return END if "was stopped" in messages[-1].content else spins

    played = await play(policy, limits=SHORT)
    assert played.answer == "done"


async def test_what_comes_after_a_sub_call_counts() -> None:
    code = repl("x = await llm_query('leaf')\nawait sleep(60)")
    played = await play({"root": [code, END], "leaf": ["y"]}, limits=SHORT)
    assert "ran for more than" in played.told()
