"""A connection to an MCP server; the one module that imports the package mcp."""

from __future__ import annotations

import base64
import binascii
import logging
import os
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any, TextIO

import anyio
import httpx2
from mcp import Client, StdioServerParameters, stdio_client
from mcp.client.streamable_http import streamable_http_client
from mcp.types import CallToolResult
from mcp.types import Tool as Described

from rlm_runtime._errors import ConfigError
from rlm_runtime._plain import to_plain
from rlm_runtime._tools.base import ToolError, is_free
from rlm_runtime._tools.schema import Parameters, identifier, write_doc, write_schema
from rlm_runtime._tools.server import MCPServer

_START_SECONDS = 30.0
# The package gives a process 6.5 s in all: to write, to exit, to obey SIGTERM and SIGKILL
_CLOSE_SECONDS = 8.0
_HTTP_SECONDS = 30.0
_HTTP_READ_SECONDS = 300.0
_MAX_PAGES = 50
_MAX_TOOLS = 500
_MAX_SAID_CHARS = 500
_MAX_REASON_CHARS = 2000
_STDERR_BYTES = 8192
_SECRET_CHARS = 8


class Connection:
    """A server from its start to its end, in a task of its own; `open_connections` makes it.

    The scopes of its client begin and end in that task, and what breaks there breaks nothing else.
    """

    def __init__(self, server: MCPServer) -> None:
        self.tools: list[ServerTool] = []
        self._server = server
        self._client: Client | None = None
        self._problem = ""
        self._stderr = bytearray()
        self._settled = anyio.Event()
        self._closing = anyio.Event()
        # It ends when `close` says so: a cancelled run too leaves it in good order
        self._scope = anyio.CancelScope(shield=True)

    async def live(self) -> None:
        """Start or reach the server, and stay until `close` is called."""
        try:
            with self._scope:
                async with self._open() as client:
                    described = await _list_tools(client)
                    self.tools = _make_tools(self, self._server, described)
                    self._client = client
                    self._settled.set()
                    await self._closing.wait()
        # The border: whatever the package raises, and however it wraps it
        except Exception as exc:
            self._problem = self._explain(exc)
        finally:
            self._client = None
            self._settled.set()

    async def wait_ready(self) -> None:
        """Wait until its tools are known.

        Raises:
            ConfigError: It cannot be started or reached.
        """
        with anyio.move_on_after(_START_SECONDS):
            await self._settled.wait()
        if self._client is None:
            reason = self._problem or f"it was not ready within {_START_SECONDS:g} s"
            said = self._without_secrets(self._stderr.decode("utf-8", "replace").strip())
            # Cut last: what is left of a secret that was cut would not be found
            last = said if len(said) <= _MAX_SAID_CHARS else f"…{said[-_MAX_SAID_CHARS:]}"
            words = f"; it wrote: {last}" if said else ""
            raise ConfigError(f"Cannot use MCP server {self._server.label!r}: {reason}{words}")

    def close(self) -> None:
        """Let it end, in bounded time."""
        if self._client is None:
            self._scope.cancel()
        self._closing.set()
        self._scope.deadline = anyio.current_time() + _CLOSE_SECONDS

    async def call(self, tool: str, arguments: dict[str, Any]) -> CallToolResult:
        """Call a tool by the server's own name for it.

        Raises:
            ToolError: The server refused, broke off, or is not there any more.
        """
        if self._client is None:
            gone = self._problem or "it has ended"
            raise ToolError(f"MCP server {self._server.label!r} is not there: {gone}")
        try:
            return await self._client.call_tool(tool, arguments)
        except Exception as exc:
            reason = self._explain(exc)
            raise ToolError(f"MCP server {self._server.label!r} failed: {reason}") from exc

    @asynccontextmanager
    async def _open(self) -> AsyncIterator[Client]:
        server = self._server
        async with AsyncExitStack() as stack:
            if server.url is not None:
                timeout = httpx2.Timeout(_HTTP_SECONDS, read=_HTTP_READ_SECONDS)
                http = httpx2.AsyncClient(headers=dict(server.headers or {}), timeout=timeout)
                await stack.enter_async_context(http)
                transport = streamable_http_client(server.url, http_client=http)
            else:
                stderr = await stack.enter_async_context(_draining(self._stderr))
                transport = stdio_client(_parameters(server), errlog=stderr)
            yield await stack.enter_async_context(Client(transport, cache=None))

    def _explain(self, exc: BaseException) -> str:
        """Say what went wrong, without what is secret in the settings of the server."""
        while isinstance(exc, BaseExceptionGroup):
            exc = exc.exceptions[0]
        if isinstance(exc, FileNotFoundError) and exc.filename:
            return f"there is no command {exc.filename!r}"
        return self._without_secrets(f"{type(exc).__name__}: {exc}")[:_MAX_REASON_CHARS]

    def _without_secrets(self, text: str) -> str:
        server = self._server
        secrets = [server.url or "", *(server.headers or {}).values(), *(server.env or {}).values()]
        for secret in secrets:
            if len(secret) >= _SECRET_CHARS:
                text = text.replace(secret, "…")
        return text


class ServerTool:
    """One tool of a server."""

    def __init__(self, connection: Connection, tool: Described, *, name: str, label: str) -> None:
        returned = tool.output_schema or {}
        self._unwraps = list(returned.get("properties") or ()) == ["result"]
        if self._unwraps:
            returns = write_schema(returned["properties"]["result"], returned)
        else:
            returns = write_schema(returned, returned)
        self._parameters = Parameters(tool.input_schema, returns)
        self._connection = connection
        self._tool = tool.name
        self.name = name
        self.signature = str(self._parameters)
        about = tool.description or f"The tool {tool.name[:100]!r} of the MCP server {label!r}."
        self.doc = write_doc(about, self._parameters)

    async def call(self, args: Sequence[Any], kwargs: Mapping[str, Any]) -> object:
        """Call it; the server validates the arguments.

        Raises:
            ToolError: It failed, or the arguments are not what it takes.
        """
        try:
            arguments = self._parameters.arguments(args, kwargs)
        except TypeError as exc:
            raise ToolError(f"{self.name}{self.signature}: {exc}") from exc
        plain, _ = to_plain(arguments)
        assert isinstance(plain, dict)
        result = await self._connection.call(self._tool, plain)
        if result.is_error:
            words = "\n".join(str(part) for part in _contents(result))
            raise ToolError(f"{self.name}(): {words[:_MAX_REASON_CHARS] or 'it failed'}")
        return self._value(result)

    def _value(self, result: CallToolResult) -> object:
        structured = result.structured_content
        if structured is not None:
            # Servers that must give an object wrap any other value like this
            wrapped = (
                self._unwraps and isinstance(structured, dict) and list(structured) == ["result"]
            )
            return structured["result"] if wrapped else structured
        parts = _contents(result)
        if all(isinstance(part, str) for part in parts):
            return "\n".join(str(part) for part in parts)
        return parts[0] if len(parts) == 1 else parts


@asynccontextmanager
async def open_connections(servers: Sequence[MCPServer]) -> AsyncIterator[list[Connection]]:
    """Start or reach servers, all at once, for the length of the block.

    Raises:
        ConfigError: One cannot be started or reached.
    """
    # Else Python prints the package's warnings where the user's terminal is
    logging.getLogger("mcp").addHandler(logging.NullHandler())
    connections = [Connection(server) for server in servers]
    async with anyio.create_task_group() as tasks:
        try:
            for one in connections:
                tasks.start_soon(one.live)
            for one in connections:
                await one.wait_ready()
            yield connections
        finally:
            for one in connections:
                one.close()


def _parameters(server: MCPServer) -> StdioServerParameters:
    assert server.command is not None
    env = None if server.env is None else dict(server.env)
    return StdioServerParameters(command=server.command, args=list(server.args), env=env)


@asynccontextmanager
async def _draining(into: bytearray) -> AsyncIterator[TextIO]:
    """Give a file for a child's stderr, and keep the last of what is written to it."""
    reading, writing = os.pipe()
    try:
        with os.fdopen(writing, "w") as file:
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(_drain, reading, into)
                yield file
                tasks.cancel_scope.cancel()
    finally:
        os.close(reading)


async def _drain(reading: int, into: bytearray) -> None:
    while True:
        await anyio.wait_readable(reading)
        into += os.read(reading, 65_536)
        del into[:-_STDERR_BYTES]


async def _list_tools(client: Client) -> list[Described]:
    tools: list[Described] = []
    cursor: str | None = None
    for _ in range(_MAX_PAGES):
        page = await client.list_tools(cursor=cursor)
        tools += page.tools
        cursor = page.next_cursor
        if cursor is None or len(tools) >= _MAX_TOOLS:
            break
    return tools[:_MAX_TOOLS]


def _make_tools(
    connection: Connection, server: MCPServer, described: Sequence[Described]
) -> list[ServerTool]:
    prefix = f"{server.name}_" if server.name else ""
    tools: dict[str, ServerTool] = {}
    for tool in described:
        name = identifier(f"{prefix}{tool.name}", taken=tools)
        if not is_free(name):
            name = identifier(f"{name}_", taken=tools)
        tools[name] = ServerTool(connection, tool, name=name, label=server.label)
    return list(tools.values())


def _contents(result: CallToolResult) -> list[str | dict[str, object]]:
    """Turn the contents of a result into values: text as str, anything else as a dict."""
    return [_content(block.model_dump(exclude_none=True)) for block in result.content]


def _content(block: dict[str, Any]) -> str | dict[str, object]:
    match block:
        case {"type": "text", "text": str(text)}:
            return text
        case {"type": "resource", "resource": {"text": str(text)}}:
            return text
        case {"type": "resource", "resource": {"blob": str(blob)}}:
            return {"type": "resource", **block["resource"], "blob": _decode(blob)}
        case {"data": str(data)}:
            return {**block, "data": _decode(data)}
    return dict(block)


def _decode(text: str) -> bytes | str:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return text
