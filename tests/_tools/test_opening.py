"""From what users give as tools to what nodes may call."""

from __future__ import annotations

import sys
from typing import Any

import pytest

from rlm_runtime._errors import ConfigError
from rlm_runtime._tools.function import Tool
from rlm_runtime._tools.opening import open_tools
from rlm_runtime._tools.server import MCPServer

pytestmark = pytest.mark.anyio


def one() -> int:
    """Give one."""
    return 1


def two() -> int:
    """Give two."""
    return 2


@pytest.mark.parametrize(
    ("child_tools", "names"),
    [("same", ["one", "uno"]), ("none", []), ([two, one], ["two", "one"]), ([], [])],
)
async def test_children_get_the_same_tools_or_others(child_tools: Any, names: list[str]) -> None:
    async with open_tools([one, Tool(one, name="uno")], child_tools) as (root, children):
        assert (list(root), list(children)) == (["one", "uno"], names)
        # One object for each, so that its bounds hold over all nodes
        assert "one" not in children or children["one"] is root["one"]


@pytest.mark.parametrize(
    ("given", "child_tools", "message"),
    [
        ([one, Tool(two, name="one")], "same", "Cannot use two tools named 'one'"),
        ([one], [two, Tool(one, name="two")], "Cannot use two tools named 'two'"),
        ([one], "all", "Cannot set child_tools to 'all'"),
        ([5], "same", "Cannot use 5 as a tool"),
        ([one], [None], "Cannot use None as a tool"),
    ],
)
async def test_what_makes_no_sense_is_a_config_error(
    given: Any, child_tools: Any, message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        async with open_tools(given, child_tools):
            pass


async def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "mcp", None)
    monkeypatch.delitem(sys.modules, "rlm_runtime._tools.mcp", raising=False)
    with pytest.raises(ConfigError, match=r"pip install 'rlm-pyodide\[mcp\]'"):
        async with open_tools([MCPServer(command="true")], "same"):
            pass


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({}, "its command or its url, one of the two"),
        ({"command": "a", "url": "http://b"}, "its command or its url, one of the two"),
        ({"url": "ftp://b"}, "its url is not http or https"),
        ({"url": "http://b", "args": ["x"]}, "'b': args and env need a command"),
        ({"command": "/bin/a", "headers": {"k": "v"}}, "'a': headers need a url"),
        ({"command": "a", "name": "my-server"}, "'my-server': it is not an identifier"),
    ],
)
def test_a_server_that_makes_no_sense_is_a_config_error(
    settings: dict[str, Any], message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        MCPServer(**settings)


def test_a_server_does_not_show_its_secrets() -> None:
    url = MCPServer(url="https://user:hunter2@host/mcp?key=k123", headers={"Authorization": "k456"})
    command = MCPServer(command="/usr/bin/serve", env={"TOKEN": "k789"})
    assert (url.label, command.label) == ("host", "serve")
    shown = f"{url!r} {command!r}"
    assert not any(secret in shown for secret in ("hunter2", "k123", "k456", "k789"))
