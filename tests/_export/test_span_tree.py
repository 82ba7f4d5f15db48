"""Events become spans: who is below whom, how long, how it ended, and nothing that was said."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rlm_runtime._events import (
    Event,
    ModelFailed,
    ModelReplied,
    ModelRequested,
    NodeStarted,
    RunForked,
    RunResumed,
    ToolCalled,
)
from rlm_runtime._export.gen_ai import provider_and_model
from rlm_runtime._export.span_tree import SpanTree
from rlm_runtime._export.spans import Span
from tests._cli.events import (
    SMALL_RUN,
    attempt_failed,
    code,
    executed,
    failed,
    node_ended,
    node_started,
    replied,
    requested,
    run_ended,
    run_started,
)
from tests._export.played import play_all
from tests.examples import examples

pytestmark = pytest.mark.anyio


def stamped(events: Iterable[Event], *, first: int = 0) -> list[Event]:
    """Number events, one a second."""
    return [replace(event, seq=seq, time=1e9 + seq) for seq, event in enumerate(events, first)]


def spans_of(events: Sequence[Event], *, content: bool = False) -> list[Span]:
    tree = SpanTree(content=content)
    return [*(span for event in events for span in tree.add(event)), *tree.finish()]


def only(spans: Sequence[Span], name: str) -> Span:
    (span,) = [span for span in spans if span.name == name]
    return span


def by_node(spans: Sequence[Span], number: int) -> Span:
    return next(
        span
        for span in spans
        if span.name == "invoke_agent rlm.node" and span.attributes["rlm.node"] == number
    )


async def test_a_run_is_a_tree_of_spans() -> None:
    spans = spans_of((await play_all()).events)
    root, node, child = only(spans, "invoke_agent rlm"), by_node(spans, 0), by_node(spans, 1)
    assert (root.parent, node.parent, child.parent) == (None, root.id, node.id)
    below = sorted(span.name for span in spans if span.parent == node.id)
    assert below == [
        *["chat scripted/root"] * 4,
        "execute_tool fail",
        "execute_tool look",
        *["execute_tool python"] * 4,
        "invoke_agent rlm.node",
    ]
    assert len({span.id for span in spans}) == len(spans) == 15


async def test_each_span_lies_within_its_parent() -> None:
    events = (await play_all()).events
    spans = spans_of(events)
    known = {span.id: span for span in spans}
    for span in spans:
        assert span.start <= span.end
        if span.parent is not None:
            parent = known[span.parent]
            assert parent.start <= span.start and span.end <= parent.end
    assert only(spans, "invoke_agent rlm").start == int(events[0].time * 1e9)
    assert only(spans, "invoke_agent rlm").end == int(events[-1].time * 1e9)


async def test_spans_speak_the_words_of_the_conventions() -> None:
    spans = spans_of((await play_all()).events)
    root, node = only(spans, "invoke_agent rlm"), by_node(spans, 1)
    assert root.attributes["gen_ai.operation.name"] == "invoke_agent"
    assert root.attributes["gen_ai.conversation.id"] == root.attributes["gen_ai.agent.id"] == "run"
    assert (root.attributes["rlm.calls"], root.attributes["rlm.nodes"]) == (5, 2)
    assert node.attributes["gen_ai.agent.id"] == "run/1"
    assert (node.attributes["rlm.depth"], node.attributes["rlm.sub_call"]) == (1, 0)
    leaf = next(span for span in spans if span.kind == "client" and span.events)
    told: dict[str, Any] = {name: leaf.attributes[name] for name in leaf.attributes}
    assert told.pop("gen_ai.usage.input_tokens") > told.pop("gen_ai.usage.output_tokens") > 0
    assert told.pop("gen_ai.request.max_tokens") > 0
    assert told == {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "scripted",
        "gen_ai.request.model": "scripted/root",
        "gen_ai.conversation.id": "run",
        "gen_ai.response.model": "scripted/root",
        "gen_ai.response.finish_reasons": ("stop",),
        "gen_ai.usage.cache_read.input_tokens": 0,
        "gen_ai.usage.reasoning.output_tokens": 0,
        "rlm.attempts": 2,
        "rlm.call": leaf.attributes["rlm.call"],
        "rlm.cost": 0.0,
        "rlm.node": 0,
        "rlm.sub_call": 1,
    }
    (event,) = leaf.events
    assert (event.name, event.attributes["error.type"]) == ("rlm.attempt_failed", "429")
    look, python = only(spans, "execute_tool look"), spans[0]
    assert (look.kind, python.kind) == ("internal", "client")
    assert look.attributes["gen_ai.tool.name"] == "look"
    assert look.attributes["gen_ai.tool.type"] == "function"
    assert look.attributes["rlm.iteration"] == 1


async def test_errors_have_a_type() -> None:
    spans = spans_of((await play_all()).events)
    ended = {
        span.attributes["error.type"]: span.name
        for span in spans
        if "error.type" in span.attributes
    }
    assert ended["ZeroDivisionError"] == "execute_tool python"
    assert ended["tool_error"] == "execute_tool fail"
    assert all(span.failed for span in spans if "error.type" in span.attributes)


async def test_nothing_that_was_said_is_told_unless_it_is_asked_for() -> None:
    events = [
        replace(event, query="SECRET") if isinstance(event, NodeStarted) else event
        for event in (await play_all()).events
    ]
    assert "SECRET" in repr(events)
    assert "SECRET" not in repr(spans_of(events))
    spans = spans_of(events, content=True)
    told = {
        name: [
            span.attributes[name] for span in spans if "SECRET" in str(span.attributes.get(name))
        ]
        for name in (
            "gen_ai.input.messages",
            "gen_ai.output.messages",
            "gen_ai.tool.call.arguments",
            "gen_ai.tool.call.result",
        )
    }
    assert all(told.values())
    holders = {
        name for span in spans for name in span.attributes if "SECRET" in str(span.attributes[name])
    }
    assert holders == set(told)


async def test_messages_are_the_whole_history_in_the_form_of_the_conventions() -> None:
    played = await play_all()
    spans = spans_of(played.events, content=True)
    newest = [span for span in spans if span.attributes.get("rlm.iteration") == 3][0]
    written = json.loads(str(newest.attributes["gen_ai.input.messages"]))
    request = next(each for each in played.requests if len(each) == 6)
    assert [one["role"] for one in written] == [one.role for one in request]
    assert [one["parts"][0]["content"] for one in written] == [one.content for one in request]
    (reply,) = json.loads(str(newest.attributes["gen_ai.output.messages"]))
    assert reply["finish_reason"] == "stop"
    assert reply["parts"][0]["content"] == "```repl\nawait FINAL('SECRET answer')\n```"


def test_long_content_is_cut_the_newest_messages_last() -> None:
    messages = tuple({"role": "user", "content": letter * 30_000} for letter in "ab")
    long = ModelRequested(node=0, call=0, model="m", iteration=1, messages=messages)
    spans = spans_of([run_started(), node_started(0), long, replied(0, 0)], content=True)
    written = json.loads(str(spans[0].attributes["gen_ai.input.messages"]))
    assert written[1]["parts"][0]["content"] == "b" * 30_000
    assert written[0]["parts"][0]["content"].startswith("aaaa")
    assert written[0]["parts"][0]["content"].endswith("… (28,000 characters more)")


def test_a_span_tells_of_no_more_than_some_events() -> None:
    attempts = [attempt_failed(0, 0, number, wait=1) for number in range(1000)]
    (call, *_) = spans_of([run_started(), node_started(0), requested(0, 0), *attempts])
    assert len(call.events) == 100


def test_attempts_and_failures_of_a_call_are_told() -> None:
    begin = [run_started(), node_started(0), requested(0, 0), attempt_failed(0, 0, 1, wait=1)]
    (answered, *_) = spans_of([*begin, replied(0, 0, attempts=2)])
    assert (answered.failed, "error.type" in answered.attributes) == (False, False)
    (broken, *_) = spans_of([*begin, failed(0, "SECRET")])
    assert (broken.failed, broken.attributes["error.type"]) == (True, "429")
    assert broken.description is None
    (broken, *_) = spans_of([*begin, failed(0, "SECRET")], content=True)
    assert broken.description == "SECRET"
    gone = ModelFailed(
        node=0, call=0, error="x", seconds=1, cancelled=True, prompt_tokens=3, completion_tokens=1
    )
    (cancelled, *_) = spans_of([*begin, gone])
    assert not cancelled.failed
    assert cancelled.attributes["rlm.cancelled"] is cancelled.attributes["rlm.estimated"] is True
    assert cancelled.attributes["gen_ai.usage.input_tokens"] == 3


def test_a_recalled_reply_spends_nothing_and_calls_nobody() -> None:
    again = replied(0, 0)
    assert isinstance(again, ModelReplied)
    events = [run_started(), node_started(0), requested(0, 0), replace(again, recalled="r0")]
    (span, *_) = spans_of(events)
    assert (span.kind, span.attributes["rlm.recalled"]) == ("internal", "r0")
    assert not [name for name in span.attributes if name.startswith("gen_ai.usage")]


def test_what_never_ended_is_given_as_crashed() -> None:
    spans = spans_of(stamped(SMALL_RUN[:8]))
    assert [span.name for span in spans] == [
        "chat m",
        "chat m",
        "execute_tool python",
        "invoke_agent rlm.node",
        "invoke_agent rlm.node",
        "invoke_agent rlm",
    ]
    assert [span.attributes.get("error.type") for span in spans[1:]] == [None, *["crashed"] * 4]
    assert {span.end for span in spans[2:]} == {(10**9 + 7) * 10**9}


def test_what_ended_is_not_given_again() -> None:
    tree = SpanTree()
    ended = [span for event in SMALL_RUN for span in tree.add(event)]
    assert "invoke_agent rlm" in {span.name for span in ended}
    assert tree.finish() == []


def resumed() -> Event:
    return RunResumed(version="0", model="m", sub_model="s", limits={}, spent_seconds=1)


def test_each_session_of_a_resumed_run_has_spans_of_its_own() -> None:
    first = stamped(SMALL_RUN[:8])
    second = [resumed(), requested(1, 2), replied(1, 2), node_ended(1), node_ended(0), run_ended()]
    spans = spans_of([*first, *stamped(second, first=100)])
    roots = [span for span in spans if span.name == "invoke_agent rlm"]
    assert [root.failed for root in roots] == [True, False]
    assert roots[0].end < roots[1].start
    assert [span_id for _, span_id in roots[1].links] == [roots[0].id]
    child, parent = spans[-3:-1]
    assert (child.parent, parent.parent) == (parent.id, roots[1].id)
    assert child.attributes["rlm.node"] == 1 and child.attributes["rlm.depth"] == 1
    assert parent.start <= child.start
    assert len({span.id for span in spans}) == len(spans)


def test_a_fork_tells_only_what_is_its_own() -> None:
    fork = RunForked(run="r2", parent="r1", node=0, iteration=2, say="")
    events = [*SMALL_RUN[:8], fork, resumed(), requested(1, 2), replied(1, 2), run_ended()]
    tree = SpanTree()
    before = sum(len(tree.add(event)) for event in stamped(events[:8]))
    spans = [span for event in stamped(events[8:], first=8) for span in tree.add(event)]
    assert before == 2
    assert tree.ids.run == "r2"
    assert {span.attributes["gen_ai.conversation.id"] for span in spans} == {"r2"}
    assert [span.name for span in spans][0] == "chat m"
    assert spans[-1].name == "invoke_agent rlm" and len(spans[-1].links) == 1


def test_a_clock_that_was_set_back_makes_no_span_end_before_it_began() -> None:
    back = [replace(event, time=2e9 - at) for at, event in enumerate(SMALL_RUN)]
    spans = spans_of(back)
    assert all(span.start <= span.end for span in spans)


def test_what_otlp_cannot_carry_is_written_so_that_it_can() -> None:
    hostile = ToolCalled(node=0, call=2**70, tool="\ud800" * 9999, arguments="\udfff")
    events = [
        replace(run_started(run="r\ud800"), time=float("nan")),
        node_started(2**90),
        hostile,
        replace(run_ended(), calls=-(2**80), time=1e300),
    ]
    spans = spans_of(events, content=True)
    assert max(len(span.name) for span in spans) <= 2000
    for span in spans:
        for text in (span.name, *span.attributes.values()):
            assert not isinstance(text, str) or text.encode()
        assert 0 <= span.start <= span.end < 2**63
        for value in span.attributes.values():
            assert not isinstance(value, int) or abs(value) < 2**63


@pytest.mark.parametrize(
    ("name", "provider", "model"),
    [
        ("openai/gpt-5", "openai", "gpt-5"),
        ("gemini/gemini-3-pro", "gcp.gemini", "gemini-3-pro"),
        ("bedrock/us.anthropic.claude", "aws.bedrock", "us.anthropic.claude"),
        ("qwen3", "openai", "qwen3"),
        ("openrouter/openai/gpt-5", "openrouter", "openrouter/openai/gpt-5"),
        ("scripted/x", "scripted", "scripted/x"),
    ],
)
def test_providers_are_named_as_the_conventions_name_them(
    name: str, provider: str, model: str
) -> None:
    assert provider_and_model(name) == (provider, model)


def _events() -> list[Event]:
    more: list[Event] = [
        resumed(),
        RunForked(run="r2", parent="r1", node=0, iteration=2, say=""),
        attempt_failed(0, 0, 1, wait=1),
        failed(1, "x", call=1),
        ToolCalled(node=1, call=0, tool="t", arguments=""),
        executed(1, 2),
        code(5, 1, "x"),
        node_started(3, parent=5),
        node_started(5, parent=3),
    ]
    return [*SMALL_RUN, *more]


@settings(max_examples=examples(200), deadline=None)
@given(st.lists(st.sampled_from(_events()), max_size=40), st.booleans())
def test_any_order_of_events_gives_spans(events: list[Event], content: bool) -> None:
    for span in spans_of(events, content=content):
        assert span.start <= span.end
