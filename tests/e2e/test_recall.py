"""Recall over real sandboxes and a real endpoint: what is asked again, and what is not."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import anyio
import pytest

from rlm_runtime import (
    RLM,
    InputError,
    Limits,
    Message,
    ModelRecallError,
    RunResult,
    TraceError,
    Usage,
    read_trace,
)
from rlm_runtime._events import ModelRequested, RunStarted
from rlm_runtime._sandbox.assets import Assets
from rlm_runtime._settings import read_settings
from rlm_runtime._trace.places import list_runs
from rlm_runtime.testing import LoopbackServer, open_loopback_server
from tests._engine.fakes import asked, repl

pytestmark = [pytest.mark.anyio, pytest.mark.deno, pytest.mark.usefixtures("assets")]

ROOT = Path(__file__).parent.parent.parent
QUERY = "Add up"
PARTS = """
import random, asyncio
parts = await llm_query_batched([f"part {number}" for number in range(3)])
small = await llm_query("small words", recursive=False)
print(sorted(parts), small, random.random())
"""
POLICY = {
    "Add up": [repl(PARTS), repl("FINAL([sorted(parts), small, random.random()])")],
    "small words": ["leaf"],
    **{
        f"part {number}": [
            repl("import random\nprint(random.random(), set('abc'))"),
            repl(f"FINAL({number})"),
        ]
        for number in range(3)
    },
}
CALLS = 2 + 1 + 3 * 2


def answer(messages: Sequence[Message]) -> str:
    said = sum(message.role == "assistant" for message in messages)
    return POLICY[asked(messages)][said]


async def run(folder: Path | None, server: LoopbackServer | None, **settings: Any) -> RunResult:
    base_url = None if server is None else server.base_url
    with anyio.fail_after(30):
        async with RLM(
            "any", base_url=base_url, trace_dir=folder, limits=Limits(max_seconds=100), **settings
        ) as rlm:
            return await rlm.run(QUERY, context="text")


@pytest.fixture(scope="module")
async def recorded(assets: Assets, tmp_path_factory: pytest.TempPathFactory) -> RunResult:
    """Record a run, once for all tests that begin with it; each has a copy of its own."""
    return await _record(tmp_path_factory.mktemp("recorded"))


async def _record(folder: Path) -> RunResult:
    async with open_loopback_server(answer) as server:
        return await run(folder, server)


def keys(path: Path | None) -> list[str]:
    assert path is not None
    return sorted(event.key for event in read_trace(path) if isinstance(event, ModelRequested))


def seeds(path: Path | None) -> list[int]:
    assert path is not None
    return [event.seed for event in read_trace(path) if isinstance(event, RunStarted)]


async def test_an_unchanged_run_asks_nothing(tmp_path: Path) -> None:
    async with open_loopback_server(answer) as server:
        first = await run(tmp_path, server)
        assert (server.stats.requests, first.recalled) == (CALLS, Usage())
        second = await run(tmp_path, server, recall=first.run_id)
        assert second.answer == first.answer
        assert (second.usage, second.recalled) == (Usage(), first.usage)
        assert keys(second.trace_path) == keys(first.trace_path)
        assert seeds(second.trace_path) == seeds(first.trace_path) != [0]
        # What was recalled is on record, too
        third = await run(tmp_path, server, recall=[second.run_id[:-1], first.trace_path])
        assert (third.answer, server.stats.requests) == (first.answer, CALLS)


async def test_only_what_is_changed_is_asked(tmp_path: Path, first: RunResult) -> None:
    prompts = tmp_path / "prompts"
    prompts.mkdir()
    leaf = (ROOT / "prompts" / "leaf.md").read_text()
    (prompts / "leaf.md").write_text(f"{leaf}\nBe brief.\n")
    async with open_loopback_server(answer) as server:
        second = await run(tmp_path, server, recall=first.run_id, prompts=prompts)
        (request,) = server.requests
        assert asked(request.messages) == "small words"
    # Its reply is the same, so all that follows from it is on record again
    assert second.answer == first.answer
    assert (second.usage.calls, second.recalled.calls) == (1, CALLS - 1)


async def test_recall_only_needs_no_network_and_says_what_is_missing(
    tmp_path: Path, first: RunResult
) -> None:
    assert first.trace_path is not None
    folder = first.trace_path.parent
    fixture = tmp_path / "tests" / "data"
    fixture.parent.mkdir()
    folder.rename(fixture)
    for traces in (tmp_path, None):
        second = await run(traces, None, recall=fixture, recall_only=True)
        assert (second.answer, second.recalled) == (first.answer, first.usage)
        if second.trace_path is not None:
            # So that a resume of it asks no model unasked
            started = next(iter(read_trace(second.trace_path)))
            assert isinstance(started, RunStarted)
            assert read_settings(started.settings)["recall_only"] is True
    with pytest.raises(ModelRecallError) as caught:
        async with RLM("any", trace_dir=None, recall=fixture, recall_only=True) as rlm:
            await rlm.run(f"{QUERY} all", context="text")
    assert "Cannot recall reply 1 of node 0 by 'any', and recall_only is set" in str(caught.value)
    assert "differs first in message 2 (user)" in str(caught.value)
    assert "'Add up all" not in str(caught.value) and "up all" in str(caught.value)


async def test_a_run_that_is_not_there_and_a_damaged_one_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="Cannot find run 'nowhere'"):
        await run(tmp_path, None, recall="nowhere")
    damaged = tmp_path / "damaged"
    damaged.write_bytes(b"no trace" * 100)
    with pytest.raises(TraceError, match="Cannot read trace"):
        await run(tmp_path, None, recall=damaged)


async def rlm_run(tmp_path: Path, *args: str, **variables: str) -> tuple[int, str, str]:
    kept = {
        name: value
        for name, value in os.environ.items()
        if name in ("RLM_SANDBOX_ASSETS", "RLM_CACHE_DIR")
        or not name.startswith(("RLM_", "OPENAI_"))
    }
    traces = {"PYTHONPATH": str(ROOT), "RLM_TRACE_DIR": str(tmp_path / "traces")}
    with anyio.fail_after(30):
        done = await anyio.run_process(
            [sys.executable, "-m", "rlm_runtime", "run", "-p", QUERY, *args],
            check=False,
            cwd=tmp_path,
            env={**kept, **traces, **variables},
        )
    stderr = done.stderr.decode()
    assert "Traceback" not in stderr
    return done.returncode, done.stdout.decode(), stderr


async def test_the_command_recalls_with_no_server_and_no_key(tmp_path: Path) -> None:
    async with open_loopback_server(answer, api_key="k") as server:
        args = ("-m", "openai/any", "--base-url", server.base_url)
        status, out, _ = await rlm_run(tmp_path, *args, RLM_API_KEY="k")
        assert (status, server.stats.requests) == (0, CALLS)
        recorded = list_runs(tmp_path / "traces")[0].parent.name
        status, again, err = await rlm_run(
            tmp_path, *args, "--recall", recorded, "--max-calls", "9"
        )
        assert (status, again, server.stats.requests) == (0, out, CALLS)
    assert f"0 calls, {CALLS} replies recalled, 0 tokens" in err
    offline = ("-m", "openai/any", "--json")
    variables = {"RLM_RECALL": recorded, "RLM_RECALL_ONLY": "1"}
    status, out, err = await rlm_run(tmp_path, *offline, "--max-cost", "1", **variables)
    # The loopback server says no cost, and nobody else knows it
    assert status == 11 and "what a recorded reply of 'any' cost is not known" in err
    status, out, err = await rlm_run(tmp_path, *offline, **variables)
    report = json.loads(out)
    assert (status, report["usage"]["calls"], report["recalled"]["calls"]) == (0, 0, CALLS)


async def test_the_command_says_what_is_missing_and_ends_with_20(tmp_path: Path) -> None:
    async with open_loopback_server(answer) as server:
        await rlm_run(tmp_path, "-m", "any", "--base-url", server.base_url, "-q")
        recorded = list_runs(tmp_path / "traces")[0].parent.name
    args = ("--recall", recorded[:-2], "--recall-only", "-q")
    status, out, err = await rlm_run(tmp_path, "-m", "any", "--temperature", "0.5", *args)
    assert (status, out) == (20, "")
    assert "has the same messages, but another schema or other settings of the model" in err
    status, out, err = await rlm_run(tmp_path, "-m", "openai/other", *args)
    assert status == 20 and "no request to it is on record; recorded models: 'any'" in err
    status, out, err = await rlm_run(tmp_path, "-m", "any", "--recall", "nowhere")
    assert status == 10 and "rlm: Cannot find run 'nowhere'" in err
    status, out, err = await rlm_run(tmp_path, "-m", "any", "--recall-only")
    assert status == 2 and "--recall-only needs a run: name one with --recall RUN" in err
