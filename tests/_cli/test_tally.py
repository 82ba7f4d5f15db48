"""The sums of a run, from its events."""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import Any

import pytest

from rlm_runtime._cli.tally import Tally, count, describe_fork, describe_spending
from rlm_runtime._events import Event, ToolCalled
from rlm_runtime._types import Usage
from tests._cli.events import (
    SMALL_RUN,
    attempt_failed,
    attempt_started,
    diverged,
    failed,
    forked,
    node_ended,
    node_started,
    rebuilt,
    replied,
    requested,
    resumed,
    run_ended,
    run_started,
)


def tally_of(*events: Event) -> Tally:
    tally = Tally()
    for event in events:
        tally.add(event)
    return tally


def test_whole_run_adds_up() -> None:
    tally = tally_of(*SMALL_RUN)
    assert (tally.run, tally.query, tally.model) == ("r1", "How many?", "m")
    assert (tally.nodes, tally.nodes_running, tally.stop_reason) == (2, 0, "answered")
    assert tally.seconds == 4.0
    assert tally.usage == Usage(
        calls=2,
        prompt_tokens=2000,
        cached_tokens=20,
        completion_tokens=400,
        reasoning_tokens=40,
        cost=0.5,
    )


def test_run_that_goes_on_has_sums_too() -> None:
    tally = tally_of(node_started(0), requested(0, 0), node_started(1, 0, at=2.5))
    assert (tally.nodes, tally.nodes_running, tally.usage.calls) == (2, 2, 1)
    assert (tally.seconds, tally.stop_reason, tally.started) == (2.5, None, None)


def test_the_end_of_a_run_knows_best_what_was_spent() -> None:
    usage = Usage(
        calls=3,
        prompt_tokens=2500,
        cached_tokens=25,
        completion_tokens=450,
        reasoning_tokens=45,
        cost=0.75,
    )
    ended = replace(run_ended(), **asdict(usage))
    assert tally_of(*SMALL_RUN[:-1], ended).usage == usage


def test_one_unknown_cost_makes_the_sum_unknown() -> None:
    assert tally_of(replied(0, 0, cost=None), replied(0, 1)).usage.cost is None


def test_failed_attempts_are_spending_too() -> None:
    tally = tally_of(requested(0, 0), attempt_failed(0, 0, 1, wait=1), replied(0, 0))
    assert tally.failed_attempts == 1
    assert tally.usage == Usage(
        calls=1,
        prompt_tokens=1100,
        cached_tokens=11,
        completion_tokens=220,
        reasoning_tokens=22,
        cost=0.375,
    )
    assert tally_of(attempt_failed(0, 0, 1, wait=1, cost=None)).usage.cost is None


def test_calls_wait_until_they_are_answered_or_end() -> None:
    waiting = [attempt_failed(node, 5 + node, 1, wait=4.5, at=10) for node in range(3)]
    assert tally_of(*waiting).waiting == {(0, 5): 14.5, (1, 6): 14.5, (2, 7): 14.5}
    ended = (replied(0, 5), failed(1, "429", call=6), node_ended(2))
    assert tally_of(*waiting, *ended).waiting == {}
    assert tally_of(attempt_failed(0, 0, 5, wait=None)).waiting == {}


@pytest.mark.parametrize(
    ("usage", "expected"),
    [
        (Usage(), "0 calls, 0 tokens, $0.0000, 1.2 s"),
        (Usage(calls=1, prompt_tokens=1, cost=None), "1 call, 1 token, cost unknown, 1.2 s"),
        (
            Usage(calls=1200, prompt_tokens=30_000, completion_tokens=45, cost=1.25),
            "1,200 calls, 30,045 tokens, $1.2500, 1.2 s",
        ),
    ],
)
def test_spending_in_one_line(usage: Usage, expected: str) -> None:
    assert describe_spending(usage, 1.23) == expected


def test_spending_is_shown_against_what_it_may_be() -> None:
    told = describe_spending(Usage(cost=0.031), 1.0, max_cost=0.05)
    assert told == "0 calls, 0 tokens, $0.0310 of $0.05, 1.0 s"
    told = describe_spending(Usage(cost=None), 1.0, max_cost=2)
    assert told == "0 calls, 0 tokens, cost unknown of $2, 1.0 s"


@pytest.mark.parametrize(("limit", "told"), [(0.05, 0.05), (3, 3), (None, None), ("x", None)])
def test_the_limit_is_the_run_s(limit: Any, told: float | None) -> None:
    started = replace(run_started(), limits={"max_cost": limit})
    assert tally_of(started).max_cost == told
    assert tally_of(run_started()).max_cost is None


def test_count_knows_the_plural() -> None:
    assert [count(number, "node") for number in (0, 1, 2)] == ["0 nodes", "1 node", "2 nodes"]


def test_calls_of_tools_are_told_where_there_were_any() -> None:
    called = ToolCalled(node=0, call=0, tool="search", arguments="[]")
    tally = tally_of(node_started(0), called, called)
    assert tally.tool_calls == 2
    told = describe_spending(tally.usage, 1.0, tool_calls=tally.tool_calls)
    assert told == "0 calls, 2 tool calls, 0 tokens, $0.0000, 1.0 s"


def test_a_run_that_was_resumed_adds_up_over_its_sessions() -> None:
    first = (*SMALL_RUN[:4], run_ended("interrupted"))
    tally = tally_of(*first, resumed(at=100, spent_seconds=4.0))
    assert (tally.stop_reason, tally.seconds, tally.resumes) == (None, 4.0, 1)
    assert (tally.model, tally.sub_model, tally.max_cost) == ("m2", "s2", 9.0)
    assert (tally.nodes, tally.nodes_running) == (1, 0)
    for event in (rebuilt(0, at=101), requested(0, 1), replied(0, 1)):
        tally.add(replace(event, mono=102.5))
    assert (tally.nodes, tally.nodes_running, tally.seconds) == (1, 1, 6.5)
    assert tally.usage.cost == 0.75
    tally.add(replace(run_ended(), cost=1.0, seconds=9.0))
    assert (tally.stop_reason, tally.usage.cost, tally.seconds) == ("answered", 1.0, 9.0)


def test_attempts_that_a_crash_cut_off_are_counted() -> None:
    started = [attempt_started(0, call) for call in range(4)]
    tally = tally_of(
        *started, replied(0, 0), attempt_failed(0, 1, 1, wait=None), failed(0, "x", call=2)
    )
    assert (tally.in_flight, tally.lost_attempts) == ({3}, 0)
    tally.add(resumed())
    assert (tally.in_flight, tally.lost_attempts) == (set(), 1)
    tally.add(attempt_started(0, 4))
    tally.add(run_ended())
    tally.add(resumed())
    assert (tally.in_flight, tally.lost_attempts, tally.resumes) == (set(), 1, 2)


def test_recalled_replies_are_no_spending_and_are_told_apart() -> None:
    recalled = replied(0, 0, recalled="r0")
    tally = tally_of(requested(0, 0), recalled, requested(0, 1), replied(0, 1))
    assert (tally.usage.calls, tally.usage.prompt_tokens, tally.usage.cost) == (1, 1000, 0.25)
    assert tally.recalled == tally.usage
    told = describe_spending(tally.usage, 1.0, tool_calls=1, recalled=tally.recalled.calls)
    assert told == "1 call, 1 reply recalled, 1 tool call, 1,200 tokens, $0.2500, 1.0 s"
    assert "1,200 replies recalled" in describe_spending(Usage(), 1.0, recalled=1200)


def test_calls_that_were_given_up_are_spending() -> None:
    given_up = replace(
        failed(0, "x"), cancelled=True, prompt_tokens=7, completion_tokens=3, cost=0.5
    )
    usage = tally_of(requested(0, 0), given_up).usage
    assert (usage.calls, usage.prompt_tokens, usage.completion_tokens) == (1, 7, 3)
    assert usage.cost == 0.5


def test_a_fork_has_spent_what_it_shares() -> None:
    before = (*SMALL_RUN[:4], ToolCalled(node=0, call=0, tool="t", arguments=""))
    tally = tally_of(*before, forked())
    assert (tally.run, tally.started, tally.query) == ("r2", 1_900_000_000.0, "How many?")
    assert tally.usage == tally.shared == tally_of(*before).usage
    assert tally.usage.calls == tally.tool_calls == 1
    assert (tally.nodes, tally.nodes_running) == (1, 0)
    assert tally.fork is not None
    assert describe_fork(tally.fork) == "r1 at node 0, iteration 2"
    tally.add(diverged(0, 1))
    assert tally.nodes_running == 1


def test_the_first_session_of_a_fork_is_no_resumption() -> None:
    tally = tally_of(*SMALL_RUN[:4], resumed(), forked(at=200), resumed(at=300))
    assert tally.resumes == 0
    tally.add(resumed(at=400))
    assert tally.resumes == 1
