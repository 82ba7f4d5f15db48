"""Events of a small run, for the tests of what reads events."""

from __future__ import annotations

from rlm_runtime._events import (
    CodeExecuted,
    CodeStarted,
    Event,
    ModelAttemptFailed,
    ModelAttemptStarted,
    ModelFailed,
    ModelReplied,
    ModelRequested,
    NodeEnded,
    NodeRebuilt,
    NodeStarted,
    ReplayDiverged,
    RunEnded,
    RunForked,
    RunResumed,
    RunStarted,
)
from rlm_runtime._types import StopReason


def run_started(query: str = "How many?", run: str = "r1") -> RunStarted:
    return RunStarted(
        time=1_800_000_000.0, run=run, version="0", query=query, model="m", sub_model="s", limits={}
    )


def node_started(
    node: int, parent: int | None = None, query: str = "q", at: float = 0
) -> NodeStarted:
    depth = 0 if parent is None else 1
    return NodeStarted(
        node=node, parent=parent, depth=depth, model="m", query=query, context="str", mono=at
    )


def node_ended(node: int, stop_reason: StopReason = "answered", error: str | None = None) -> Event:
    return NodeEnded(
        node=node, stop_reason=stop_reason, answer="", answer_type="str", error=error, mono=3
    )


def requested(node: int, call: int) -> Event:
    return ModelRequested(node=node, call=call, model="m", iteration=0, messages=())


def replied(
    node: int, call: int, cost: float | None = 0.25, attempts: int = 1, recalled: str = ""
) -> ModelReplied:
    return ModelReplied(
        node=node,
        call=call,
        text="",
        reasoning="",
        finish_reason="stop",
        prompt_tokens=1000,
        cached_tokens=10,
        completion_tokens=200,
        reasoning_tokens=20,
        cost=cost,
        seconds=1,
        seconds_to_first_token=None,
        attempts=attempts,
        recalled=recalled,
    )


def failed(node: int, error: str, call: int = 0) -> ModelFailed:
    return ModelFailed(node=node, call=call, error=error, seconds=0.1)


def attempt_failed(
    node: int,
    call: int,
    attempt: int,
    *,
    wait: float | None,
    error: str = "429",
    cost: float | None = 0.125,
    at: float = 0,
) -> Event:
    return ModelAttemptFailed(
        node=node,
        call=call,
        attempt=attempt,
        error=error,
        status=429,
        seconds=0.1,
        wait=wait,
        prompt_tokens=100,
        cached_tokens=1,
        completion_tokens=20,
        reasoning_tokens=2,
        cost=cost,
        mono=at,
    )


def executed(node: int, iteration: int, error: str | None = None) -> Event:
    return CodeExecuted(
        node=node,
        iteration=iteration,
        stdout="",
        stderr="",
        error=error,
        pending=(),
        seconds=0.5,
    )


def code(node: int, iteration: int, text: str) -> Event:
    return CodeStarted(node=node, iteration=iteration, code=text)


def run_ended(
    stop_reason: StopReason = "answered", answer: str = "42", answer_type: str = "int"
) -> RunEnded:
    return RunEnded(
        stop_reason=stop_reason,
        answer=answer,
        answer_type=answer_type,
        error=None,
        calls=2,
        nodes=2,
        prompt_tokens=2000,
        completion_tokens=400,
        cost=0.5,
        seconds=4.0,
        cached_tokens=20,
        reasoning_tokens=40,
    )


def attempt_started(node: int, call: int, attempt: int = 1) -> Event:
    return ModelAttemptStarted(
        node=node, call=call, attempt=attempt, prompt_tokens=100, completion_tokens=50
    )


def resumed(at: float = 100.0, spent_seconds: float = 3.0) -> Event:
    return RunResumed(
        version="0",
        model="m2",
        sub_model="s2",
        limits={"max_cost": 9.0},
        spent_seconds=spent_seconds,
        mono=at,
    )


def rebuilt(node: int, at: float = 100.0) -> Event:
    return NodeRebuilt(node=node, iteration=1, blocks=4, seconds=1.2, mono=at)


def diverged(node: int, iteration: int, block: int = 0) -> Event:
    return ReplayDiverged(
        node=node, iteration=iteration, block=block, reason="stdout\x1b[2J\nis not"
    )


def forked(at: float = 50.0) -> Event:
    return RunForked(
        run="r2", parent="r1", node=0, iteration=2, say="", mono=at, time=1_900_000_000.0
    )


SMALL_RUN: tuple[Event, ...] = (
    run_started(),
    node_started(0, query="How many?"),
    requested(0, 0),
    replied(0, 0),
    code(0, 0, "print(1)\n"),
    node_started(1, 0, query="child \x1b[31mred\x1b[0m\nquery", at=1),
    requested(1, 1),
    replied(1, 1),
    code(1, 0, "x"),
    executed(1, 0, "Traceback (most recent call last):\n  ...\nNameError: x\n"),
    node_ended(1),
    executed(0, 0),
    node_ended(0),
    run_ended(),
)
