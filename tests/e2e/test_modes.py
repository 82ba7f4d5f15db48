"""Runs that are answered directly, or with a REPL, as their mode says."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import anyio
import psutil
import pytest
from click.testing import CliRunner

from rlm_runtime import RLM, ConfigError, Event, Message, RunResult, read_trace
from rlm_runtime._cli import cli
from rlm_runtime._engine.gate import Gate
from rlm_runtime._engine.models import Models
from rlm_runtime._engine.tools import NO_TOOLS
from rlm_runtime._events import ModeChosen, SandboxStarted
from rlm_runtime._limits import Limits
from rlm_runtime._llm.base import LLM
from rlm_runtime._models import ModelInfo
from rlm_runtime._modes import DIRECT_BELOW_CHARS, AskedMode
from rlm_runtime._prompts import Prompts
from rlm_runtime._runner import Runner
from rlm_runtime.testing import ScriptedLLM, open_loopback_server
from tests._engine.fakes import repl
from tests.e2e.test_cli import rlm

pytestmark = pytest.mark.anyio

LONG = "x" * 25_000


def policy(messages: Sequence[Message]) -> str:
    """Answer at once where the context is in the prompt, else with code."""
    if "`context`" in messages[0].content:
        return repl("FINAL(len(context))")
    return f"Read: {messages[1].content[:20]!r}"


async def answered(mode: AskedMode, *contexts: object) -> list[tuple[RunResult, list[Event]]]:
    """Run a query about each context with one RLM."""
    events: list[Event] = []
    ran = []
    before = set(psutil.Process().children(recursive=True))
    async with RLM(
        ScriptedLLM(policy), mode=mode, trace_dir=None, on_event=events.append
    ) as opened:
        for context in contexts:
            result = await opened.run("q", context=context)
            ran.append((result, events[:]))
            events.clear()
            if result.mode == "direct":
                assert set(psutil.Process().children(recursive=True)) <= before
    return ran


async def test_direct_needs_nothing_of_the_sandbox(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache = tmp_path / "cache"
    monkeypatch.setenv("RLM_CACHE_DIR", str(cache))
    monkeypatch.setenv("RLM_SANDBOX_ASSETS", str(tmp_path / "none"))
    with anyio.fail_after(50):
        ((result, events),) = await answered("direct", LONG)
    assert (result.answer, result.mode) == ("Read: '# Context\\n\\nxxxxxxxxx'", "direct")
    assert (result.nodes, result.usage.calls) == (1, 1)
    assert not cache.exists()
    assert not any(isinstance(event, SandboxStarted) for event in events)


@pytest.mark.deno
@pytest.mark.usefixtures("assets")
async def test_auto_is_direct_for_a_short_text_and_an_rlm_for_the_rest() -> None:
    with anyio.fail_after(50):
        short, long, data = await answered("auto", "short", LONG, [1])
    assert [result.mode for result, _ in (short, long, data)] == ["direct", "rlm", "rlm"]
    assert [result.answer for result, _ in (long, data)] == [25_000, 1]
    for result, events in (short, long, data):
        (choice,) = (event for event in events if isinstance(event, ModeChosen))
        assert choice.mode == result.mode
        starts = sum(isinstance(event, SandboxStarted) for event in events)
        assert starts == (result.mode == "rlm")


class Narrow(ScriptedLLM):
    """A model whose window holds 700 characters of prompt."""

    @property
    def info(self) -> ModelInfo:
        return ModelInfo(context_tokens=200)


def runner(llm: LLM, *, needs_code: str | None = None) -> Runner:
    return Runner(
        models=Models(root=llm, subs=[llm], aliases={}),
        tools=NO_TOOLS,
        prompts=Prompts.load(),
        pool=None,
        limits=Limits(),
        asked_mode="auto",
        direct_below_chars=DIRECT_BELOW_CHARS,
        needs_code=needs_code,
        trace_dir=None,
        on_event=None,
        gate=Gate(),
    )


def test_auto_heeds_the_window_of_the_root_and_what_only_code_can_use() -> None:
    wide, narrow = ScriptedLLM(policy), Narrow(policy)
    query, context = "q", "x" * 699
    assert runner(wide).choose_mode(query, context).mode == "direct"
    assert runner(narrow).choose_mode(query, context).mode == "direct"
    assert runner(narrow).choose_mode(query, f"{context}x").mode == "rlm"
    assert runner(wide, needs_code="packages").choose_mode(query, context).mode == "rlm"
    choice = runner(wide, needs_code="tools").choose_mode(query, context)
    assert "tools, which only code" in choice.reason


async def test_an_unknown_mode_is_refused() -> None:
    with pytest.raises(ConfigError, match="Cannot set mode to 'fast'"):
        async with RLM(ScriptedLLM(policy), mode="fast"):  # type: ignore[arg-type]  # the mistake
            pytest.fail("It opened")


@pytest.mark.deno
@pytest.mark.usefixtures("assets")
async def test_the_command_line_tells_of_the_mode_everywhere(tmp_path: Path) -> None:
    reason = "query and context have 8 characters, fewer than direct_below_chars of 9"
    async with open_loopback_server(lambda messages: "Seven") as server:
        args = ("-p", "How many", "-m", "m", "--base-url", server.base_url)
        status, out, err = await rlm(tmp_path, *args, RLM_MODE="direct")
        assert (status, out) == (0, "Seven\n")
        assert "mode direct: it was asked for\n" in err and "\ndirect, 1 node, 1 call" in err
        assert server.stats.requests == 1
        status, out, err = await rlm(
            tmp_path, *args, "--mode", "auto", "--direct-below-chars", "9", "--json"
        )
    told = json.loads(out)
    assert (status, told["mode"], told["answer"]) == (0, "direct", "Seven")
    assert f"mode direct: {reason}" in err
    events = list(read_trace(Path(told["trace"])))
    assert [event for event in events if isinstance(event, ModeChosen)][0].reason == reason
    shown = CliRunner().invoke(cli, ["view", told["trace"]]).stdout.splitlines()
    assert shown[1] == f"mode direct: {reason}"
    assert shown[2].startswith("0 answered, m, depth 0, 1 call")


async def test_what_does_not_fit_is_exit_10(tmp_path: Path) -> None:
    (tmp_path / "long.txt").write_text("x" * 400_001)
    args = ("-p", "q", "-m", "m", "--base-url", "http://127.0.0.1:9/v1", "-c", "long.txt")
    status, out, err = await rlm(tmp_path, *args, "--mode", "direct")
    assert (status, out) == (10, "")
    assert "rlm: Cannot answer directly: query and context have 400,0" in err
