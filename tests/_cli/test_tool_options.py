"""The options that name tools."""

from __future__ import annotations

import math
import sys
from pathlib import Path
from typing import Any, Literal

import click
import pytest
from click.testing import CliRunner

from rlm_runtime._cli.model_options import NAMES, take_model_options
from rlm_runtime._cli.settings import make_settings
from rlm_runtime._cli.tool_options import make_tools, tool_options
from rlm_runtime._errors import ConfigError
from rlm_runtime._rlm import RLM


def parse(*words: str, **variables: str) -> dict[str, Any]:
    """Read options as a command does."""
    got: dict[str, Any] = {}

    @click.command()
    @tool_options
    def command(**options: Any) -> None:
        got.update(options)

    result = CliRunner().invoke(command, words, env=variables, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return got


def test_options_may_be_repeated_and_a_variable_holds_one_a_line() -> None:
    assert parse() == {"mcp_servers": (), "functions": (), "child_tools": "same"}
    assert parse("--mcp", "a b", "--mcp", "c", "--tools", "m:f") == {
        "mcp_servers": ("a b", "c"),
        "functions": ("m:f",),
        "child_tools": "same",
    }
    variables = {"RLM_MCP": "npx -y server\n\n http://host/mcp \n", "RLM_TOOLS": "m:f"}
    assert parse(**variables) == {
        "mcp_servers": ("npx -y server", "http://host/mcp"),
        "functions": ("m:f",),
        "child_tools": "same",
    }
    assert parse("--child-tools", "none") == parse(RLM_CHILD_TOOLS="none")
    assert parse("--child-tools", "none")["child_tools"] == "none"


@pytest.mark.parametrize(
    ("text", "name", "command", "args", "url"),
    [
        ("serve", None, "serve", [], None),
        ("uvx 'my server' --key=x", None, "uvx", ["my server", "--key=x"], None),
        ("lib=npx -y server", "lib", "npx", ["-y", "server"], None),
        ("https://host/mcp?a=b", None, None, [], "https://host/mcp?a=b"),
        ("web=http://host/mcp", "web", None, [], "http://host/mcp"),
        ("./serve --a=b", None, "./serve", ["--a=b"], None),
    ],
)
def test_a_server_is_a_command_or_a_url(
    text: str, name: str | None, command: str | None, args: list[str], url: str | None
) -> None:
    (server,) = make_tools([text], [])
    assert (server.name, server.command, list(server.args), server.url) == (
        name,
        command,
        args,
        url,
    )


def test_a_function_is_found_where_the_user_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "tools_of_this_test.py").write_text("def search(query): return query\n")
    monkeypatch.chdir(tmp_path)
    before = list(sys.path)
    (search,) = make_tools([], ["tools_of_this_test:search"])
    assert search("x") == "x" and sys.path == before
    monkeypatch.delitem(sys.modules, "tools_of_this_test")


@pytest.mark.parametrize(
    ("mcp_servers", "functions", "message"),
    [
        (["'unclosed"], [], "Cannot read the MCP server"),
        ([], ["search"], "write it as MODULE:NAME"),
        ([], [":x"], "write it as MODULE:NAME"),
        ([], ["no_such_module_here:x"], "ModuleNotFoundError"),
        ([], ["json:no_such_name"], "AttributeError"),
    ],
)
def test_what_cannot_be_read_is_a_config_error(
    mcp_servers: list[str], functions: list[str], message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        make_tools(mcp_servers, functions)


def test_the_tools_of_children_are_told_to_the_run() -> None:
    choices: tuple[Literal["same"], Literal["none"]] = ("same", "none")
    nothing: dict[str, Any] = dict.fromkeys(NAMES, ())
    for child_tools in choices:
        settings = make_settings(
            model="scripted/letter_counts",
            sub_models=(),
            base_url=None,
            models=take_model_options(nothing.copy()),
            mcp_servers=(),
            functions=("math:sqrt",),
            child_tools=child_tools,
            mode="rlm",
            direct_below_chars=0,
            packages=(),
            spare_sandboxes=None,
            prompts=None,
            trace_dir=None,
        )
        runner = settings.open_runner(lambda event: None, lambda line: None)
        assert isinstance(runner, RLM)
        assert (runner._given_tools, runner._child_tools) == ([math.sqrt], child_tools)
