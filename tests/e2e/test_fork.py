"""Forks: what they share, what they ask anew, and what they are told, with real sandboxes."""

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
    ConfigError,
    InputError,
    LimitExceededError,
    Limits,
    Message,
    ModelError,
    RunResult,
    read_trace,
)
from rlm_runtime._events import Event, ModelRequested, NodeRebuilt, RunForked
from rlm_runtime._sandbox.assets import Assets
from rlm_runtime._trace.places import list_runs
from rlm_runtime.testing import ScriptedLLM, open_loopback_server
from tests._engine.fakes import asked, repl

pytestmark = [pytest.mark.anyio, pytest.mark.deno, pytest.mark.usefixtures("assets")]

ROOT = Path(__file__).parent.parent.parent
QUERY = "Add up"
PARTS = """
import random
parts = await llm_query_batched(["part 0", "part 1"])
number = random.random()
print(parts, number)
"""
POLICY: dict[str, list[str | None]] = {
    QUERY: [repl(PARTS), repl("small = await llm_query('small', recursive=False)"), None],
    "part 0": [repl("FINAL(0)")],
    "part 1": [repl("x = 5"), repl("FINAL(x)")],
    "small": ["leaf"],
}


class Counted:
    """Counts what is asked; the root's last reply says the model's name."""

    def __init__(self, name: str) -> None:
        self.asked: list[str] = []
        self.heard: list[str] = []
        self.model = ScriptedLLM(self._answer, name=name)

    def _answer(self, messages: Sequence[Message]) -> str:
        said = sum(message.role == "assistant" for message in messages)
        self.asked.append(f"{asked(messages)} {said + 1}")
        self.heard.append(messages[-1].content)
        return POLICY[asked(messages)][said] or repl(
            f"FINAL([parts, number, small, {self.model.name!r}])"
        )


async def fork(
    model: Counted, folder: Path, run: str | Path, at: tuple[int, int], **more: Any
) -> tuple[RunResult, list[Event]]:
    events: list[Event] = []
    with anyio.fail_after(30):
        async with RLM(model.model, trace_dir=folder, on_event=events.append) as rlm:
            return await rlm.fork(run, at=at, **more), events


async def record(folder: Path) -> RunResult:
    with anyio.fail_after(30):
        async with RLM(Counted("one").model, trace_dir=folder) as rlm:
            return await rlm.run(QUERY, context="text")


@pytest.fixture(scope="module")
async def recorded(assets: Assets, tmp_path_factory: pytest.TempPathFactory) -> RunResult:
    """Record a run, once for all tests that begin with it; each has a copy of its own."""
    return await record(tmp_path_factory.mktemp("recorded"))


async def test_a_fork_asks_from_one_reply_on_and_shares_the_rest(
    tmp_path: Path, first: RunResult
) -> None:
    assert first.trace_path is not None
    before = first.trace_path.read_bytes()
    two = Counted("two")
    second, events = await fork(two, tmp_path, first.run_id, (0, 3), say="Be quick.")
    assert two.asked == [f"{QUERY} 3"]
    # The variables of the first two replies are there, the random number too
    assert second.answer == [*first.answer[:3], "scripted/two"]
    assert two.heard[0].endswith("The user says at this point:\n\nBe quick.")
    assert second.run_id != first.run_id and second.trace_path != first.trace_path
    assert first.trace_path.read_bytes() == before
    assert (second.usage.calls, second.nodes) == (first.usage.calls, first.nodes)
    forked = next(event for event in events if isinstance(event, RunForked))
    assert (forked.run, forked.parent, forked.node, forked.iteration, forked.say) == (
        second.run_id,
        first.run_id,
        0,
        3,
        "Be quick.",
    )
    assert [event.node for event in events if isinstance(event, NodeRebuilt)] == [0]
    # The trace of the fork alone is all that there is to know of it
    assert second.trace_path is not None
    numbers = [event.seq for event in read_trace(second.trace_path)]
    assert numbers == list(range(len(numbers)))
    requests = [one for one in read_trace(second.trace_path) if isinstance(one, ModelRequested)]
    assert len(requests) == first.usage.calls
    third, _ = await fork(Counted("three"), tmp_path, second.trace_path, (0, 3))
    assert third.answer == [*first.answer[:3], "scripted/three"]
    async with RLM(Counted("four").model, trace_dir=tmp_path) as rlm:
        again = await rlm.resume(second.run_id)
    assert again.answer == second.answer


async def test_what_is_asked_as_before_is_recalled_but_for_the_reply_itself(
    tmp_path: Path, first: RunResult
) -> None:
    one = Counted("one")
    second, _ = await fork(one, tmp_path, first.run_id, (0, 2))
    # The model is the same: its second reply is asked for anew, what follows is on record
    assert one.asked == [f"{QUERY} 2"]
    assert second.answer == first.answer
    assert second.recalled.calls == 2
    assert second.usage.calls + second.recalled.calls == first.usage.calls
    other = Counted("other")
    third, _ = await fork(other, tmp_path, first.run_id, (0, 2))
    assert other.asked == [f"{QUERY} 2", "small 1", f"{QUERY} 3"]
    assert third.answer == [*first.answer[:3], "scripted/other"]


async def test_a_child_can_be_forked_in_the_middle(tmp_path: Path, first: RunResult) -> None:
    assert first.trace_path is not None
    nodes = {
        one.node: one.iteration
        for one in read_trace(first.trace_path)
        if isinstance(one, ModelRequested) and one.node > 0
    }
    child = next(node for node, iteration in nodes.items() if iteration == 2)
    one = Counted("one")
    second, _ = await fork(one, tmp_path, first.run_id, (child, 2), say="Think again.")
    assert one.asked == ["part 1 2"]
    assert one.heard[0].endswith("Think again.")
    assert second.answer == first.answer


async def test_a_fork_that_failed_goes_on_and_is_told_the_same_once(
    tmp_path: Path, first: RunResult
) -> None:
    def fail(messages: Sequence[Message]) -> str:
        raise ModelError("no")

    broken = Counted("broken")
    broken.model = ScriptedLLM(fail)
    with pytest.raises(ModelError) as caught:
        await fork(broken, tmp_path, first.run_id, (0, 3), say="Be quick.")
    assert caught.value.trace_path is not None
    two = Counted("two")
    with anyio.fail_after(30):
        async with RLM(two.model, trace_dir=tmp_path) as rlm:
            second = await rlm.resume(caught.value.trace_path)
    assert second.answer == [*first.answer[:3], "scripted/two"]
    assert two.asked == [f"{QUERY} 3"] and two.heard[0].count("Be quick.") == 1


async def test_spending_that_is_shared_counts_against_the_limits(
    tmp_path: Path, first: RunResult
) -> None:
    two, limits = Counted("two"), Limits(max_calls=first.usage.calls - 1)
    with pytest.raises(LimitExceededError, match="max_calls is 6") as caught:
        await fork(two, tmp_path, first.run_id, (0, 2), limits=limits)
    # Four calls are shared, and the last one of all is the root's
    assert two.asked == [f"{QUERY} 2", f"{QUERY} 3"] and "last that is read" in two.heard[1]
    assert caught.value.usage is not None and caught.value.usage.calls == 6


async def test_a_place_that_is_not_there_is_refused_and_nothing_is_left(
    tmp_path: Path, first: RunResult
) -> None:
    with pytest.raises(InputError, match="Cannot fork at 0:4: node 0 has replies 1 to 3"):
        await fork(Counted("two"), tmp_path, first.run_id, (0, 4))
    assert list_runs(tmp_path) == [first.trace_path]
    assert first.trace_path is not None
    with anyio.fail_after(30):
        async with RLM(Counted("two").model, trace_dir=None) as rlm:
            with pytest.raises(ConfigError, match="Cannot fork without a trace"):
                await rlm.fork(first.trace_path, at=(0, 1))


async def rlm(tmp_path: Path, *args: str) -> tuple[int, str, str]:
    kept = {
        name: value
        for name, value in os.environ.items()
        if name in ("RLM_SANDBOX_ASSETS", "RLM_CACHE_DIR")
        or not name.startswith(("RLM_", "OPENAI_"))
    }
    traces = {"PYTHONPATH": str(ROOT), "RLM_TRACE_DIR": str(tmp_path / "traces")}
    with anyio.fail_after(40):
        done = await anyio.run_process(
            [sys.executable, "-m", "rlm_runtime", *args],
            check=False,
            cwd=tmp_path,
            env={**kept, **traces},
        )
    stderr = done.stderr.decode()
    assert "Traceback" not in stderr
    return done.returncode, done.stdout.decode(), stderr


async def test_the_command_forks_a_run_and_shows_where_it_came_from(tmp_path: Path) -> None:
    async def answer(messages: Sequence[Message]) -> str:
        said = sum(message.role == "assistant" for message in messages)
        told = "other" if "Say other." in messages[-1].content else "same"
        return POLICY[asked(messages)][said] or repl(f"FINAL({told!r})")

    async with open_loopback_server(answer) as server:
        endpoint = ("-m", "any", "--base-url", server.base_url)
        status, out, _ = await rlm(tmp_path, "run", "-p", QUERY, *endpoint)
        assert (status, out) == (0, "same\n")
        first = list_runs(tmp_path / "traces")[0].parent.name
        before = server.stats.requests
        # Model and endpoint are those that it had
        status, out, err = await rlm(
            tmp_path, "fork", first, "--at", "0:3", "--say", "Say other.", "--json"
        )
        report = json.loads(out)
        assert (status, report["answer"], server.stats.requests) == (0, "other", before + 1)
    assert report["run"] != first and Path(report["trace"]).parent.name == report["run"]
    assert f"forked from {first} at node 0, iteration 3" in err
    status, out, _ = await rlm(tmp_path, "view", report["run"])
    assert status == 0 and first in out
    status, out, err = await rlm(tmp_path, "fork", first, "--at", "7:1", *endpoint)
    assert (status, out) == (2, "")
    assert "Cannot fork at 7:1: there is no such node; node 0 has replies 1 to 3" in err
    status, out, err = await rlm(tmp_path, "fork", first, "--at", "3", *endpoint)
    assert status == 2 and "'3' is not of the form NODE:ITERATION" in err
