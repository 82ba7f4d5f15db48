"""The list of tools in a system prompt."""

from __future__ import annotations

from rlm_runtime._tools.function import Tool
from rlm_runtime._tools.listing import list_tools


def act(path: str, mode: int = 0) -> bool:
    """Do something
    with a file.

    And this is not told.
    """
    return bool(path and mode)


def test_a_tool_is_a_line_with_its_first_paragraph() -> None:
    tools = [Tool(act), Tool(act, name="bare", description=" ")]
    line = "(path: str, mode: int = 0) -> bool`"
    assert (
        list_tools(tools) == f"- `await act{line}: Do something with a file.\n- `await bare{line}"
    )


def test_the_list_is_bounded_and_names_what_it_leaves_out() -> None:
    tools = [Tool(act, name=f"tool_{n}", description="x" * 5000) for n in range(500)]
    text = list_tools(tools)
    lines = text.splitlines()
    assert len(text) < 10_500 and len(lines) > 10
    assert all(len(line) < 400 for line in lines[:-1])
    assert lines[-1].startswith(f"- and {501 - len(lines)} more, on which `help()` tells: `tool_")
