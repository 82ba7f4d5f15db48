"""A tree of nodes: what sub-calls become, how failures travel, and what the events tell."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import anyio
import pytest

from rlm_runtime._errors import InputError, ModelError, ModelUnavailableError, SandboxError
from rlm_runtime._events import (
    AnswerGiven,
    CodeExecuted,
    CodeStarted,
    Event,
    ModelAttemptStarted,
    ModelFailed,
    ModelReplied,
    ModelRequested,
    NodeEnded,
    NodeStarted,
    RunEnded,
    RunStarted,
    SandboxLost,
    SandboxStarted,
    SubCallEnded,
    SubCallStarted,
)
from rlm_runtime._limits import Limits
from rlm_runtime._llm.base import NO_OPTIONS, CallOptions
from rlm_runtime._llm.scripted import ScriptedLLM
from rlm_runtime._models import ModelInfo
from rlm_runtime._prompts import Prompts
from rlm_runtime._types import Completion, Message
from tests._engine.fakes import FakeSandboxes, asked, make_run, play, repl, script

pytestmark = pytest.mark.anyio

LEAF = Prompts.load().leaf()
ANSWER = repl("await FINAL(await llm_query('child', [1, 2]))")
# What code is told of a failed sub-call
TOLD = """
try:
    await llm_query('child')
except Exception as error:
    await FINAL([str(error), error.stop_reason, error.partial])
"""


async def test_the_events_of_a_tree_are_complete_and_in_order() -> None:
    replies = {"root": [repl("print(1)"), ANSWER], "child": [repl("await FINAL(len(context))")]}
    played = await play(replies)
    assert played.answer == 2
    asked = [ModelRequested, ModelAttemptStarted, ModelReplied]
    node = [SandboxStarted, *asked, CodeStarted]
    assert [type(event) for event in played.events] == [
        RunStarted,
        NodeStarted,
        *node,
        CodeExecuted,
        *asked,
        CodeStarted,
        SubCallStarted,
        NodeStarted,
        *node,
        CodeExecuted,
        AnswerGiven,
        NodeEnded,
        SubCallEnded,
        CodeExecuted,
        AnswerGiven,
        NodeEnded,
        RunEnded,
    ]
    root, child = played.of(NodeStarted)
    assert (root.node, root.parent, root.depth, root.query) == (0, None, 0, "root")
    assert (child.node, child.parent, child.depth, child.query) == (1, 0, 1, "child")
    assert child.context == "a list of 2 items, each of type int"
    assert [event.call for event in played.of(ModelRequested)] == [0, 1, 2]
    assert [event.pid for event in played.of(SandboxStarted)] == [1000, 1001]
    ended = [(event.node, event.answer, event.answer_type) for event in played.of(NodeEnded)]
    assert ended == [(1, "2", "int"), (0, "2", "int")]


async def test_the_run_s_events_tell_settings_and_totals() -> None:
    limits = Limits(max_seconds=9)
    played = await play({"root": [ANSWER], "child": [repl("await FINAL(1)")]}, limits=limits)
    (started,), (ended,) = played.of(RunStarted), played.of(RunEnded)
    assert (started.run, started.version, started.query) == ("run", "1", "root")
    assert (started.model, started.sub_model) == ("scripted/root", "scripted/root")
    assert started.limits["max_seconds"] == 9
    assert started.limits.keys() == set(Limits.__slots__)
    usage = played.run.ledger.usage
    assert (ended.stop_reason, ended.error, ended.calls, ended.nodes) == ("answered", None, 2, 2)
    assert (ended.prompt_tokens, ended.completion_tokens, ended.cost) == (
        usage.prompt_tokens,
        usage.completion_tokens,
        0.0,
    )


def kind_at(messages: Sequence[Message]) -> str:
    """Answer as a completion, or as a node that says what it was given."""
    if messages[0].content == LEAF:
        return f"completion of {messages[1].content}"
    if asked(messages) == "root":
        return ""
    return repl("await FINAL(['node', query, context])")


@pytest.mark.parametrize(
    ("max_depth", "options", "answer"),
    [
        (1, "", "completion of child"),
        (1, ", recursive=True", "completion of child"),
        (1, ", recursive=False", "completion of child"),
        (2, "", ["node", "child", "child"]),
        (2, ", recursive=True", ["node", "child", "child"]),
        (2, ", recursive=False", "completion of child"),
        (3, "", ["node", "child", "child"]),
        (2, ", context=[1]", ["node", "child", [1]]),
        (2, ", context=''", ["node", "child", ""]),
        (1, ", context='text'", "completion of child\n\ntext"),
        (
            1,
            ", context={'a': [1, None], 2: 'é'}",
            'completion of child\n\n{"a": [1, null], "2": "é"}',
        ),
        (1, ", context=b'ab'", 'completion of child\n\n"YWI="'),
        (1, ", context=''", "completion of child\n\n"),
    ],
)
async def test_what_a_sub_call_becomes(max_depth: int, options: str, answer: object) -> None:
    def policy(messages: Sequence[Message]) -> str:
        return kind_at(messages) or repl(f"await FINAL(await llm_query('child'{options}))")

    played = await play(policy, limits=Limits(max_depth=max_depth))
    assert played.answer == answer
    assert played.run.ledger.nodes == (2 if isinstance(answer, list) else 1)
    iterations = [event.iteration for event in played.of(ModelRequested)]
    assert iterations == ([1, 1] if isinstance(answer, list) else [1, None])


async def test_levels_of_nodes_end_in_completions() -> None:
    def policy(messages: Sequence[Message]) -> str:
        if messages[0].content == LEAF:
            return "leaf"
        return repl("await FINAL([await llm_query(query + '+')])")

    played = await play(policy, limits=Limits(max_depth=3))
    assert played.answer == [[["leaf"]]]
    assert [event.depth for event in played.of(NodeStarted)] == [0, 1, 2]


async def test_without_depth_there_are_no_sub_calls() -> None:
    played = await play({"root": [repl(TOLD)]}, limits=Limits(max_depth=0))
    assert played.answer == ["Cannot start a sub-call: max_depth is 0", "error", None]


@pytest.mark.parametrize("context", ["x" * 500_000, ["x" * 250_000] * 2], ids=["str", "list"])
async def test_a_completion_refuses_what_no_window_takes(context: object) -> None:
    code = repl(TOLD.replace("'child'", "'child', context, recursive=False"))
    played = await play({"root": [code]}, context=context)
    assert isinstance(played.answer, list)
    assert "its prompt and context have 500," in played.answer[0]
    assert played.answer[0].endswith("and a plain completion takes 500,000 at most")
    assert len(played.requests) == 1


async def test_models_are_chosen_by_depth_and_alias() -> None:
    def named(name: str) -> ScriptedLLM:
        reply = f"await FINAL([{name!r}, await llm_query('leaf')])"
        return ScriptedLLM(
            lambda messages: name if messages[0].content == LEAF else repl(reply), name=name
        )

    code = "await FINAL([await llm_query('a'), await llm_query('b', model='fast')])"
    played = await play(
        {"root": [repl(code)]}, sub_model=named("sub"), aliases={"fast": named("fast")}
    )
    assert played.answer == [["sub", "sub"], ["fast", "sub"]]
    models = [event.model.removeprefix("scripted/") for event in played.of(ModelRequested)]
    assert models == ["root", "sub", "sub", "fast", "sub"]


@pytest.mark.parametrize(
    ("aliases", "known"), [((), "none"), (("slow", "fast"), "fast, slow")], ids=repr
)
async def test_an_unknown_alias_is_refused(aliases: tuple[str, ...], known: str) -> None:
    code = repl(TOLD.replace("'child'", "'child', model='openai/gpt-5'"))
    models = {alias: ScriptedLLM([]) for alias in aliases}
    played = await play({"root": [code]}, aliases=models)
    message = f"Cannot use model 'openai/gpt-5': the aliases of this run are: {known}"
    assert played.answer == [message, "error", None]


def failing(error: Exception) -> Callable[[Sequence[Message]], str]:
    def policy(messages: Sequence[Message]) -> str:
        raise error

    return policy


@pytest.mark.parametrize(
    ("child", "limits", "told"),
    [
        (
            script({"child": ["a", "b", "c"]}),
            Limits(),
            ["Stopped without an answer: 3 replies in a row had neither code nor an answer"]
            + ["no_answer", "c"],
        ),
        (
            script({"child": [repl("print('almost')"), repl("1"), repl("2")]}),
            Limits(max_iterations=2),
            ["Stopped without an answer: max_iterations is 2", "max_iterations", "almost"],
        ),
        (
            script({"child": ["I look.\n" + repl("1"), ""]}),
            Limits(max_calls=3),
            ["Cannot make another model call: max_calls is 3", "max_calls", "I look."],
        ),
        (
            script({}),
            Limits(max_nodes=1),
            ["Cannot start node 2: max_nodes is 1", "max_nodes", None],
        ),
        (
            failing(ModelUnavailableError("It is down")),
            Limits(max_attempts=1),
            ["It is down", "model_error", None],
        ),
    ],
    ids=["no answer", "max_iterations", "max_calls", "max_nodes", "model error"],
)
async def test_a_child_s_failure_is_told_to_the_code(
    child: Callable[[Sequence[Message]], str], limits: Limits, told: list[object]
) -> None:
    played = await play({"root": [repl(TOLD)]}, sub_model=ScriptedLLM(child), limits=limits)
    assert played.answer == told


@pytest.mark.parametrize("problem", ["start", "assign", "unsendable"])
async def test_a_child_without_a_sandbox_is_told_to_the_code(problem: str) -> None:
    lost, refused = SandboxError("It broke"), InputError("Cannot use this context")
    sandboxes = {
        "start": FakeSandboxes(problems={1: lost}),
        "assign": FakeSandboxes(assign_problems={1: lost}),
        "unsendable": FakeSandboxes(assign_problems={1: refused}),
    }[problem]
    played = await play({"root": [repl(TOLD)]}, sandboxes=sandboxes)
    told = ["Cannot use this context", "error"] if problem == "unsendable" else None
    assert played.answer == [*(told or ["It broke", "sandbox_error"]), None]
    reasons = [event.stop_reason for event in played.of(NodeEnded)]
    assert reasons == ["error" if told else "sandbox_error", "answered"]


async def test_a_model_that_raises_anything_is_a_model_that_failed() -> None:
    class Broken:
        name = "their model"
        info = ModelInfo()

        async def complete(
            self, messages: Sequence[Message], options: CallOptions = NO_OPTIONS
        ) -> Completion:
            raise KeyError("oops")

    played = await play(Broken())
    assert isinstance(played.error, ModelError)
    assert str(played.error) == "Cannot get a reply of 'their model': it raised KeyError('oops')"
    assert [event.error for event in played.of(ModelFailed)] == [str(played.error)]
    assert (await play({"root": [repl(TOLD)]}, sub_model=Broken())).answer == [
        str(played.error),
        "model_error",
        None,
    ]


async def test_a_child_that_nobody_awaits_lives_on_and_ends_with_its_parent() -> None:
    replies = {
        "root": [repl("late = llm_query('child')\nidle = llm_query('spins')"), repl("x = 1")]
        + [repl("await FINAL(await late)")],
        "child": [repl("await sleep(0.05)\nawait FINAL(3)")],
        "spins": [repl("await spin()")],
    }
    played = await play(replies)
    assert played.answer == 3
    assert "Still running, not awaited yet: child, spins" in played.requests[-1][3].content
    reasons = {event.node: event.stop_reason for event in played.of(NodeEnded)}
    assert reasons == {0: "answered", 1: "answered", 2: "interrupted"}


async def test_the_answer_of_the_root_ends_all_that_is_below_it() -> None:
    replies = {
        "root": [repl("llm_query('child')\nawait sleep(0.05)\nawait FINAL(1)")],
        "child": [repl("await llm_query('grandchild')")],
        "grandchild": [repl("await spin()")],
    }
    played = await play(replies, limits=Limits(max_depth=3))
    assert played.answer == 1
    reasons = [event.stop_reason for event in played.of(NodeEnded)]
    assert reasons == ["interrupted", "interrupted", "answered"]


async def test_cancelling_the_run_ends_everything_and_says_so() -> None:
    replies = {
        "root": [repl("print('half')"), repl("await llm_query('child')")],
        "child": [repl("await spin()")],
    }
    played = make_run(replies)
    with anyio.move_on_after(0.2) as scope:
        await played.run.answer("root", None, run="run", version="1")
    assert scope.cancelled_caught
    assert not +played.sandboxes.live
    assert [event.stop_reason for event in played.of(NodeEnded)] == ["interrupted"] * 2
    (ended,) = played.of(RunEnded)
    assert (ended.stop_reason, ended.answer, ended.error) == ("interrupted", "half", None)
    assert isinstance(played.events[-1], RunEnded)


async def test_a_large_answer_is_a_preview_in_the_events() -> None:
    code = repl("await FINAL({'n': 10**5000, 'list': list(range(10**6))})")
    played = await play({"root": [code]})
    assert isinstance(played.answer, dict) and played.answer["n"] == 10**5000
    assert all(len(event.answer) <= 4000 for event in played.of(NodeEnded))
    assert played.of(RunEnded)[0].answer_type == "dict"


async def test_events_pack_as_they_are() -> None:
    def plain(value: object) -> bool:
        match value:
            case None | str() | bool() | int() | float():
                return True
            case tuple():
                return all(map(plain, value))
            case dict():
                return all(isinstance(key, str) and plain(item) for key, item in value.items())
        return False

    replies = {"root": [repl("lose('It broke')"), ANSWER], "child": [repl("await FINAL({1: 2})")]}
    played = await play(replies, limits=Limits(max_seconds=5))
    seen: set[type[Event]] = set()
    for event in played.events:
        seen.add(type(event))
        assert all(plain(getattr(event, name)) for name in type(event).__dataclass_fields__)
    assert SandboxLost in seen
