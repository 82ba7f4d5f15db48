"""Tools in real sandboxes, called by generated code."""

from __future__ import annotations

import json
import shlex
import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import anyio
import psutil
import pytest

from rlm_runtime import RLM, Event, Limits, MCPServer, Message, Tool
from rlm_runtime._events import SandboxLost, ToolCalled, ToolFailed
from rlm_runtime._tools.opening import ChildTools, Given
from rlm_runtime.testing import ScriptedLLM, open_loopback_server
from tests._engine.fakes import asked, repl, script
from tests.e2e.test_cli import rlm
from tests.e2e.test_hostile_frames import FORGE

pytestmark = [pytest.mark.anyio, pytest.mark.deno, pytest.mark.usefixtures("assets")]

SERVER = str(Path(__file__).parent.parent / "children" / "serves_tools.py")


@dataclass
class Ran:
    """A run that answered, and its events."""

    answer: Any
    events: list[Event]


async def run(
    model: Callable[[Sequence[Message]], Any],
    *tools: Given,
    child_tools: ChildTools = "same",
    limits: Limits | None = None,
) -> Ran:
    """Run the query `root` with tools."""
    events: list[Event] = []
    with anyio.fail_after(30):
        async with RLM(
            ScriptedLLM(model),
            tools=tools,
            child_tools=child_tools,
            limits=limits,
            trace_dir=None,
            on_event=events.append,
        ) as opened:
            result = await opened.run("root", context="the context")
    return Ran(result.answer, events)


def search(query: str, limit: int = 2, *, exact: bool = False) -> list[str]:
    """Search the library.

    Gives the best first.
    """
    return [f"{query}{n}" for n in range(limit)]


async def echo(value: Any) -> Any:
    """Give it back."""
    return value


def fail(kind: str) -> None:
    """Fail."""
    raise {"value": ValueError, "key": KeyError}[kind]("no such thing")


class Odd:
    """Nothing that can be sent."""


def odd() -> object:
    """Give what cannot be sent."""
    return {"a": [1, Odd()]}


FORMS = """
import asyncio, inspect, io, contextlib
said = {}
said["await"] = await search("a", limit=1)
said["gather"] = await asyncio.gather(*[search(str(n), 1) for n in range(8)])
said["result"] = (lambda: search("r").result())()
said["sorted"] = sorted(["bb", "a"], key=lambda one: echo(len(one)).result())
async with asyncio.TaskGroup() as group:
    task = group.create_task(echo({1: {2}, None: b"x", "s": "\\ud800"}))
said["exact"] = task.result()
said["signature"] = str(inspect.signature(search))
with contextlib.redirect_stdout(io.StringIO()) as out:
    help(search)
said["help"] = out.getvalue()
for name, call in {"raised": lambda: fail("value"), "odd": odd, "wrong": lambda: search(5)}.items():
    try:
        await call()
    except ToolError as exc:
        said[name] = str(exc)
try:
    await echo(lambda: 1)
except TypeError as exc:
    said["unsendable"] = str(exc)
search = 5
"""


async def test_tools_work_in_every_form_as_the_prompt_promises() -> None:
    replies = {"root": [repl(FORMS), repl("said['again'] = await search('x', 1)\nFINAL(said)")]}
    said = (await run(script(replies), search, echo, fail, odd)).answer
    assert said["await"] == ["a0"]
    assert said["gather"] == [[f"{n}0"] for n in range(8)]
    assert said["result"] == ["r0", "r1"] and said["sorted"] == ["a", "bb"]
    assert said["exact"] == {1: {2}, None: b"x", "s": "\ud800"}
    signature = "(query: str, limit: int = 2, *, exact: bool = False) -> list[str]"
    assert said["signature"] == signature
    assert f"search{signature}\n    Search the library.\n\n    Gives the best" in said["help"]
    assert said["raised"] == "fail() raised ValueError: no such thing"
    assert said["odd"] == (
        "Cannot use what odd() gave: Cannot send value['a'][1]: a Odd cannot be sent"
    )
    assert said["wrong"] == "search(): query: Input should be a valid string"
    assert "a function cannot be sent" in said["unsendable"]
    # Rebound by the code, and restored as the context is
    assert said["again"] == ["x0"]


LIMITED = """
import asyncio
said = []
for call in (lambda: slow(), lambda: hang()):
    try:
        await call()
    except ToolError as exc:
        said.append(str(exc))
found = await asyncio.gather(*[echo(n) for n in range(20)], return_exceptions=True)
said.append([sum(isinstance(one, int) for one in found), str(found[-1])])
said.append(limits()["tool_calls"])
call = slow()
await asyncio.sleep(0)
call.cancel()
FINAL(said)
"""


async def test_calls_are_limited_in_time_and_number_and_can_be_cancelled() -> None:
    may_end = threading.Event()

    async def slow() -> None:
        await anyio.sleep_forever()

    def hang() -> None:
        may_end.wait(60)

    limits = Limits(max_tool_seconds=0.3, max_tool_calls=12)
    started = time.monotonic()
    said = (await run(script({"root": [repl(LIMITED)]}), slow, hang, echo, limits=limits)).answer
    may_end.set()
    assert time.monotonic() - started < 25
    assert said[0] == "slow() took more than 0.3 seconds, and was given up"
    assert said[1] == "hang() took more than 0.3 seconds, and was given up"
    assert said[2] == [10, "Cannot call echo(): max_tool_calls is 12"]
    assert said[3] == 0


async def test_a_call_that_nobody_waits_for_is_cancelled_on_the_host() -> None:
    cancelled: list[str] = []

    async def wait(name: str) -> None:
        try:
            await anyio.sleep_forever()
        except anyio.get_cancelled_exc_class():
            cancelled.append(name)
            raise

    replies = [
        repl("late = wait('end')\ncall = wait('call')\nimport asyncio\nawait asyncio.sleep(0.1)"),
        repl("call.cancel()\nawait asyncio.sleep(0.2)"),
        repl("mine = wait('interrupt')\nwhile True: await asyncio.sleep(0)"),
        repl("FINAL(1)"),
    ]
    model = script({"root": replies})
    told: list[str] = []

    def policy(messages: Sequence[Message]) -> Any:
        told.append(messages[-1].content)
        return model(messages)

    ran = await run(policy, wait, limits=Limits(max_cell_seconds=1))
    assert ran.answer == 1
    assert "Still running, not awaited yet: wait(…), wait(…)" in told[1]
    assert cancelled[0] == "call" and sorted(cancelled) == ["call", "end", "interrupt"]
    errors = [one.error for one in ran.events if isinstance(one, ToolFailed)]
    assert errors == ["it was cancelled"] * 3


async def test_children_have_the_parent_s_tools_unless_told_otherwise() -> None:
    def policy(messages: Sequence[Message]) -> str:
        if asked(messages) == "root":
            return repl("FINAL([await search('r', 1), await llm_query('child')])")
        return repl("FINAL([name for name in ('search', 'echo') if name in globals()])")

    other = Tool(echo)
    for child_tools, names in (("same", ["search"]), ("none", []), ([other], ["echo"])):
        ran = await run(policy, search, child_tools=child_tools)  # type: ignore[arg-type]  # a union
        assert ran.answer == [["r0"], names]


TOOL_FRAMES = """
def tool(number, data=b'[[],{}]', **params):
    about = {"at": "params.call", "kind": "value"}
    data = len(data).to_bytes(8, "big") + data
    return frame(data, method="tool", id=number, params=params, payload=about)
"""
HOSTILE: dict[str, tuple[str, str]] = {
    "an unknown name": ("write(tool(900, name='secret'))\nawait asyncio.sleep(0.3)", "end"),
    "a name that is none": ("write(tool(900, name=5))", "malformed ToolRequest"),
    "another node": ("write(tool(900, name='echo', node=0))", "malformed ToolRequest"),
    "arguments that are none": ("write(tool(900, b'5', name='echo'))", "in a way that is not one"),
    "names that are none": (
        """write(tool(900, b'[[],{"$":"dict","v":[1,2]}]', name='echo'))""",
        "in a way that is not one",
    ),
    "5,000 at once": (
        "write(b''.join(tool(900 + n, name='wait') for n in range(5000)))",
        "2000 are open|ran for more than",
    ),
}


async def test_forged_calls_cost_their_own_node_at_most() -> None:
    told: dict[str, str] = {}

    def policy(messages: Sequence[Message]) -> str:
        query = asked(messages)
        if query == "root":
            return repl("FINAL(await llm_query_batched(context))")
        if len(messages) > 2:
            told[query] = messages[-1].content
            return repl("FINAL('went on')")
        code = HOSTILE[query][0]
        return repl(f"{FORGE}{TOOL_FRAMES}{code}\nawait asyncio.sleep(60 * ('5,000' in query))")

    async def wait() -> None:
        await anyio.sleep_forever()

    events: list[Event] = []
    limits = Limits(max_cell_seconds=3, max_tool_calls=None)
    model = ScriptedLLM(policy)
    with anyio.fail_after(50):
        async with RLM(
            model, tools=[echo, wait], limits=limits, trace_dir=None, on_event=events.append
        ) as opened:
            result = await opened.run("root", context=list(HOSTILE))
    assert result.answer == ["went on"] * len(HOSTILE)
    for name, (_, message) in HOSTILE.items():
        if message != "end":
            assert any(part in told[name] for part in message.split("|")), told[name]
    assert "lost" not in told["an unknown name"]
    lost = [one for one in events if isinstance(one, SandboxLost)]
    assert len(lost) >= 3
    assert all(one.tool == "wait" for one in events if isinstance(one, ToolCalled))


USES_SERVER = """
import asyncio
said = {"sum": await add(2, b=40), "sums": await asyncio.gather(*[add(n) for n in range(8)])}
said["book"] = await find_book("Moby")
said["picture"] = await picture()
try:
    await find_book("missing")
except ToolError as exc:
    said["missing"] = str(exc)
said["child"] = await llm_query("child")
try:
    await die()
except ToolError as exc:
    said["dead"] = str(exc)
FINAL(said)
"""


async def test_a_real_mcp_server_is_used_from_generated_code() -> None:
    replies = {"root": [repl(USES_SERVER)], "child": [repl("FINAL(await add(100))")]}
    server = MCPServer(command=sys.executable, args=[SERVER, "0"], name=None)
    said = (await run(script(replies), search, server)).answer
    assert said.pop("missing") == "find_book(): Error executing tool find-book"
    assert "MCP server 'python" in said.pop("dead")
    assert said == {
        "sum": 42,
        "sums": [1, 2, 3, 4, 5, 6, 7, 8],
        "book": {"title": "Moby", "year": 1851},
        "picture": {"type": "image", "mime_type": "image/png", "data": b"\x89PNG\x00"},
        "child": 101,
    }
    assert not [
        one.pid for one in psutil.process_iter(["cmdline"]) if SERVER in (one.info["cmdline"] or [])
    ]


async def test_tools_are_named_on_the_command_line(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text("def double(n: int) -> int:\n    return 2 * n\n")
    code = repl("FINAL([await double(4), await lib_add(4)])")
    async with open_loopback_server(lambda messages: code) as server:
        status, out, err = await rlm(
            tmp_path,
            *("-p", "root", "-m", "any", "--base-url", server.base_url, "--tools", "mine:double"),
            RLM_MCP=f"lib={shlex.quote(sys.executable)} {shlex.quote(SERVER)} 0 talks",
        )
    assert (status, json.loads(out)) == (0, [8, 5])
    assert "no terminal should show" not in err


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (("--tools", "json:nothing"), "Cannot use 'json:nothing' as a tool: AttributeError"),
        (
            ("--mcp", "/nowhere/serve"),
            "Cannot use MCP server 'serve': there is no command '/nowhere/serve'",
        ),
    ],
)
async def test_a_tool_that_is_not_there_ends_with_11(
    tmp_path: Path, args: tuple[str, str], message: str
) -> None:
    status, out, err = await rlm(
        tmp_path, "-p", "q", "-m", "m", "--base-url", "http://[::1]:9", *args
    )
    assert (status, out) == (11, "") and message in err
