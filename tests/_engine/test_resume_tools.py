"""What tools did is done: it is not done again where a run goes on."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from rlm_runtime._engine.tools import Tools
from rlm_runtime._events import CodeExecuted, ReplayDiverged, ToolFailed, ToolReturned
from rlm_runtime._tools.function import Tool
from tests._engine.fakes import repl, script
from tests._engine.resuming import MemoryTrace, session
from tests._engine.test_resume import rewritten, until

pytestmark = pytest.mark.anyio


@dataclass
class Tracked(MemoryTrace):
    """Knows what outlives the process."""

    written: list[int] = field(default_factory=list)

    async def wait_written(self) -> None:
        await super().wait_written()
        self.written.append(self.next_seq)


class Lost(MemoryTrace):
    """Keeps no values any more, as where its disk has failed."""

    async def keep(self, value: object) -> str:
        return ""


async def test_a_failure_of_a_tool_outlives_the_process_before_the_code_knows_of_it() -> None:
    async def fail() -> None:
        raise ValueError("It did half of it")

    trace = Tracked()
    code = "try:\n    await fail()\nexcept Exception:\n    x = limits()"
    replies = {"root": [repl(code), repl("await FINAL(1)")]}
    await session(script(replies), trace, tools=Tools(root={"fail": Tool(fail)}))
    (failed,) = [one for one in trace.events if isinstance(one, ToolFailed)]
    assert failed.seq + 1 in trace.written


async def test_a_result_of_a_tool_outlives_the_process_before_the_code_knows_of_it() -> None:
    async def act() -> int:
        return 7

    trace = Tracked()
    replies = {"root": [repl("x = await act()\nleft = limits()"), repl("await FINAL(1)")]}
    await session(script(replies), trace, tools=Tools(root={"act": Tool(act)}))
    (returned,) = [one for one in trace.events if isinstance(one, ToolReturned)]
    assert returned.seq + 1 in trace.written


async def test_a_tool_is_not_called_again_where_the_trace_is_lost_by_now() -> None:
    called = []

    async def act(n: int) -> int:
        called.append(n)
        return n

    tools = Tools(root={"act": Tool(act)})
    code = "a = [await act(1), await act(2)]\nawait sleep(0)"
    replies = {"root": [repl(code), repl("await FINAL(a)")]}
    whole = await session(script(replies), tools=tools)
    cut = until(whole.trace, CodeExecuted)
    done = await session(script(replies), Lost(cut.log, next_seq=cut.next_seq), tools=tools)
    assert done.answer == [1, 2] and called == [1, 2]


async def test_what_tools_did_after_the_place_of_a_difference_is_forgotten() -> None:
    called = []

    async def act(n: int) -> int:
        called.append(n)
        return len(called)

    tools = Tools(root={"act": Tool(act)})
    replies = {
        "root": [
            repl("a = [await act(1)]", "a.append(await act(1))\nprint(a)"),
            repl("a.append(await act(1))"),
            repl("await FINAL(a)"),
        ]
    }
    whole = await session(script(replies), tools=tools)
    assert whole.answer == [1, 2, 3]
    trace = rewritten(until(whole.trace, CodeExecuted, 3), 1, "else")
    done = await session(script(replies), trace, tools=tools)
    assert sum(isinstance(one, ReplayDiverged) for one in done.trace.events) == 1
    assert done.answer == [1, 4, 5]
