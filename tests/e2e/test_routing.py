"""A model for each depth, an alias for the code, over HTTP."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import anyio
import pytest

from rlm_runtime import RLM, Event, Limits, Message
from rlm_runtime._events import NodeStarted, RunStarted
from rlm_runtime._trace.places import list_runs
from rlm_runtime._trace.reader import read_trace
from rlm_runtime.testing import open_loopback_server
from tests._engine.fakes import asked, repl
from tests.e2e.test_cli import rlm

pytestmark = [pytest.mark.anyio, pytest.mark.deno, pytest.mark.usefixtures("assets")]

DOWN = "FINAL(await llm_query('down', int(context) + 1 if context else 1))"


def policy(messages: Sequence[Message]) -> str:
    """Go down as deep as it goes; the deepest call is a completion."""
    if "`context`" not in messages[0].content:
        return messages[1].content
    return repl(DOWN)


async def test_each_depth_asks_its_own_model() -> None:
    events: list[Event] = []
    async with open_loopback_server(policy) as server:
        with anyio.fail_after(50):
            async with RLM(
                "top",
                sub_model=["openai/one", "two"],
                base_url=server.base_url,
                limits=Limits(max_depth=3),
                trace_dir=None,
                on_event=events.append,
            ) as opened:
                result = await opened.run("down", context=0)
        assert server.stats.by_model == {"top": 1, "one": 1, "two": 2}
    assert result.answer == "down\n\n3"
    assert [one.model for one in events if isinstance(one, NodeStarted)] == ["top", "one", "two"]
    assert isinstance(events[0], RunStarted) and events[0].sub_model == "one, two"


async def test_the_prompt_tells_of_the_aliases_and_code_can_use_them() -> None:
    heard: list[str] = []

    def choose(messages: Sequence[Message]) -> str:
        if asked(messages) == "q":
            heard.append(messages[0].content)
            return repl("FINAL(await llm_query('hi', model='fast', recursive=False))")
        return "hello"

    async with open_loopback_server(choose) as server:
        with anyio.fail_after(50):
            async with RLM(
                "m", models={"fast": "f", "deep": "d"}, base_url=server.base_url, trace_dir=None
            ) as opened:
                assert (await opened.run("q", context="")).answer == "hello"
        assert server.stats.by_model == {"m": 1, "f": 1}
    assert 'there are: "fast", "deep".' in heard[0]


@pytest.mark.parametrize("by_variable", [False, True])
async def test_the_command_line_takes_one_for_each_depth(by_variable: bool, tmp_path: Path) -> None:
    async with open_loopback_server(policy) as server:
        args = ["-p", "down", "-m", "top", "--base-url", server.base_url, "--max-depth", "3", "-q"]
        if by_variable:
            done = await rlm(tmp_path, *args, "-c", "-", RLM_SUB_MODEL="one two")
        else:
            done = await rlm(tmp_path, *args, "-c", "-", "--sub-model", "one", "--sub-model", "two")
        assert done == (0, "down\n\n3\n", "")
        assert server.stats.by_model == {"top": 1, "one": 1, "two": 2}
    (trace,) = list_runs(tmp_path / "traces")
    started = next(read_trace(trace))
    assert isinstance(started, RunStarted) and started.sub_model == "one, two"
