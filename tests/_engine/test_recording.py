"""What a run tells of itself is enough to go on with it."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import anyio
import pytest

from rlm_runtime._engine.tools import Tools
from rlm_runtime._events import (
    AnswerGiven,
    CodeExecuted,
    LimitsTold,
    ModelAttemptStarted,
    ModelFailed,
    ModelReplied,
    ModelRequested,
    NodeEnded,
    SubCallEnded,
    SubCallStarted,
    ToolFailed,
)
from rlm_runtime._limits import Limits
from rlm_runtime._tools.function import Tool
from rlm_runtime._types import Message
from tests._engine.fakes import asked, play, repl

pytestmark = pytest.mark.anyio


async def never_child(messages: Sequence[Message], *, root: str) -> str:
    if asked(messages) != "root":
        await anyio.sleep_forever()
    return root


async def test_a_sub_call_given_up_tells_so_with_its_model_call() -> None:
    root = repl("llm_query('child', recursive=False)\nawait sleep(0.05)\nawait FINAL(1)")
    played = await play(partial(never_child, root=root))
    assert played.answer == 1
    (ended,) = played.of(SubCallEnded)
    assert (ended.stop_reason, ended.answer) == ("interrupted", "")
    (failed,) = played.of(ModelFailed)
    (started,) = played.of(SubCallStarted)
    requested = next(one for one in played.of(ModelRequested) if one.call == failed.call)
    assert requested.sub_call == started.sub_call == ended.sub_call
    assert failed.cancelled and failed.prompt_tokens > 0


async def test_an_attempt_is_told_before_it_is_made_with_what_it_may_take() -> None:
    played = await play({"root": [repl("await FINAL(1)")]}, limits=Limits(max_tokens=50_000))
    (attempt,), (replied,) = played.of(ModelAttemptStarted), played.of(ModelReplied)
    assert played.events.index(attempt) < played.events.index(replied)
    assert attempt.completion_tokens is not None and attempt.attempt == 1
    assert attempt.prompt_tokens >= replied.prompt_tokens


async def test_equal_sub_calls_have_one_key_and_others_have_their_own() -> None:
    calls = "a, b = llm_query('x'), llm_query('x')\nc = llm_query('x', 'y')\nawait FINAL(await a)"
    played = await play({"root": [repl(calls)], "x": [repl("await FINAL(2)")] * 3})
    # Without a trace there are no references, and the arguments are all that keys know
    assert [event.iteration for event in played.of(SubCallStarted)] == [1, 1, 1]
    assert [event.sub_call for event in played.of(SubCallStarted)] == [0, 1, 2]


async def test_what_the_code_was_told_of_its_limits_is_recorded() -> None:
    played = await play({"root": [repl("await FINAL(limits()['depth'])")]})
    (told,) = played.of(LimitsTold)
    assert played.answer == told.limits["depth"] == 2


async def test_an_answer_that_was_refused_is_recorded_with_the_reason() -> None:
    replies = {"root": [repl("await FINAL('x')"), repl("await FINAL([1])")]}
    played = await play(replies, output_type={"type": "array"})
    refused, taken = played.of(AnswerGiven)
    assert refused.rejected is not None and "must be array" in refused.rejected
    assert (taken.rejected, taken.iteration) == (None, 2)
    assert played.events.index(taken) < played.events.index(played.of(NodeEnded)[0])


async def test_code_that_its_node_ended_under_is_told_apart() -> None:
    played = await play({"root": [repl("a = 1", "b = 2"), repl("await FINAL(1)")]})
    told = [(event.iteration, event.block, event.completed) for event in played.of(CodeExecuted)]
    assert told == [(1, 0, True), (1, 1, True), (2, 0, False)]
    assert played.of(CodeExecuted)[1].variables == ("a", "b")


async def test_a_tool_given_up_is_told_apart_from_one_that_failed() -> None:
    async def slow() -> None:
        """Take for ever."""
        await anyio.sleep_forever()

    tools = Tools(root={"slow": Tool(slow)})
    played = await play({"root": [repl("slow()\nawait sleep(0.05)\nawait FINAL(1)")]}, tools=tools)
    (failed,) = played.of(ToolFailed)
    assert failed.cancelled
