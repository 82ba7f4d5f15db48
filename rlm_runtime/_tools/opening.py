"""From what users give as tools to what nodes may call."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager, nullcontext
from typing import Any, Literal

import anyio.to_thread

from rlm_runtime._errors import ConfigError
from rlm_runtime._groups import unwrapped
from rlm_runtime._tools.base import HostTool
from rlm_runtime._tools.function import Tool
from rlm_runtime._tools.server import MCPServer

Given = Callable[..., Any] | Tool | MCPServer
"""What users may give as a tool."""
ChildTools = Literal["same", "none"] | Sequence[Given]
"""Which tools children get."""


@asynccontextmanager
async def open_tools(
    given: Sequence[Given], child_tools: ChildTools
) -> AsyncIterator[tuple[Mapping[str, HostTool], Mapping[str, HostTool]]]:
    """Make the tools of the root and those of its children, for the length of the block.

    Raises:
        ConfigError: One of them cannot be a tool, two have the same name, or a server cannot be
            reached.
    """
    match child_tools:
        case "same":
            of_children: Sequence[Given] = given
        case "none":
            of_children = ()
        case str():
            raise ConfigError(
                f"Cannot set child_tools to {child_tools!r}: it is 'same', 'none' or a list"
            )
        case _:
            of_children = child_tools
    made: dict[int, Sequence[HostTool]] = {}
    servers: dict[int, MCPServer] = {}
    for one in (*given, *of_children):
        if isinstance(one, MCPServer):
            servers[id(one)] = one
        elif id(one) not in made:
            made[id(one)] = [one if isinstance(one, Tool) else Tool(one)]
    with unwrapped():
        async with await _connect(list(servers.values())) as connections:
            for key, connection in zip(servers, connections, strict=True):
                made[key] = connection.tools
            yield _by_name(given, made), _by_name(of_children, made)


# Of connections, whose module may not be there
async def _connect(servers: Sequence[MCPServer]) -> Any:
    if not servers:
        return nullcontext(())
    # It takes half a second
    open_connections = await anyio.to_thread.run_sync(_load)
    return open_connections(servers)


def _load() -> Any:
    try:
        # Optional, and heavy
        from rlm_runtime._tools.mcp import open_connections
    except ImportError as exc:
        raise ConfigError(
            f"Cannot use an MCP server: {exc}; pip install 'rlm-pyodide[mcp]'"
        ) from exc
    return open_connections


def _by_name(
    given: Iterable[Given], made: Mapping[int, Sequence[HostTool]]
) -> Mapping[str, HostTool]:
    tools: dict[str, HostTool] = {}
    for one in given:
        for tool in made[id(one)]:
            if tools.setdefault(tool.name, tool) is not tool:
                raise ConfigError(
                    f"Cannot use two tools named {tool.name!r}: Tool(function, name=…) and"
                    " MCPServer(…, name=…) rename them"
                )
    return tools
