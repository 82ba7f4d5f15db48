"""What a run has spent is the same to it when it goes on: in `usage`, and against its limits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import anyio
import pytest

from rlm_runtime._engine.models import Models
from rlm_runtime._engine.past_reading import read_past
from rlm_runtime._engine.run import Run
from rlm_runtime._errors import ModelUnavailableError
from rlm_runtime._events import ModelFailed, ModelReplied, ModelRequested
from rlm_runtime._limits import Limits
from rlm_runtime._llm.base import NO_OPTIONS, CallOptions
from rlm_runtime._prompts import Prompts
from rlm_runtime._types import Completion, Message, Usage
from rlm_runtime._usage import Ledger
from tests._engine.fakes import FakeSandboxes, asked, repl, script
from tests._engine.metered import MeteredLLM
from tests._engine.resuming import MemoryTrace, session
from tests._engine.test_resume import until

pytestmark = pytest.mark.anyio

LIMITS = Limits(max_tokens=2_000_000, max_cost=10.0, max_calls=50, max_depth=2)
CODE = """
import asyncio
a = await llm_query('uncounted', recursive=False)
b = await llm_query('breaks off', recursive=False)
try:
    await asyncio.wait_for(llm_query('slow', recursive=False), 0.05)
except asyncio.TimeoutError:
    pass
c = await llm_query('child')
"""
REPLIES = {
    "root": [repl(CODE), repl("await FINAL([a, b, c])")],
    "child": [repl("await FINAL(await llm_query('plain', recursive=False))")],
    "uncounted": ["u"],
    "breaks off": ["b"],
    "slow": ["s"],
    "plain": ["p"],
}


class Unsteady(MeteredLLM):
    """Leaves open what a reply took, breaks off in the middle of one, or gives none."""

    def __init__(self) -> None:
        super().__init__(script(REPLIES), latency=lambda: 0)
        self.broke_off = False

    async def complete(
        self, messages: Sequence[Message], options: CallOptions = NO_OPTIONS
    ) -> Completion:
        completion = await super().complete(messages, options)
        query = asked(messages)
        if query == "slow":
            await anyio.sleep_forever()
        if query == "breaks off" and not self.broke_off:
            self.broke_off = True
            error = ModelUnavailableError("It broke off", status=503, retry_after=0.01)
            error.spent = Usage(prompt_tokens=7, completion_tokens=3, cost=0.001)
            raise error
        return replace(completion, is_counted=query != "uncounted")


def carried(trace: MemoryTrace, limits: Limits = LIMITS) -> Ledger:
    """Give what a run counts as spent when it goes on."""
    llm = Unsteady()
    return Run(
        models=Models(root=llm, subs=[llm], aliases={}),
        limits=limits,
        prompts=Prompts.load(),
        open_sandbox=FakeSandboxes(),
        recording=MemoryTrace(),
        past=read_past(trace.events),
    ).ledger


async def test_all_that_was_spent_is_known_from_the_record() -> None:
    llm = Unsteady()
    whole = await session(llm, limits=LIMITS)
    assert whole.answer == ["u", "b", "p"] and llm.broke_off
    live, again = whole.run.ledger, carried(whole.trace)
    assert again.usage.calls == live.usage.calls == 7
    assert again.usage == live.usage
    for kind in ("max_tokens", "max_cost"):
        assert again.account.spent(kind) == live.account.spent(kind), kind
        assert again.account.spent(kind) >= (llm.tokens if kind == "max_tokens" else llm.money)
    assert again.nodes == live.nodes


async def test_a_call_that_was_refused_before_it_was_sent_is_none() -> None:
    whole = await session(Unsteady(), limits=LIMITS)
    trace = whole.trace
    trace.record(ModelRequested(node=0, call=99, model="metered", iteration=None, messages=()))
    trace.record(ModelFailed(node=0, call=99, error="No room", seconds=0.0, attempts=0))
    assert carried(trace).usage.calls == whole.run.ledger.usage.calls


async def test_the_time_of_all_sessions_counts() -> None:
    replies = {"root": [repl("n = 1"), repl("await FINAL(n)")]}
    trace = until((await session(script(replies))).trace, ModelReplied)
    for _ in range(2):
        last = trace.events[-1]
        trace.log[trace.log.index(last)] = replace(last, mono=last.mono + 30)
        trace = (await session(script(replies), trace)).trace
    past = read_past(trace.events)
    assert past is not None and 60 <= past.seconds < 90


async def test_what_other_runs_had_spent_is_told_apart_when_a_run_goes_on() -> None:
    whole = await session(Unsteady(), limits=LIMITS)
    trace, spent = whole.trace, whole.run.ledger.account.spent("max_tokens")
    replies = [one for one in trace.events if isinstance(one, ModelReplied)]
    for one in replies:
        trace.log[trace.log.index(one)] = replace(one, recalled="another")
    ledger = carried(trace)
    assert ledger.recalled.calls == len(replies) == 6
    assert ledger.recalled.completion_tokens == sum(one.completion_tokens for one in replies)
    # Only the call that was given up, and the attempt that broke off
    assert ledger.usage.calls == 1 and ledger.usage.prompt_tokens < 7 + 2000
    assert ledger.account.spent("max_tokens") == spent
