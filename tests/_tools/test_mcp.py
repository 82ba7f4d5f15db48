"""Real MCP servers, over stdio and over streamable HTTP."""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import anyio
import psutil
import pytest

from rlm_runtime._errors import ConfigError
from rlm_runtime._process import open_process
from rlm_runtime._tools.base import HostTool, ToolError
from rlm_runtime._tools.mcp import Connection
from rlm_runtime._tools.opening import open_tools
from rlm_runtime._tools.server import MCPServer

pytestmark = pytest.mark.anyio

SERVER = str(Path(__file__).parent.parent / "children" / "serves_tools.py")
Tools = Mapping[str, HostTool]


def serving(*asked: str, name: str | None = None, **env: str) -> MCPServer:
    return MCPServer(command=sys.executable, args=[SERVER, "0", *asked], env=env, name=name)


def left() -> list[int]:
    """Find the servers that were started here, but the one that the tests share."""
    lines = {one.pid: one.info["cmdline"] or [] for one in psutil.process_iter(["cmdline"])}
    return [pid for pid, line in lines.items() if SERVER in line and "shared" not in line]


@asynccontextmanager
async def opened(server: MCPServer) -> AsyncIterator[Tools]:
    """Open a server, and see that nothing is left of it."""
    with anyio.fail_after(30):
        async with open_tools([server], "same") as (tools, _):
            yield tools
    assert left() == []


@pytest.fixture(scope="module")
async def tools() -> AsyncIterator[Tools]:
    """Serve the tests that leave a server as good as they found it."""
    async with open_tools([serving("shared", TOKEN="t0ken-of-ours")], "same") as (tools, _):
        yield tools


async def test_tools_are_told_with_signature_and_docstring(tools: Tools) -> None:
    assert {name: tool.signature for name, tool in tools.items()} == {
        "add": "(a: int, b: int = 1) -> int",
        "find_book": "(title: str) -> dict",
        "picture": "()",
        "words": "(text: str)",
        "wait": "(seconds: float) -> str",
        "variables": "() -> list[str]",
        "die": "() -> str",
    }
    assert tools["add"].doc == "Add two numbers.\n\nBoth are whole."


async def test_results_are_ordinary_values(tools: Tools) -> None:
    assert await tools["add"].call([2], {"b": 40}) == 42
    assert await tools["find_book"].call(["Moby"], {}) == {"title": "Moby", "year": 1851}
    assert await tools["words"].call([], {"text": "\x00é🐋"}) == "\x00é🐋"
    picture = {"type": "image", "mime_type": "image/png", "data": b"\x89PNG\x00"}
    assert await tools["picture"].call([], {}) == picture


async def test_what_goes_wrong_is_an_error_of_the_call(tools: Tools) -> None:
    wrong: list[tuple[str, list[object], str]] = [
        ("find_book", ["missing"], r"find_book\(\): Error executing tool find-book"),
        ("add", ["two"], r"add\(\): .*"),
        ("add", [], r"add\(a: int, b: int = 1\) -> int: missing a required argument: 'a'"),
        ("add", [1, 2, 3], "too many positional arguments"),
    ]
    for name, args, message in wrong:
        with pytest.raises(ToolError, match=message):
            await tools[name].call(args, {})
    assert await tools["add"].call([1], {}) == 2


async def test_calls_run_at_the_same_time(tools: Tools) -> None:
    with anyio.fail_after(30):
        async with anyio.create_task_group() as tasks:
            # One after the other they would take 40 s
            for _ in range(40):
                tasks.start_soon(tools["wait"].call, [1], {})


async def test_a_call_that_is_cancelled_leaves_the_server_as_it_was(tools: Tools) -> None:
    with anyio.move_on_after(0.1) as scope:
        await tools["wait"].call([60], {})
    assert scope.cancelled_caught
    assert await tools["add"].call([1], {}) == 2


async def test_a_server_has_nothing_of_the_environment_but_what_it_needs(
    tools: Tools, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "TOKEN" in (names := await tools["variables"].call([], {}))  # type: ignore[operator]  # a list
    monkeypatch.setenv("OPENAI_API_KEY", "k123")
    async with open_tools([serving()], "same") as (others, _):
        assert "OPENAI_API_KEY" not in (await others["variables"].call([], {}))  # type: ignore[operator]
    assert "PATH" in names  # type: ignore[operator]


async def test_a_name_comes_before_those_of_the_tools() -> None:
    async with opened(serving(name="lib")) as tools:
        assert {"lib_add", "lib_find_book"} < set(tools)
        assert await tools["lib_find_book"].call(["x"], {}) == {"title": "x", "year": 1851}


async def test_a_server_that_dies_fails_its_calls_and_nothing_else() -> None:
    async with opened(serving()) as tools:
        async with anyio.create_task_group() as tasks:
            failed: list[str] = []

            async def wait() -> None:
                with pytest.raises(ToolError, match="MCP server 'python.*' failed|is not there"):
                    await tools["wait"].call([60], {})
                failed.append("while it ran")

            tasks.start_soon(wait)
            await anyio.sleep(0.1)
            with pytest.raises(ToolError, match="MCP server 'python.*' failed"):
                await tools["die"].call([], {})
        assert failed == ["while it ran"]
        with pytest.raises(ToolError, match="MCP server 'python.*'"):
            await tools["add"].call([1], {})


async def test_what_a_server_writes_to_stderr_stays_away_from_the_terminal(
    capfd: pytest.CaptureFixture[str],
) -> None:
    async with opened(serving("talks")) as tools:
        assert await tools["add"].call([1], {}) == 2
        with pytest.raises(ToolError):
            await tools["die"].call([], {})
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("server", "message"),
    [
        (
            serving("fails"),
            "Cannot use MCP server 'python.*; it wrote: cannot find its settings for",
        ),
        (serving("fails", "noisy"), "it wrote: …[n ]+cannot find its settings for None$"),
        (
            MCPServer(command="/nowhere/serve"),
            "Cannot use MCP server 'serve': there is no command '/",
        ),
        (MCPServer(command="true"), "Cannot use MCP server 'true': "),
    ],
)
async def test_a_server_that_does_not_start_is_a_config_error(
    server: MCPServer, message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        async with opened(server):
            pass
    assert left() == []


async def test_one_that_does_not_start_ends_the_others() -> None:
    with pytest.raises(ConfigError, match="nowhere"):
        async with open_tools([serving(), MCPServer(command="/nowhere")], "same"):
            pass
    assert left() == []


async def test_a_server_that_hangs_while_it_starts_can_be_given_up() -> None:
    with anyio.move_on_after(0.5) as scope:
        async with open_tools([serving("hangs")], "same"):
            pass
    assert scope.cancelled_caught and left() == []


async def test_a_server_that_does_not_want_to_end_is_killed() -> None:
    with anyio.fail_after(30):
        async with open_tools([serving("stubborn")], "same") as (tools, _):
            assert await tools["add"].call([1], {}) == 2
            assert len(left()) == 1
    assert left() == []


async def test_a_cancelled_block_leaves_no_process() -> None:
    with anyio.CancelScope() as scope:
        async with open_tools([serving()], "same") as (tools, _):
            assert await tools["add"].call([1], {}) == 2
            scope.cancel()
            await anyio.sleep_forever()
    assert left() == []


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


@asynccontextmanager
async def over_http() -> AsyncIterator[tuple[str, int]]:
    """Run the server on a port of this machine; give its URL and its process."""
    port = free_port()
    command = [sys.executable, SERVER, str(port)]
    async with open_process(command, env=dict(os.environ), grace=0.1) as process:
        with anyio.fail_after(20):
            while True:
                try:
                    stream = await anyio.connect_tcp("127.0.0.1", port)
                except OSError:
                    await anyio.sleep(0.05)
                else:
                    await stream.aclose()
                    break
        yield f"http://127.0.0.1:{port}/mcp", process.pid


async def test_a_server_over_http_lives_and_dies_like_any_other() -> None:
    async with over_http() as (url, pid):
        server = MCPServer(url=url, headers={"Authorization": "Bearer k1234567"}, name="web")
        with anyio.fail_after(30):
            async with open_tools([server], "same") as (tools, _):
                assert await tools["web_add"].call([2], {"b": 3}) == 5
                assert await tools["web_find_book"].call(["x"], {}) == {"title": "x", "year": 1851}
                psutil.Process(pid).kill()
                with pytest.raises(ToolError, match="MCP server 'web' failed") as caught:
                    await tools["web_add"].call([2], {})
    assert "k1234567" not in str(caught.value) and url not in str(caught.value)


async def test_a_server_that_cannot_be_reached_is_a_config_error() -> None:
    server = MCPServer(url=f"http://127.0.0.1:{free_port()}/mcp?key=k1234567")
    with anyio.fail_after(20), pytest.raises(ConfigError, match="'127.0.0.1': ") as caught:
        async with open_tools([server], "same"):
            pass
    assert "k1234567" not in str(caught.value)


async def test_a_secret_of_its_settings_is_in_no_message() -> None:
    server = MCPServer(url="https://host/mcp?key=k1234567", headers={"X": "h1234567"})
    told = Connection(server)._explain(OSError(f"{server.url} refused h1234567"))
    assert told == "OSError: … refused …"


async def test_a_secret_that_a_server_says_as_it_dies_is_in_no_message() -> None:
    with pytest.raises(ConfigError, match=r"cannot find its settings for …$") as caught:
        async with opened(serving("fails", TOKEN="k1234567")):
            pass
    assert "k1234567" not in str(caught.value)


async def test_a_server_that_is_never_ready_is_a_config_error(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("rlm_runtime._tools.mcp._START_SECONDS", 0.2)
    with pytest.raises(ConfigError, match="it was not ready within 0.2 s"):
        async with opened(serving("hangs")):
            pass
