"""A trajectory is what the model was asked and said, once for each node and completion."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from rlm_runtime._errors import TraceError
from rlm_runtime._events import (
    CodeExecuted,
    Event,
    HistoryTrimmed,
    ModelFailed,
    ModelReplied,
    ModelRequested,
    NodeEnded,
    NodeStarted,
    ReplayDiverged,
    RunResumed,
    SubCallStarted,
)
from rlm_runtime._export.chat import write_chat
from rlm_runtime._trace.reader import open_trace
from rlm_runtime._trace.writer import open_trace_writer
from rlm_runtime._types import Message
from tests._cli.events import attempt_failed, executed, node_ended, node_started, run_started
from tests._engine.fakes import Played, play, repl
from tests._export.played import damage, play_all, trace_of

pytestmark = pytest.mark.anyio


def chats(path: Path, **options: bool) -> list[dict[str, Any]]:
    out = io.BytesIO()
    with open_trace(path) as trace:
        write_chat(trace, out, **options)
    return [json.loads(line) for line in out.getvalue().splitlines()]


def as_dicts(messages: Sequence[Message]) -> list[dict[str, str]]:
    return [{"role": one.role, "content": one.content} for one in messages]


def sent(played: Played, text: str) -> list[dict[str, str]]:
    """Give the longest request that has a text in its first message."""
    found = [as_dicts(each) for each in played.requests if text in each[1].content]
    return max(found, key=len)


async def test_messages_are_those_of_the_last_request_and_its_reply(tmp_path: Path) -> None:
    played = await play_all()
    assert played.answer == "SECRET answer", played.error
    root, node, leaf = chats(trace_of(tmp_path, played.events))
    reply = {"role": "assistant", "content": repl("await FINAL('SECRET answer')")}
    assert root["messages"] == [*sent(played, "root"), reply]
    assert [one["role"] for one in root["messages"]] == ["system", *["user", "assistant"] * 3]
    assert node["messages"][:-1] == sent(played, "SECRET left")
    said = {"role": "assistant", "content": "SECRET reply"}
    assert leaf["messages"] == [*sent(played, "SECRET right"), said]


async def test_each_line_says_what_it_is_and_how_it_ended(tmp_path: Path) -> None:
    played = await play_all()
    root, node, leaf = chats(trace_of(tmp_path, played.events))
    assert [one["id"] for one in (root, node, leaf)] == ["run/0", "run/1", "run/0/1"]
    assert [one["kind"] for one in (root, node, leaf)] == ["node", "node", "completion"]
    assert [one["parent"] for one in (root, node, leaf)] == [None, 0, 0]
    assert [one["depth"] for one in (root, node, leaf)] == [0, 1, 1]
    assert {one["model"] for one in (root, node, leaf)} == {"scripted/root"}
    assert root["outcome"] == {
        "stop_reason": "answered",
        "answer": "SECRET answer",
        "answer_type": "str",
        "error": None,
    }
    assert (node["outcome"]["answer"], leaf["outcome"]["answer"]) == ("[1]", "SECRET reply")
    assert root["reward"] is None


async def test_usage_is_of_its_own_calls_and_of_all_below(tmp_path: Path) -> None:
    played = await play_all()
    root, node, leaf = chats(trace_of(tmp_path, played.events))
    assert [one["usage"]["own"]["calls"] for one in (root, node, leaf)] == [3, 1, 1]
    assert root["usage"]["subtree"]["calls"] == played.run.ledger.usage.calls == 5
    for name in ("prompt_tokens", "completion_tokens"):
        total = sum(one["usage"]["own"][name] for one in (root, node, leaf))
        assert root["usage"]["subtree"][name] == total > 0


async def test_those_without_an_answer_can_be_left_out(tmp_path: Path) -> None:
    played = await play({"root": [repl("await FINAL(1)")]})
    failed = [
        replace(event, stop_reason="no_answer") if isinstance(event, NodeEnded) else event
        for event in played.events
    ]
    path = trace_of(tmp_path, failed)
    assert chats(path)[0]["outcome"]["stop_reason"] == "no_answer"
    assert chats(path, answered_only=True) == []


async def test_whole_answers_are_there_on_request(tmp_path: Path) -> None:
    events = (await play({"root": [repl("await FINAL(1)")]})).events
    async with open_trace_writer(tmp_path, "run") as writer:
        ref = await writer.keep({"day": {1, 2}})
        for event in events:
            writer.write(replace(event, answer_ref=ref) if isinstance(event, NodeEnded) else event)
    assert chats(writer.path)[0]["outcome"]["answer"] == "1"
    assert chats(writer.path, content=True)[0]["outcome"]["answer"] == {"day": [1, 2]}


def requested(
    *messages: Mapping[str, str], iteration: int | None = 1, call: int = 0, node: int = 0
) -> Event:
    return ModelRequested(
        node=node, call=call, model="m", iteration=iteration, messages=tuple(map(dict, messages))
    )


def replied(text: str, call: int = 0, recalled: str = "", node: int = 0) -> Event:
    return ModelReplied(
        node=node,
        call=call,
        text=text,
        reasoning="",
        finish_reason="stop",
        prompt_tokens=5,
        cached_tokens=0,
        completion_tokens=2,
        reasoning_tokens=0,
        cost=None,
        seconds=1,
        seconds_to_first_token=None,
        recalled=recalled,
    )


def said(role: str, content: str) -> dict[str, str]:
    return {"role": role, "content": content}


BEGIN = (said("system", "s"), said("user", "q"))
STARTED: tuple[Event, ...] = (
    run_started(),
    node_started(0),
    requested(*BEGIN),
    replied("one"),
    executed(0, 1),
)


def test_a_trimmed_history_is_told_and_kept_whole(tmp_path: Path) -> None:
    trimmed = HistoryTrimmed(node=0, iteration=2, messages=1, characters=1, exceeded=False)
    short = [*BEGIN, said("assistant", "…"), said("user", "seen 1")]
    events = (*STARTED, trimmed, requested(*short, iteration=2, call=1), replied("two", 1))
    (line,) = chats(trace_of(tmp_path, events))
    # What is new in the request that holds all anew comes after what was there
    assert line["trimmed"]
    assert [one["content"] for one in line["messages"]] == ["s", "q", "…", "seen 1", "two"]
    later = (*events, trimmed, requested(*short, said("assistant", "…"), iteration=3, call=2))
    (line,) = chats(trace_of(tmp_path, later, "later"))
    assert [one["content"] for one in line["messages"]] == ["s", "q", "…", "seen 1", "…"]


def sub_call(number: int, iteration: int) -> Event:
    return SubCallStarted(
        node=0,
        sub_call=number,
        iteration=iteration,
        key="k",
        prompt="p",
        context="",
        recursive=True,
        model="m",
    )


def child(number: int, call: int) -> tuple[Event, ...]:
    return (
        NodeStarted(
            node=number,
            parent=0,
            depth=1,
            model="m",
            query="q",
            context="",
            sub_call=number,
        ),
        requested(said("user", f"child {number}"), call=call, node=number),
        replied("c", call, node=number),
        node_ended(number),
    )


def resumed() -> Event:
    return RunResumed(version="0", model="m", sub_model="s", limits={}, spent_seconds=1)


def test_after_a_resume_that_went_another_way_only_what_counts_is_there(tmp_path: Path) -> None:
    second = requested(said("assistant", "one"), said("user", "old"), iteration=2, call=1)
    newer = requested(said("assistant", "one"), said("user", "new"), iteration=2, call=9)
    events = (
        *STARTED,
        sub_call(1, 1),
        second,
        replied("never", 1),
        sub_call(2, 2),
        *child(2, 5),
        executed(0, 2),
        node_ended(0),
        resumed(),
        sub_call(4, 1),
        *child(4, 7),
        ReplayDiverged(node=0, iteration=1, block=0, reason="time"),
        executed(0, 1),
        newer,
        replied("anew", 9),
        sub_call(3, 2),
        *child(3, 6),
        node_ended(0),
    )
    root, again, only = chats(trace_of(tmp_path, events))
    assert [one["content"] for one in root["messages"]] == ["s", "q", "one", "new", "anew"]
    assert (again["node"], only["node"]) == (4, 3), "the code that was run again asked for these"
    assert root["usage"]["subtree"]["calls"] == 5, "what counts no more was spent by the node"


def test_a_trimmed_history_stays_whole_where_a_resume_sends_all_of_it(tmp_path: Path) -> None:
    trimmed = HistoryTrimmed(node=0, iteration=2, messages=1, characters=1, exceeded=False)
    short = [*BEGIN, said("assistant", "…"), said("user", "seen 1")]
    later = [*short, said("assistant", "two"), said("user", "seen 2")]
    second, third = requested(*short, iteration=2, call=1), requested(*later, iteration=3, call=2)
    trace = (*STARTED, second, replied("two", 1), trimmed, third, resumed(), third)
    (line,) = chats(trace_of(tmp_path, trace))
    assert [one["content"] for one in line["messages"][-2:]] == ["two", "seen 2"]
    assert len(line["messages"]) == 6


def test_a_resume_gives_each_node_once(tmp_path: Path) -> None:
    again = requested(said("assistant", "one"), said("user", "seen"), iteration=2, call=1)
    ended = node_ended(0, stop_reason="interrupted")
    events = (*STARTED, ended, resumed(), again, replied("two", 1), node_ended(0))
    (line,) = chats(trace_of(tmp_path, events))
    assert [one["content"] for one in line["messages"]] == ["s", "q", "one", "seen", "two"]
    assert line["outcome"]["stop_reason"] == "answered"
    (line,) = chats(trace_of(tmp_path, events[:-1], "crashed"))
    assert line["outcome"]["stop_reason"] is None


def test_recalled_replies_are_counted_apart(tmp_path: Path) -> None:
    events = (run_started(), node_started(0), requested(*BEGIN), replied("one", recalled="r0"))
    (line,) = chats(trace_of(tmp_path, events))
    assert line["recalled"] == 1
    assert line["usage"]["own"]["prompt_tokens"] == 0


def test_a_call_that_was_never_sent_is_none(tmp_path: Path) -> None:
    for attempts, calls in ((0, 1), (1, 2)):
        second = requested(said("assistant", "one"), said("user", "x"), iteration=2, call=1)
        failed = ModelFailed(node=0, call=1, error="no", seconds=0.0, attempts=attempts)
        (line,) = chats(trace_of(tmp_path, (*STARTED, second, failed), f"r{attempts}"))
        assert line["usage"]["own"]["calls"] == calls


def test_failed_attempts_are_in_the_usage(tmp_path: Path) -> None:
    events = (*STARTED[:3], attempt_failed(0, 0, 1, wait=1.0), *STARTED[3:])
    (line,) = chats(trace_of(tmp_path, events))
    assert line["usage"]["own"]["prompt_tokens"] == 105


def test_what_can_be_read_of_a_damaged_trace_is_written(tmp_path: Path) -> None:
    path = trace_of(tmp_path, [*STARTED, replied("damaged"), *STARTED])
    damage(path, b"damaged")
    out = io.BytesIO()
    with open_trace(path) as trace, pytest.raises(TraceError):
        write_chat(trace, out)
    assert json.loads(out.getvalue())["messages"][-1] == said("assistant", "one")


def test_events_that_fit_nothing_are_left_out(tmp_path: Path) -> None:
    executed_nowhere = CodeExecuted(
        node=7, iteration=1, stdout="", stderr="", error=None, pending=(), seconds=0
    )
    events = (run_started(), executed_nowhere, replied("x", 4), node_ended(3), requested(*BEGIN))
    assert chats(trace_of(tmp_path, events)) == []
