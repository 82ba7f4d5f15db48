"""Recall without a network: what a miss ends, and what a cost on record counts."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import anyio
import anyio.lowlevel
import pytest

from rlm_runtime._engine.models import Models
from rlm_runtime._engine.nearest import Request
from rlm_runtime._engine.recall import Recall
from rlm_runtime._engine.recorded import open_recorded
from rlm_runtime._engine.run import Run
from rlm_runtime._errors import (
    ConfigError,
    ModelRecallError,
)
from rlm_runtime._events import (
    CodeExecuted,
    Event,
    ModelAttemptStarted,
    ModelFailed,
    ModelReplied,
    NodeEnded,
    RunEnded,
)
from rlm_runtime._limits import Limits
from rlm_runtime._llm.scripted import ScriptedLLM
from rlm_runtime._prompts import Prompts
from rlm_runtime._trace.recorder import Recorder
from tests._engine.fakes import FakeSandboxes, play, repl, script
from tests._engine.metered import MeteredLLM
from tests._engine.recalls import keep, recalling
from tests.traces import write_trace

pytestmark = pytest.mark.anyio


async def test_a_cost_on_record_needs_no_price(tmp_path: Path) -> None:
    policy = script({"root": [repl("print(1)"), repl("await FINAL(2)")]})
    first = await play(MeteredLLM(policy))
    async with recalling(keep(tmp_path, first), only=True) as recall:
        limits = Limits(max_cost=0.01)
        second = await play(MeteredLLM(policy, price=None), limits=limits, recall=recall)
    assert (second.answer, second.run.ledger.recalled) == (2, first.run.ledger.usage)


async def test_a_cost_that_nobody_knows_cannot_be_kept_to(tmp_path: Path) -> None:
    model = MeteredLLM(script({"root": [repl("await FINAL(1)")]}), price=None)
    path = keep(tmp_path, await play(model))
    async with recalling(path, only=True) as recall:
        played = await play(model, limits=Limits(max_cost=1), recall=recall)
    assert isinstance(played.error, ConfigError)
    assert "what a recorded reply of 'metered' cost is not known" in str(played.error)
    async with recalling(path, only=True) as recall:
        assert (await play(model, recall=recall)).answer == 1


def without_reply(events: Sequence[Event], text: str) -> list[Event]:
    return [one for one in events if not (isinstance(one, ModelReplied) and one.text == text)]


BRAVE = """
try:
    answer = await llm_query("leaf", recursive=False)
except Exception:
    answer = "nothing"
await FINAL(answer)
"""


async def test_recall_only_ends_the_run_at_a_miss_whatever_its_code_does(tmp_path: Path) -> None:
    first = await play({"root": [repl(BRAVE)], "leaf": ["4"]})
    path = write_trace(tmp_path, "first", *without_reply(first.events, "4"))
    async with recalling(path, only=True) as recall:
        played = await play({}, recall=recall)
    assert isinstance(played.error, ModelRecallError)
    assert str(played.error) == (
        "Cannot recall a completion for node 0 by 'scripted/root', and recall_only is set:"
        " a completion for node 0 of run 'first' is the same, but was never answered"
    )
    assert played.requests == []
    assert [one.stop_reason for one in played.of(NodeEnded)] == ["model_error"]
    assert played.of(RunEnded)[0].stop_reason == "model_error"
    # It was not sent, so it counts as no call
    ledger = played.run.ledger
    assert (ledger.usage.calls, ledger.recalled.calls, len(played.of(ModelFailed))) == (0, 1, 1)


class SlowRecall(Recall):
    """Explains a miss only when the code has ended."""

    ended: anyio.Event

    async def missing(self, request: Request) -> ModelRecallError:
        with anyio.CancelScope(shield=True):
            await self.ended.wait()
            error = await super().missing(request)
        return error


class SlowRecorder(Recorder):
    """Takes its time to keep a value, as a trace does."""

    async def keep(self, value: object) -> str:
        await anyio.lowlevel.checkpoint()
        return ""


async def test_a_miss_after_the_answer_changes_nothing(tmp_path: Path) -> None:
    code = "late = llm_query('late', recursive=False)\nawait sleep(0.01)\nawait FINAL('the answer')"
    first = await play({"root": [repl(code)], "late": ["4"]})
    path = write_trace(tmp_path, "first", *without_reply(first.events, "4"))
    model = ScriptedLLM([], name="root")
    async with open_recorded([path]) as recorded:
        recall = SlowRecall(recorded, only=True)
        recall.ended = anyio.Event()
        run = Run(
            models=Models(root=model, subs=[model], aliases={}),
            limits=Limits(),
            prompts=Prompts.load(),
            open_sandbox=FakeSandboxes(),
            recording=SlowRecorder(
                None, lambda event: recall.ended.set() if isinstance(event, CodeExecuted) else None
            ),
            recall=recall,
        )
        with anyio.fail_after(10):
            answer = await run.answer("root", "the context", run="run", version="1")
    assert answer == "the answer"


async def test_what_is_asked_more_often_than_it_is_on_record_is_a_miss(tmp_path: Path) -> None:
    code = "[await llm_query('leaf', recursive=False) for _ in range(2)]"
    first = await play({"root": [repl(code)], "leaf": ["4"]}, limits=Limits(max_iterations=1))
    path = write_trace(
        tmp_path, "first", *(one for one in first.events if getattr(one, "call", 0) != 2)
    )
    async with recalling(path, only=True) as recall:
        played = await play({}, limits=Limits(max_iterations=1), recall=recall)
    assert str(played.error).endswith("it is on record once, and asked once more")


async def test_a_miss_is_asked_of_the_model_where_that_is_allowed(tmp_path: Path) -> None:
    first = await play({"root": [repl(BRAVE)], "leaf": ["4"]})
    path = write_trace(tmp_path, "first", *without_reply(first.events, "4"))
    async with recalling(path) as recall:
        played = await play({"leaf": ["5"]}, recall=recall)
    assert (played.answer, len(played.requests)) == ("5", 1)
    assert [one.call for one in played.of(ModelAttemptStarted)] == [1]
