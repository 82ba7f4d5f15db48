"""One node: what it is told, what it does with a reply, and how it ends."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from rlm_runtime._engine.models import Models
from rlm_runtime._engine.run import Run
from rlm_runtime._errors import (
    InputError,
    LimitExceededError,
    ModelError,
    NoAnswerError,
    SandboxError,
    SandboxStartError,
)
from rlm_runtime._events import (
    CodeExecuted,
    CodeStarted,
    ModelFailed,
    ModelReplied,
    ModelRequested,
    NodeEnded,
    SandboxLost,
)
from rlm_runtime._limits import Limits
from rlm_runtime._llm.base import NO_OPTIONS, CallOptions
from rlm_runtime._models import ModelInfo
from rlm_runtime._prompts import Prompts
from rlm_runtime._trace.recorder import Recorder
from rlm_runtime._types import Completion, Message, Usage
from tests._engine.fakes import FakeSandboxes, asked, play, repl

pytestmark = pytest.mark.anyio

PROMPTS = Prompts.load()
LAST = PROMPTS.last_iteration()
REMINDER = PROMPTS.reminder()
END = repl("await FINAL('done')")


async def test_messages_are_only_added_and_the_system_message_comes_first() -> None:
    played = await play({"root": [repl("print(1)"), "no code", repl("1/0"), END]})
    assert played.answer == "done"
    roles = [[message.role for message in request] for request in played.requests]
    assert roles[0] == ["system", "user"]
    for before, after in zip(played.requests, played.requests[1:], strict=False):
        assert after[: len(before)] == before
        assert [message.role for message in after[len(before) :]] == ["assistant", "user"]


async def test_the_first_message_tells_query_and_shape_but_not_the_context() -> None:
    played = await play({"What is it?": [END]}, query="What is it?", context="sesame\n" * 1000)
    system, first = played.requests[0]
    assert "What is it?" in first.content
    assert "a str of 7,000 characters in 1,001 lines" in first.content
    assert "You have 30 replies at most" in first.content
    assert "sesame" not in system.content + first.content


async def test_a_long_query_is_described_and_there_as_a_variable() -> None:
    query = "sesame " * 400
    played = await play(lambda messages: repl("await FINAL(query)"), query=query)
    assert played.answer == query
    told = played.told()
    assert "the variable `query` holds a str of 2,800 characters" in told
    assert "sesame" not in told
    exact = "q" * 2000
    assert exact in (await play({exact: [END]}, query=exact)).told()


@pytest.mark.parametrize("depth", [0, 1, 2, 3])
async def test_the_system_message_says_what_sub_calls_are(depth: int) -> None:
    played = await play({"root": [END]}, limits=Limits(max_depth=depth, max_observation_chars=999))
    kinds = {0: PROMPTS.system(sub_calls="none", max_observation_chars=999)}
    kinds[1] = PROMPTS.system(sub_calls="completions", max_observation_chars=999)
    nodes = PROMPTS.system(sub_calls="nodes", max_observation_chars=999)
    assert played.requests[0][0] == Message(role="system", content=kinds.get(depth, nodes))


async def test_the_model_sees_output_and_error_of_its_code() -> None:
    played = await play({"root": [repl("x = 6\nprint(x * 7)\n1/0"), repl("await FINAL(x)")]})
    assert played.answer == 6
    assert played.told() == PROMPTS.observation(
        observation="42\n\nerror:\nZeroDivisionError: division by zero",
        iteration=1,
        iterations=30,
        limits="Left: 999 calls.",
    )


async def test_each_observation_is_of_its_own_iteration() -> None:
    replies = [repl("print(1)"), repl("print(2)"), repl("print(3)\nlose('It broke')"), END]
    played = await play({"root": replies})
    assert played.told(2) == PROMPTS.observation(
        observation="2", iteration=2, iterations=30, limits="Left: 998 calls."
    )
    told = played.told(3)
    assert told.startswith("Output of reply 3 of 30:\n\n3\n\nerror:\nIt broke\n")


async def test_a_model_may_keep_the_messages_it_was_given() -> None:
    kept: list[Sequence[Message]] = []

    class Keeping:
        name = "keeping"
        info = ModelInfo()

        async def complete(
            self, messages: Sequence[Message], options: CallOptions = NO_OPTIONS
        ) -> Completion:
            kept.append(messages)
            text = repl("print(1)") if len(messages) == 2 else END
            return Completion(text=text, model="keeping", usage=Usage())

    # Not through play(), which copies them
    run = Run(
        models=Models(root=Keeping(), subs=[Keeping()], aliases={}),
        limits=Limits(),
        prompts=PROMPTS,
        open_sandbox=FakeSandboxes(),
        recording=Recorder(None, None),
    )
    await run.answer("root", None, run="run", version="1")
    assert [len(messages) for messages in kept] == [2, 4]


async def test_blocks_run_in_order_until_one_ends_the_node() -> None:
    blocks = ("seen = [1]", "seen.append(2)", "await FINAL(seen)", "seen.append(3)")
    played = await play({"root": [repl(*blocks)]})
    assert played.answer == [1, 2]
    assert played.sandboxes.opened[0].executed == list(blocks[:3])


async def test_a_failing_block_does_not_keep_the_next_from_running() -> None:
    played = await play({"root": [repl("print(1)", "1/0", "print(3)"), END]})
    told = played.told()
    assert told.index("Block 1:\n\n1") < told.index("ZeroDivisionError") < told.index("Block 3:")


async def test_an_answer_written_as_text_is_executed() -> None:
    played = await play({"root": ["I know it.\nFINAL([1, 2])"]})
    assert played.sandboxes.opened[0].executed == ["FINAL([1, 2])"]
    assert played.answer == [1, 2]


async def test_a_reply_without_code_gets_a_reminder() -> None:
    played = await play({"root": ["Hm.", END]})
    assert played.told() == REMINDER
    assert played.answer == "done"


async def test_three_replies_without_code_end_the_node() -> None:
    played = await play({"root": ["One.", "Two.", "Three.", END]})
    assert isinstance(played.error, NoAnswerError)
    assert str(played.error).startswith("Stopped without an answer: 3 replies in a row had neither")
    assert (played.error.stop_reason, played.error.partial) == ("no_answer", "Three.")
    assert len(played.requests) == 3
    ended = played.of(NodeEnded)[-1]
    assert (ended.stop_reason, ended.answer) == ("no_answer", "Three.")


async def test_code_begins_the_count_of_empty_replies_anew() -> None:
    replies = ["One.", "Two.", repl("1/0"), "One.", "Two.", END]
    assert (await play({"root": replies})).answer == "done"


async def test_max_iterations_ends_the_node_with_what_it_has() -> None:
    replies = [repl("print('first')"), "I think it is 7.\n" + repl("x = 7"), END]
    played = await play({"root": replies}, limits=Limits(max_iterations=2))
    assert isinstance(played.error, LimitExceededError)
    assert str(played.error) == "Stopped without an answer: max_iterations is 2"
    assert played.error.stop_reason == "max_iterations"
    assert played.error.partial == "I think it is 7."
    assert len(played.requests) == 2


async def test_output_is_a_partial_answer_too() -> None:
    played = await play(
        {"root": ["I count.\n" + repl("print('7 so far')")]}, limits=Limits(max_iterations=1)
    )
    assert isinstance(played.error, LimitExceededError)
    assert played.error.partial == "7 so far"


@pytest.mark.parametrize("iterations", [1, 2, 3])
async def test_the_notice_comes_before_the_last_reply_only(iterations: int) -> None:
    replies = [repl("print(1)"), "no code", END][:iterations]
    played = await play({"root": replies}, limits=Limits(max_iterations=iterations))
    noticed = [LAST in request[-1].content for request in played.requests]
    assert noticed == [False] * (iterations - 1) + [True]
    assert played.told().count(LAST) == 1


@pytest.mark.parametrize("calls", [1, 2, 3])
async def test_the_notice_comes_when_one_call_is_left(calls: int) -> None:
    replies = [*[repl("print(1)")] * (calls - 1), END]
    played = await play({"root": replies}, limits=Limits(max_calls=calls))
    assert played.answer == "done"
    assert [LAST in request[-1].content for request in played.requests] == [
        *[False] * (calls - 1),
        True,
    ]


async def test_a_sandbox_lost_in_mid_cell_is_replaced() -> None:
    code = ("kept = 1", "print('so far')\nlose('It broke')", "print('never')")
    played = await play({"root": [repl(*code), repl("print(context, query)"), END]})
    assert played.answer == "done"
    first, second = played.sandboxes.opened
    assert first.executed == list(code[:2])
    assert second.provided == {"context": "the context", "query": "root"}
    told = played.told(1)
    assert "Block 1:\n\n(no output)\n\nBlock 2:\n\nso far\n\nerror:\nIt broke\n" in told
    assert "your variables (kept), functions and imports are lost" in told
    assert "Output of reply 1 of 30" in told
    assert "the context root" in played.told(2)
    assert [event.reason for event in played.of(SandboxLost)] == ["It broke"]
    assert [event.stdout for event in played.of(CodeExecuted)] == [
        "",
        "so far\n",
        "the context root\n",
        "",
    ]


async def test_what_was_printed_counts_though_the_code_did_not_end() -> None:
    code = repl("print('PROGRESS')\nawait spin()")
    played = await play({"root": [code]}, limits=Limits(max_seconds=0.3))
    assert isinstance(played.error, LimitExceededError)
    assert played.error.partial == "PROGRESS"
    assert [event.stdout for event in played.of(CodeExecuted)] == ["PROGRESS\n"]


async def test_the_notice_comes_also_where_sub_calls_take_the_calls_before_it() -> None:
    code = repl("calls = [llm_query(f'child {i}', recursive=False) for i in range(20)]")
    limits = Limits(max_calls=6, max_concurrency=1)
    played = await play({"root": [code, END], "child": ["fine"] * 20}, limits=limits)
    assert played.answer == "done"
    root = [request for request in played.requests if asked(request) == "root"]
    assert LAST in root[-1][-1].content and len(played.requests) <= 6


async def test_what_was_printed_before_the_answer_is_in_the_trace() -> None:
    played = await play({"root": [repl("print('counted')\nawait FINAL(7)")]})
    assert [event.stdout for event in played.of(CodeExecuted)] == ["counted\n"]


async def test_what_blocks_printed_before_the_loss_is_told() -> None:
    played = await play({"root": [repl("print('precious')", "lose('It broke')"), END]})
    assert "precious" in played.told()
    assert "precious" not in (await play({"root": [repl("lose('x')"), END]})).told()


async def test_an_old_sandbox_s_variables_are_named_once() -> None:
    replies = [repl("old = 1"), repl("lose('first')"), repl("lose('second')"), END]
    played = await play({"root": replies})
    assert "your variables (old), functions" in played.told(2)
    assert "your variables, functions" in played.told(3)


async def test_each_loss_costs_an_iteration() -> None:
    played = await play({"root": [repl("lose('again')")] * 9}, limits=Limits(max_iterations=3))
    assert isinstance(played.error, LimitExceededError)
    assert played.error.stop_reason == "max_iterations"
    assert len(played.requests) == len(played.of(SandboxLost)) == 3
    assert len(played.sandboxes.opened) == 3


async def test_a_sandbox_lost_while_it_is_given_the_context_ends_the_node() -> None:
    sandboxes = FakeSandboxes(assign_problems={0: SandboxError("It broke")})
    played = await play({"root": [END]}, sandboxes=sandboxes)
    assert isinstance(played.error, SandboxError) and str(played.error) == "It broke"
    assert not played.of(CodeStarted)
    assert played.of(NodeEnded)[0].stop_reason == "sandbox_error"


async def test_a_context_that_cannot_be_sent_ends_the_run() -> None:
    sandboxes = FakeSandboxes(assign_problems={0: InputError("Cannot use this context")})
    played = await play({"root": [END]}, sandboxes=sandboxes)
    assert isinstance(played.error, InputError)


async def test_a_sandbox_that_cannot_be_replaced_ends_the_node() -> None:
    sandboxes = FakeSandboxes(problems={1: SandboxStartError("No Deno")})
    played = await play({"root": [repl("lose('It broke')"), END]}, sandboxes=sandboxes)
    assert isinstance(played.error, SandboxStartError)


async def test_the_first_answer_wins() -> None:
    code = "first, second = FINAL(1), FINAL(2)\nawait first"
    assert (await play({"root": [repl(code)]})).answer == 1


async def test_an_answer_wins_over_a_failure_beside_it() -> None:
    code = "try:\n    await FINAL('given')\nfinally:\n    lose('It broke')"
    played = await play({"root": [repl(code)]})
    assert (played.answer, played.error) == ("given", None)
    assert not played.of(SandboxLost)
    assert played.of(NodeEnded)[0].stop_reason == "answered"


async def test_an_answer_given_during_a_model_call_wins_over_its_failure() -> None:
    sandboxes = FakeSandboxes()

    async def policy(messages: Sequence[Message]) -> str:
        if len(messages) == 2:
            return repl("x = 1")
        # As a task that the code left behind would do
        await sandboxes.opened[0].calls.final("given")
        raise ModelError("It is down")

    played = await play(policy, sandboxes=sandboxes)
    assert (played.answer, played.error) == ("given", None)


async def test_nothing_runs_after_the_answer() -> None:
    code = "try:\n    await FINAL(1)\nexcept BaseException:\n    pass\nfinally:\n    x = 1"
    played = await play({"root": [repl(code, "print('never')"), END]})
    assert played.answer == 1
    assert len(played.sandboxes.opened[0].executed) == len(played.requests) == 1


async def test_a_model_that_fails_ends_the_node() -> None:
    def policy(messages: Sequence[Message]) -> str:
        raise ModelError("It is down", status=500)

    played = await play(policy)
    assert isinstance(played.error, ModelError) and played.error.status == 500
    assert [event.error for event in played.of(ModelFailed)] == ["It is down"]


async def test_a_request_holds_each_message_once_in_the_trace() -> None:
    played = await play({"root": [repl("print(1)"), "no code", END]})
    traced = [message for event in played.of(ModelRequested) for message in event.messages]
    sent = [{"role": one.role, "content": one.content} for one in played.requests[-1]]
    assert traced == sent
    replies = [event.text for event in played.of(ModelReplied)]
    assert replies == [repl("print(1)"), "no code", END]


async def test_the_node_s_limits_are_what_is_left() -> None:
    code = repl("left = limits()")
    limits = Limits(max_calls=10, max_nodes=5, max_iterations=4, max_seconds=100, max_depth=3)
    played = await play({"root": [code, repl("await FINAL(left)")]}, limits=limits)
    assert isinstance(played.answer, dict)
    seconds = played.answer.pop("seconds")
    assert 90 < seconds < 100
    assert played.answer == {
        "calls": 9,
        "tokens": None,
        "cost": None,
        "nodes": 4,
        "iterations": 3,
        "depth": 3,
    }


@pytest.mark.parametrize(
    ("context", "limit", "memory_mb"),
    [
        ("small", 512, 512),
        ("small", 64, 256),
        ("x" * (100 << 20), 512, 656),
        ({str(n): "x" * (1 << 20) for n in range(100)}, 512, 656),
    ],
    ids=["small", "small limit", "large str", "large dict"],
)
async def test_memory_is_what_the_context_needs(
    context: object, limit: int, memory_mb: int
) -> None:
    played = await play({"root": [END]}, context=context, limits=Limits(max_memory_mb=limit))
    assert played.sandboxes.memory_mb == [memory_mb]
