"""Tools of a run: who may call which, how often, how long, and what is told of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

import anyio
import pytest

from rlm_runtime._engine.tools import Tools
from rlm_runtime._events import ToolCalled, ToolFailed, ToolReturned
from rlm_runtime._limits import Limits
from rlm_runtime._tools.base import HostTool
from rlm_runtime._tools.function import Tool
from tests._engine.fakes import play, repl

pytestmark = pytest.mark.anyio

MANY = """
found = []
async def call(n):
    try:
        found.append(await act(n))
    except Exception as exc:
        found.append(str(exc))
import asyncio
await asyncio.gather(*[call(n) for n in range(50)])
"""


def tools(*functions: Callable[..., Any], **children: Callable[..., Any]) -> Tools:
    """Give the root some functions, and its children others."""
    of_children: Mapping[str, HostTool] = {
        name: Tool(one, name=name) for name, one in children.items()
    }
    return Tools(root={one.__name__: Tool(one) for one in functions}, children=of_children)


async def act(n: object) -> object:
    """Act at once."""
    return n


async def test_a_call_is_an_event_with_what_it_gave() -> None:
    code = repl("x = await act([1, 'a'])\nawait FINAL([x, await act(n=2)])")
    played = await play({"root": [code]}, tools=tools(act))
    assert played.answer == [[1, "a"], 2]
    called, returned = played.of(ToolCalled), played.of(ToolReturned)
    assert [(one.node, one.call, one.tool) for one in called] == [(0, 0, "act"), (0, 1, "act")]
    assert [one.arguments for one in called] == ["[[1, 'a']]", "[{'n': 2}]"]
    assert [(one.call, one.result) for one in returned] == [(0, "[1, 'a']"), (1, "2")]
    assert [one.result_type for one in returned] == ["list", "int"]
    assert all(one.seconds >= 0 for one in returned) and not played.of(ToolFailed)


async def test_a_failing_tool_is_an_error_in_the_code_and_the_node_goes_on() -> None:
    async def fail() -> None:
        raise ValueError("no such thing")

    played = await play({"root": [repl("await fail()"), repl("await FINAL(1)")]}, tools=tools(fail))
    assert played.answer == 1
    assert "ToolCallError: fail() raised ValueError: no such thing" in played.told()
    assert [one.error for one in played.of(ToolFailed)] == [
        "fail() raised ValueError: no such thing"
    ]


@pytest.mark.parametrize("most", [1, 7, 50, None])
async def test_no_more_calls_are_made_than_the_limit_says(most: int | None) -> None:
    made = Counter[str]()

    async def act(n: int) -> int:
        made["calls"] += 1
        await anyio.sleep(0.001)
        return n

    played = await play(
        {"root": [repl(MANY), repl("await FINAL([found, limits()['tool_calls']])")]},
        limits=Limits(max_tool_calls=most),
        tools=tools(act),
    )
    assert isinstance(played.answer, list)
    found, left = played.answer
    allowed = 50 if most is None else most
    assert made["calls"] == len(played.of(ToolCalled)) == allowed
    assert sum(isinstance(one, int) for one in found) == allowed
    refused = {one for one in found if isinstance(one, str)}
    assert refused == ({f"Cannot call act(): max_tool_calls is {most}"} if allowed < 50 else set())
    assert left == (None if most is None else 0)


async def test_the_limit_is_one_for_the_whole_tree() -> None:
    replies = {
        "root": [repl("a = await act(1)\nb = await llm_query('child')\nawait FINAL([a, b])")],
        "child": [repl("await act(2)"), repl("await act(3)"), repl("await FINAL('end')")],
    }
    played = await play(replies, limits=Limits(max_tool_calls=2), tools=tools(act, act=act))
    assert played.answer == [1, "end"]
    assert [one.node for one in played.of(ToolCalled)] == [0, 1]
    assert "max_tool_calls is 2" in played.requests[-1][-1].content


async def test_a_call_that_takes_too_long_is_given_up() -> None:
    stopped = anyio.Event()

    async def wait() -> None:
        try:
            await anyio.sleep_forever()
        finally:
            stopped.set()

    played = await play(
        {"root": [repl("await wait()"), repl("await FINAL(1)")]},
        limits=Limits(max_tool_seconds=0.05),
        tools=tools(wait),
    )
    assert played.answer == 1 and stopped.is_set()
    assert "wait() took more than 0.05 seconds, and was given up" in played.told()
    assert "took more than" in played.of(ToolFailed)[0].error


async def test_only_so_many_calls_run_at_once() -> None:
    running = Counter[str]()

    async def act(n: int) -> int:
        running["now"] += 1
        running["peak"] = max(running["peak"], running["now"])
        await anyio.sleep(0.01)
        running["now"] -= 1
        return n

    await play({"root": [repl(MANY, "await FINAL(1)")]}, tools=tools(act))
    assert running["peak"] == 32


async def test_waiting_for_a_tool_does_not_count_as_running() -> None:
    async def wait() -> str:
        await anyio.sleep(0.6)
        return "waited"

    played = await play(
        {"root": [repl("await FINAL(await wait())")]},
        limits=Limits(max_cell_seconds=0.2),
        tools=tools(wait),
    )
    assert played.answer == "waited"


async def test_an_open_call_ends_with_its_node() -> None:
    stopped = anyio.Event()

    async def wait() -> None:
        try:
            await anyio.sleep_forever()
        finally:
            stopped.set()

    code = repl("call = wait()\nawait sleep(0.05)\nawait FINAL(1)")
    played = await play({"root": [code]}, tools=tools(wait))
    assert played.answer == 1 and stopped.is_set()
    assert [one.error for one in played.of(ToolFailed)] == ["it was cancelled"]


async def test_children_have_their_own_tools_and_no_others() -> None:
    async def secret() -> str:
        return "of the root"

    async def shared() -> str:
        return "of the child"

    forged = "from rlm_runtime._sandbox.base import ToolCall\n"
    forged += (
        "try:\n    await calls.tool(ToolCall(name='secret'))\nexcept Exception as exc:\n    e = exc"
    )
    replies = {
        "root": [repl("await FINAL([await secret(), await llm_query('child')])")],
        "child": [repl("calls = limits.__self__", forged, "await FINAL([await shared(), str(e)])")],
    }
    played = await play(replies, tools=tools(secret, shared=shared))
    refusal = "Cannot call 'secret': this node has no such tool"
    assert played.answer == ["of the root", ["of the child", refusal]]
    root, child = (request[0].content for request in played.requests)
    assert "`await secret() -> str`" in root and "secret" not in child
    assert "`await shared() -> str`" in child and "shared" not in root


async def test_a_node_without_tools_is_told_of_none() -> None:
    played = await play({"root": [repl("await FINAL(limits())")]})
    assert "# Tools" not in played.requests[0][0].content
    assert isinstance(played.answer, dict) and "tool_calls" not in played.answer


async def test_a_sandbox_that_takes_over_has_the_tools_too() -> None:
    replies = {"root": [repl("lose('it broke')"), repl("await FINAL(await act(5))")]}
    played = await play(replies, tools=tools(act))
    assert played.answer == 5 and len(played.sandboxes.opened) == 2
