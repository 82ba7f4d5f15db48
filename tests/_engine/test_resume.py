"""How a run goes on: what differs, what counts, what is tried again, and what ends at once."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import replace
from typing import TypeVar

import anyio
import pytest

from rlm_runtime._engine.past_reading import read_past
from rlm_runtime._engine.tools import Tools
from rlm_runtime._errors import (
    ConfigError,
    LimitExceededError,
    ModelContentFilterError,
    ModelUnavailableError,
)
from rlm_runtime._events import (
    AnswerGiven,
    CodeExecuted,
    CodeStarted,
    Event,
    LimitsTold,
    ModelAttemptStarted,
    ModelReplied,
    ModelRequested,
    NodeRebuilt,
    NodeStarted,
    ReplayDiverged,
    RunEnded,
    RunResumed,
    SubCallEnded,
    SubCallStarted,
    ToolCalled,
)
from rlm_runtime._limits import Limits
from rlm_runtime._llm.scripted import ScriptedLLM
from rlm_runtime._modes import ModeChoice
from rlm_runtime._tools.function import Tool
from rlm_runtime._types import Message
from tests._engine.fakes import asked, repl, script
from tests._engine.metered import MeteredLLM
from tests._engine.resuming import MemoryTrace, Session, session

pytestmark = pytest.mark.anyio

_E = TypeVar("_E", bound=Event)


CAREFUL = """
try:
    a = await llm_query('child', recursive=False)
except Exception as e:
    a = 0
"""


def until(trace: MemoryTrace, kind: type[Event], number: int = 1) -> MemoryTrace:
    """Cut a record after the n-th event of a kind."""
    places = [n for n, one in enumerate(trace.events, 1) if isinstance(one, kind)]
    return trace.cut(places[number - 1])


def new(done: Session, kind: type[_E]) -> list[_E]:
    """Give the events of a kind that a resumed session added."""
    events = done.trace.events
    start = max(n for n, one in enumerate(events) if isinstance(one, RunResumed))
    return [one for one in events[start:] if isinstance(one, kind)]


def rewritten(trace: MemoryTrace, number: int, stdout: str) -> MemoryTrace:
    """Let the n-th block of a record have printed something else."""
    blocks = [n for n, one in enumerate(trace.log) if isinstance(one, CodeExecuted)]
    event = trace.log[blocks[number - 1]]
    assert isinstance(event, CodeExecuted)
    trace.log[blocks[number - 1]] = replace(event, stdout=stdout)
    return trace


async def test_code_that_gives_something_else_now_is_told_of_and_goes_on_from_there() -> None:
    replies = [repl("n = 1"), repl("print(n)"), repl("x = 2"), repl("await FINAL(n)")]
    whole = await session(script({"root": replies}))
    trace = rewritten(until(whole.trace, CodeExecuted, 3), 2, "elsewhen\n")
    done = await session(script({"root": replies}), trace)
    assert done.answer == 1
    (diverged,) = new(done, ReplayDiverged)
    assert (diverged.node, diverged.iteration, diverged.block) == (0, 2, 0)
    assert diverged.reason == "its output was 'elsewhen\\n', and is '1\\n'"
    # The third reply counts no more, and is asked for again
    assert [one.iteration for one in new(done, ModelRequested)] == [3, 4]
    assert not new(done, NodeRebuilt)
    past = read_past(done.trace.events)
    assert past is not None and past.root is not None
    assert past.root.iterations[2].results()[0].stdout == "1\n"


async def test_a_run_that_diverged_can_be_resumed_again() -> None:
    replies = {"root": [repl("print('a')"), repl("b = 1\nprint('b')"), repl("await FINAL(b)")]}
    whole = await session(script(replies))
    trace = rewritten(until(whole.trace, CodeExecuted, 2), 1, "z")
    diverged = await session(script(replies), trace)
    assert diverged.answer == 1 and len(new(diverged, ReplayDiverged)) == 1
    again = await session(script(replies), until(diverged.trace, CodeExecuted, 4))
    assert again.answer == 1 and again.asked.total() == 1
    assert not new(again, ReplayDiverged)


async def test_a_rebuilt_node_tells_so_and_repeats_nothing_in_the_trace() -> None:
    replies = {"root": [repl("a = await act(1)", "print(a)"), repl("await FINAL(a)")]}
    called = []

    async def act(n: int) -> int:
        called.append(n)
        return n + 1

    tools = Tools(root={"act": Tool(act)})
    whole = await session(script(replies), tools=tools)
    done = await session(script(replies), until(whole.trace, ModelReplied, 2), tools=tools)
    assert done.answer == 2 and called == [1]
    (rebuilt,) = new(done, NodeRebuilt)
    assert (rebuilt.node, rebuilt.iteration, rebuilt.blocks) == (0, 2, 2)
    kinds = (CodeExecuted, ToolCalled, NodeStarted, ModelRequested)
    assert [len(new(done, kind)) for kind in kinds] == [1, 0, 0, 0]


async def test_limits_are_told_again_as_they_were() -> None:
    replies = {"root": [repl("a = limits()\nprint(a['calls'])"), repl("await FINAL(a)")]}
    whole = await session(script(replies), limits=Limits(max_calls=7))
    done = await session(
        script(replies), until(whole.trace, ModelRequested, 2), limits=Limits(max_calls=50)
    )
    (told,) = [one for one in whole.trace.events if isinstance(one, LimitsTold)]
    assert done.answer == whole.answer == told.limits
    assert not new(done, LimitsTold) and not new(done, ReplayDiverged)


async def test_more_iterations_let_a_node_go_on_that_ended_without() -> None:
    replies = {"root": [repl("n = 1"), repl("n += 1"), repl("await FINAL(n)")]}
    stopped = await session(script(replies), limits=Limits(max_iterations=2))
    assert isinstance(stopped.error, LimitExceededError)
    same = await session(script(replies), stopped.trace, limits=Limits(max_iterations=2))
    assert isinstance(same.error, LimitExceededError) and not same.asked
    done = await session(script(replies), same.trace, limits=Limits(max_iterations=5))
    assert done.answer == 2 and done.asked.total() == 1


async def test_what_was_spent_counts_in_usage_and_against_limits() -> None:
    replies = {"root": [repl("n = 1"), repl("n += 1"), repl("await FINAL(n)")]}
    llm = MeteredLLM(script(replies), latency=lambda: 0)
    whole = await session(llm)
    cut = until(whole.trace, ModelReplied, 2)
    done = await session(llm, cut.cut(cut.next_seq))
    assert done.answer == 2
    assert done.run.ledger.usage == whole.run.ledger.usage
    refused = await session(llm, until(whole.trace, ModelReplied, 2), limits=Limits(max_calls=2))
    assert isinstance(refused.error, LimitExceededError)
    assert refused.error.stop_reason == "max_calls" and not refused.asked
    cost = whole.run.ledger.usage.cost
    assert cost is not None
    dear = await session(llm, until(whole.trace, ModelReplied, 2), limits=Limits(max_cost=cost / 2))
    assert isinstance(dear.error, LimitExceededError) and not dear.asked


async def test_a_call_in_flight_counts_with_its_worst_case() -> None:
    llm = MeteredLLM(script({"root": [repl("n = 1"), repl("await FINAL(n)")]}), latency=lambda: 0)
    limits = Limits(max_tokens=100_000)
    whole = await session(llm, limits=limits)
    cut = until(whole.trace, ModelAttemptStarted, 2)
    attempt = cut.events[-1]
    assert isinstance(attempt, ModelAttemptStarted) and attempt.completion_tokens is not None
    worst = attempt.prompt_tokens + attempt.completion_tokens
    done = await session(llm, cut, limits=limits)
    assert done.answer == 1
    account, usage = done.run.ledger.account, done.run.ledger.usage
    spent = whole.run.ledger.account.spent("max_tokens")
    assert account.spent("max_tokens") == spent + worst
    assert usage.calls == 3 and usage.prompt_tokens < spent + worst


async def test_a_cost_that_nobody_knows_is_no_ground_to_stand_on() -> None:
    replies = {"root": [repl("n = 1"), repl("await FINAL(n)")]}
    whole = await session(MeteredLLM(script(replies), price=None, latency=lambda: 0))
    cut = until(whole.trace, ModelReplied)
    cut.log = [replace(one, cost=None) if isinstance(one, ModelReplied) else one for one in cut.log]
    with pytest.raises(ConfigError, match="what 'metered' has cost so far is unknown"):
        await session(
            MeteredLLM(script(replies), price=None), cut, limits=Limits(max_cost=1), seconds=2
        )


async def test_time_that_was_spent_is_gone() -> None:
    replies = {"root": [repl("n = 1"), repl("await FINAL(n)")]}
    whole = await session(script(replies))
    cut = until(whole.trace, ModelReplied)
    first, last = cut.events[0], cut.events[-1]
    cut.log[cut.log.index(last)] = replace(last, mono=first.mono + 100)
    late = await session(script(replies), cut, limits=Limits(max_seconds=90))
    assert isinstance(late.error, LimitExceededError)
    assert late.error.stop_reason == "max_seconds" and not late.asked
    (ended,) = new(late, RunEnded)
    assert ended.seconds >= 100
    done = await session(script(replies), late.trace, limits=Limits(max_seconds=200))
    assert done.answer == 1


async def test_a_sub_call_that_failed_for_a_limit_is_made_again_where_its_block_was_cut_off() -> (
    None
):
    code = CAREFUL
    replies = {"root": [repl(code + "await sleep(0.01)\nawait FINAL(a)")], "child": ["7"]}
    stopped = await session(script(replies), limits=Limits(max_calls=1))
    assert stopped.answer == 0
    cut = until(stopped.trace, SubCallEnded)
    done = await session(script(replies), cut, limits=Limits(max_calls=9))
    assert done.answer == "7"


async def test_a_failure_that_the_code_has_seen_stays_one() -> None:
    code = CAREFUL
    replies = {"root": [repl(code), repl("await FINAL(a)")], "child": ["7"]}
    stopped = await session(script(replies), limits=Limits(max_calls=2))
    cut = until(stopped.trace, CodeExecuted)
    done = await session(script(replies), cut, limits=Limits(max_calls=9))
    assert done.answer == 0 and not new(done, SubCallStarted)


async def test_a_call_that_the_code_waits_for_now_is_made_after_all() -> None:
    code = "import asyncio\ntry:\n    a = await asyncio.wait_for(llm_query('c'), WAIT)\n"
    code += "except asyncio.TimeoutError:\n    a = 0\n"
    code += "await llm_query('x', recursive=False)"

    async def policy(messages: Sequence[Message]) -> str:
        if asked(messages) == "root":
            said = sum(one.role == "assistant" for one in messages)
            return [repl(code.replace("WAIT", "0.02")), repl("await FINAL(a)")][said]
        if asked(messages) == "c" and waits:
            await anyio.sleep_forever()
        return repl("await FINAL(5)")

    waits = True
    whole = await session(policy)
    assert whole.answer == 0
    cut = until(whole.trace, SubCallStarted, 2)
    # The code of the record is run, and it is patient now
    for at, one in enumerate(cut.log):
        if isinstance(one, CodeStarted) and "0.02" in one.code:
            cut.log[at] = replace(one, code=code.replace("WAIT", "9"))
    waits = False
    done = await session(policy, cut)
    assert done.answer == 5


async def test_a_reply_that_a_filter_held_back_is_one_without_text() -> None:
    asked_for: list[int] = []

    def policy(messages: Sequence[Message]) -> str:
        said = sum(one.role == "assistant" for one in messages)
        asked_for.append(said)
        if said == 0:
            raise ModelContentFilterError("held back")
        return [repl("n = 3"), repl("await FINAL(n)")][said - 1]

    whole = await session(policy)
    assert whole.answer == 3
    done = await session(policy, until(whole.trace, ModelReplied, 1))
    assert done.answer == 3 and asked_for == [0, 1, 2, 2]


async def test_a_model_that_failed_for_good_is_asked_again() -> None:
    fails = True

    def policy(messages: Sequence[Message]) -> str:
        said = sum(one.role == "assistant" for one in messages)
        if said == 1 and fails:
            raise ModelUnavailableError("Down", status=400)
        return [repl("n = 3"), repl("await FINAL(n)")][said]

    stopped = await session(policy, limits=Limits(max_attempts=1))
    assert isinstance(stopped.error, ModelUnavailableError)
    fails = False
    done = await session(policy, stopped.trace)
    assert done.answer == 3 and done.asked.total() == 1


async def test_the_deepest_completions_go_on_between_their_replies() -> None:
    code = "await FINAL(await llm_query('number', schema={'type': 'integer'}, recursive=False))"
    said = itertools.count()

    def policy(messages: Sequence[Message]) -> str:
        if messages[1].content.startswith("number"):
            next(said)
            return "no number" if len(messages) == 2 else "12"
        return repl(code)

    whole = await session(policy)
    assert whole.answer == 12
    done = await session(policy, until(whole.trace, ModelReplied, 2))
    assert done.answer == 12 and done.asked.total() == 1


async def test_a_direct_run_takes_the_reply_of_its_record() -> None:
    mode = ModeChoice("direct", "it was asked for")
    llm = ScriptedLLM(["no JSON", "[1]"])
    schema = {"type": "array"}
    whole = await session(llm, mode=mode, output_type=schema)
    assert whole.answer == [1]
    second = ScriptedLLM(["[1]"])
    cut = until(whole.trace, ModelReplied, 1)
    done = await session(second, cut, mode=mode, output_type=schema)
    assert done.answer == [1] and done.asked.total() == 1
    cut = until(whole.trace, ModelReplied, 2)
    done = await session(ScriptedLLM([]), cut, mode=mode, output_type=schema)
    assert done.answer == [1] and not done.asked


async def test_a_part_of_the_limits_is_a_part_of_what_is_left() -> None:
    child = [repl("a = await llm_query('x', recursive=False)"), repl("await FINAL(a)")]
    replies = {"root": [repl("await FINAL(await llm_query('child'))")], "child": child, "x": ["1"]}
    limits = Limits(max_node_share=0.5, max_calls=40, max_tokens=400_000)
    whole = await session(MeteredLLM(script(replies), latency=lambda: 0), limits=limits)
    assert whole.answer == "1"
    cut = until(whole.trace, ModelReplied, 3)
    done = await session(MeteredLLM(script(replies), latency=lambda: 0), cut, limits=limits)
    assert done.answer == "1" and done.run.ledger.usage == whole.run.ledger.usage


async def test_an_answer_that_was_given_needs_no_sandbox() -> None:
    whole = await session(script({"root": [repl("await FINAL([1])")]}))
    cut = until(whole.trace, AnswerGiven)
    done = await session(script({}), cut)
    assert done.answer == [1] and not done.asked and not done.sandboxes.opened


async def test_a_failure_of_a_sub_call_is_told_again_as_it_was() -> None:
    code = "try:\n    a = await llm_query('child')\nexcept Exception as e:\n"
    code += "    a = [type(e).__name__, e.stop_reason, e.partial]"
    replies = {"root": [repl(code), repl("await FINAL(a)")], "child": [repl("print(5)")] * 2}
    whole = await session(script(replies), limits=Limits(max_iterations=2))
    assert whole.answer == ["SubCallError", "max_iterations", "5"]
    cut = until(whole.trace, ModelReplied, 4)
    done = await session(script(replies), cut, limits=Limits(max_iterations=2))
    assert done.answer == whole.answer and not done.asked


async def test_three_replies_without_code_end_a_node_that_lost_its_sandbox_before() -> None:
    replies = {"root": ["Well.", repl("lose('It is gone')"), *["Well."] * 3, repl("1")]}
    whole = await session(script(replies))
    assert whole.error is not None and "3 replies in a row" in str(whole.error)
    assert (await session(script(replies), until(whole.trace, ModelReplied, 4))).asked.total() == 1
