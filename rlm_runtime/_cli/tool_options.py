"""The options that name tools, and what they mean."""

from __future__ import annotations

import importlib
import os
import re
import shlex
import sys
from collections.abc import Callable, Sequence
from typing import Any

import click

from rlm_runtime._errors import ConfigError
from rlm_runtime._tools.server import MCPServer

_NAMED = re.compile(r"([A-Za-z][A-Za-z0-9_]*)=(.+)", re.DOTALL)


class _Line(click.types.StringParamType):
    """A text with spaces in it; a variable holds several, one a line."""

    def split_envvar_value(self, rv: str) -> Sequence[str]:
        return [line.strip() for line in rv.splitlines() if line.strip()]


def tool_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the options for tools."""
    for option in (
        click.option(
            "--child-tools",
            envvar="RLM_CHILD_TOOLS",
            type=click.Choice(["same", "none"]),
            default="same",
            show_default=True,
            help="The tools of child nodes: those of the root, or none.",
        ),
        click.option(
            "--mcp",
            "mcp_servers",
            type=_Line(),
            envvar="RLM_MCP",
            multiple=True,
            metavar="[NAME=]COMMAND|URL",
            help="An MCP server whose tools the code may call; may be repeated.",
        ),
        click.option(
            "--tools",
            "functions",
            type=_Line(),
            envvar="RLM_TOOLS",
            multiple=True,
            metavar="MODULE:NAME",
            help="A Python function, found from here, that the code may call; may be repeated.",
        ),
    ):
        function = option(function)
    return function


def make_tools(mcp_servers: Sequence[str], functions: Sequence[str]) -> list[Any]:
    """Make what `RLM` takes as tools from what the options of `tool_options` gave.

    Raises:
        ConfigError: One of them is not what it should be, or is not there.
    """
    return [*map(_server, mcp_servers), *map(_function, functions)]


def _server(text: str) -> MCPServer:
    named = _NAMED.fullmatch(text)
    name, rest = named.groups() if named else (None, text)
    if re.match("https?://", rest):
        return MCPServer(url=rest, name=name)
    try:
        command, *args = shlex.split(rest)
    except ValueError as exc:
        raise ConfigError(f"Cannot read the MCP server {text!r}: {exc}") from exc
    return MCPServer(command=command, args=args, name=name)


def _function(text: str) -> object:
    """Import the user's own function, as Python itself would in this folder."""
    module, _, name = text.partition(":")
    if not module or not name:
        raise ConfigError(f"Cannot use {text!r} as a tool: write it as MODULE:NAME")
    here = os.getcwd()
    sys.path.insert(0, here)
    try:
        return getattr(importlib.import_module(module), name)
    # The user's module is the user's code
    except Exception as exc:
        reason = f"{type(exc).__name__}: {exc}"
        raise ConfigError(f"Cannot use {text!r} as a tool: {reason}") from exc
    finally:
        sys.path.remove(here)
